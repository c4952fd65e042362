//! One pass over a document, guided by the tree of paths: a visitor that the readers of all formats
//! drive alike.
//!
//! A mismatch is recorded and the pass goes on: only at the end is it known whether the document is
//! JSON at all, and a later member of the same name may be correct. Every visit of a place decides
//! everything below it again, so the last occurrence counts. What a value means is decided after
//! the pass, when it is known to which entry the record belongs; only the elements of the list are
//! read on the way, because there are many.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::capture::{Captured, Failure};
use super::collect::Scratch;
use super::decimal::Sign;
use super::grammar::{Name, is_in_string, is_json, malformed};
use super::plan::{Kind, List, Node, Plan};
use super::transcode::{Json, Text, Transcoded, avro_text, protobuf_text};
use super::walked::Walked;
use super::{Limits, Role};
use crate::codec::reason::{Found, Reason};
use crate::codec::unfit::Unfit;
use crate::codec::{avro, protobuf};

/// Walks the document `text`, and leaves the items of the list in `scratch`.
pub(super) fn walk<'a>(
    plan: &'a Plan,
    text: &str,
    limits: Limits,
    scratch: &mut Scratch,
) -> Result<Walked<'a>, Reason> {
    let mut state = State::new(plan, limits, scratch);
    let mut document = serde_json::Deserializer::from_str(text);
    let read = if is_looked_into(&plan.root, text) {
        Visit::<Json>::of(&plan.root, &mut state).deserialize(&mut document)
    } else {
        IgnoredAny::deserialize(&mut document).map(|_| ())
    };
    read.and_then(|()| document.end()).map_err(|error| state.unreadable(text, &error))?;
    if state.odd_names {
        // The reader does not look inside names: a control character in one may be an escape, or
        // may be invalid JSON.
        is_json(text).map_err(|error| malformed(&error))?;
    }
    Ok(state.end(|| Ok(text)).unwrap_or_else(|never: Infallible| match never {}))
}

/// Walks the value `bytes` of an Avro schema likewise.
pub(super) fn walk_avro<'a>(
    plan: &'a Plan,
    schema: &avro::Schema,
    bytes: &[u8],
    limits: Limits,
    scratch: &mut Scratch,
) -> Result<Walked<'a>, Unfit> {
    let mut state = State::new(plan, limits, scratch);
    let mut document = avro::Document::new(schema, bytes);
    if plan.root.is_looked_into() {
        Visit::<Transcoded>::of(&plan.root, &mut state).deserialize(&mut document)?;
    } else {
        IgnoredAny::deserialize(&mut document)?;
    }
    document.end()?;
    state.end(|| avro_text(schema, bytes))
}

/// Walks the value `bytes` of a message of a Protobuf schema likewise.
pub(super) fn walk_protobuf<'a>(
    plan: &'a Plan,
    (schema, indexes): (&protobuf::Schema, &protobuf::Indexes),
    bytes: &[u8],
    limits: Limits,
    scratch: &mut Scratch,
) -> Result<Walked<'a>, Unfit> {
    let mut state = State::new(plan, limits, scratch);
    let mut document = protobuf::Document::new(schema, indexes, bytes)?;
    if plan.root.is_looked_into() {
        Visit::<Transcoded>::of(&plan.root, &mut state).deserialize(&mut document)?;
    } else {
        IgnoredAny::deserialize(&mut document)?;
    }
    state.end(|| protobuf_text((schema, indexes), bytes))
}

/// Returns whether anything that matters can be inside of `json`, which is at `node`.
fn is_looked_into(node: &Node, json: &str) -> bool {
    node.is_looked_into() && (!node.is_only_kept || json.trim_ascii_start().starts_with(['{', '[']))
}

struct State<'s, 'a> {
    items_max: usize,
    walked: Walked<'a>,
    scratch: &'s mut Scratch,
    /// The place that is being read.
    at: &'a Node,
    /// A member's name contains a control character.
    odd_names: bool,
    /// The reader stopped inside a value that is kept and read again: whether in a string there.
    inside: Option<bool>,
}

impl<'s, 'a> State<'s, 'a> {
    fn new(plan: &'a Plan, limits: Limits, scratch: &'s mut Scratch) -> Self {
        Self {
            items_max: limits.items_max,
            walked: Walked::nothing(plan),
            scratch,
            at: &plan.root,
            odd_names: false,
            inside: None,
        }
    }

    /// Ends the walk; `whole` returns the JSON text of the document.
    fn end<T: AsRef<str>, E>(
        mut self,
        whole: impl FnOnce() -> Result<T, E>,
    ) -> Result<Walked<'a>, E> {
        let plan = self.walked.plan;
        if let Some(list) = plan.list.as_ref().filter(|list| list.is_document) {
            self.end_element(list);
        }
        if !plan.whole.is_empty() {
            let range = self.scratch.keep_value(whole()?.as_ref());
            plan.whole.iter().for_each(|slot| self.walked.slots[*slot] = Captured::Raw(range));
        }
        Ok(self.walked)
    }

    fn capture(&mut self, node: &'a Node, captured: Captured<'a>) {
        for slot in &node.slots {
            self.walked.slots[*slot] = captured;
        }
    }

    /// Records that `found` is at `node`, which leads nowhere for the paths that need something
    /// else there. The paths through what was found are decided by the caller.
    fn mismatch(&mut self, node: &'a Node, found: Found) {
        let is_object = found == Found::Object;
        if !is_object {
            for (_, member) in &node.members {
                self.lose(member, Captured::Astray(node, found, Kind::Object));
            }
        }
        for (_, element) in node.indexed.iter().filter(|_| found != Found::Array) {
            self.lose(element, Captured::Astray(node, found, Kind::Array));
        }
        if let Some(element) = node.each.as_ref().filter(|_| found != Found::Array) {
            self.lose(element, Captured::Astray(node, found, Kind::Each));
        }
        match node.list {
            Some(Kind::Object) if is_object => {}
            Some(Kind::Array | Kind::Each) if found == Found::Array => {}
            // A missing list is an empty list: the core decides what that means (S7).
            Some(Kind::Each) if found == Found::Null => {}
            Some(kind) => self.fail_list(Failure::Wrong(&node.path, found, kind)),
            None => {}
        }
    }

    fn lose(&mut self, node: &'a Node, captured: Captured<'a>) {
        for slot in &node.below {
            self.walked.slots[*slot] = captured;
        }
    }

    fn fail_list(&mut self, failure: Failure<'a>) {
        if self.walked.list.is_ok() {
            self.walked.list = Err(failure);
            self.scratch.note_place();
        }
    }

    fn end_element(&mut self, list: &List) {
        if self.walked.list.is_err() {
            return;
        }
        let item = self.walked.item(list.item, self.scratch);
        match (item, self.walked.quantity(list.quantity)) {
            (Ok(_), Ok(_)) if self.scratch.found() == self.items_max => {
                self.fail_list(Failure::TooManyItems);
            }
            (Ok(item), Ok(quantity)) => self.scratch.push(item, quantity),
            (Err(failure), _) | (Ok(_), Err(failure)) => self.fail_list(failure),
        }
    }

    /// Explains why the reader stopped: the document is not JSON, or the value at a place that is
    /// needed is valid JSON but cannot be represented here.
    fn unreadable(&self, text: &str, error: &serde_json::Error) -> Reason {
        if let Err(ungrammatical) = is_json(text) {
            // An error before the syntax error is about a value that is needed here, not about
            // syntax.
            let place = |error: &serde_json::Error| (error.line(), error.column());
            let first = place(error) < place(&ungrammatical);
            return malformed(if first { &ungrammatical } else { error });
        }
        let node = self.at;
        let is_in_string = self.inside.unwrap_or_else(|| is_in_string(text, error));
        let found = if is_in_string { Found::HalfPair } else { Found::Number };
        let slots = &self.walked.plan.slots;
        let failure = if node.slots.iter().any(|slot| slots[*slot].1 == Role::Quantity) {
            Failure::BadQuantity(&node.path)
        } else if node.slots.iter().any(|slot| slots[*slot].1.is_deadline()) {
            Failure::BadDeadline(&node.path)
        } else {
            Failure::Wrong(&node.path, found, node.needs())
        };
        failure.reason(self.scratch.indices(), self.items_max)
    }
}

/// The value at one place of the tree.
struct Visit<'v, 's, 'a, T> {
    node: &'a Node,
    state: &'v mut State<'s, 'a>,
    text: PhantomData<T>,
}

impl<'v, 's, 'a, T: Text> Visit<'v, 's, 'a, T> {
    fn of(node: &'a Node, state: &'v mut State<'s, 'a>) -> Self {
        Self { node, state, text: PhantomData }
    }
}

impl<'de, T: Text> DeserializeSeed<'de> for Visit<'_, '_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.node.is_raw {
            return T::of(deserializer, |json| self.keep(json));
        }
        self.state.at = self.node;
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Text> Visitor<'de> for Visit<'_, '_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let Self { node, state, .. } = self;
        if !node.slots.is_empty() {
            let range = state.scratch.keep(text);
            state.capture(node, Captured::Text(range));
        }
        if node.only != Some(Kind::Value) {
            state.mismatch(node, Found::String);
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.visit_scalar(Captured::Integer(number, Sign::Plus), Found::Integer);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        let sign = if number < 0 { Sign::Minus } else { Sign::Plus };
        self.visit_scalar(Captured::Integer(number.unsigned_abs(), sign), Found::Integer);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.visit_scalar(Captured::Other(Found::Number), Found::Number);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.visit_scalar(Captured::Boolean(value), Found::Boolean);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.visit_scalar(Captured::Other(Found::Null), Found::Null);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { node, state, .. } = self;
        if node.only != Some(Kind::Object) {
            state.capture(node, Captured::Other(Found::Object));
            state.mismatch(node, Found::Object);
        }
        for (_, member) in &node.members {
            state.lose(member, Captured::Missing(member));
        }
        let members = &node.members[..];
        let list_before = (state.scratch.found(), state.walked.list);
        let mut has_list = node.list != Some(Kind::Object);
        while let Some(member) = map.next_key_seed(Name { members, odd: &mut state.odd_names })? {
            let Some(at) = member else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let member = &members[at].1;
            if member.is_on_list() {
                // If a list occurs twice, only the last one may stay.
                has_list = true;
                state.scratch.truncate(list_before.0);
                state.walked.list = list_before.1;
            }
            map.next_value_seed(Visit::<T>::of(member, &mut *state))?;
        }
        if !has_list && let Some((_, list)) = members.iter().rfind(|(_, it)| it.is_on_list()) {
            state.fail_list(Failure::Missing(&list.path));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { node, state, .. } = self;
        if node.only != Some(Kind::Each) {
            state.capture(node, Captured::Other(Found::Array));
            state.mismatch(node, Found::Array);
        }
        if node.each.is_some() {
            state.scratch.enter_list();
        }
        let mut length = 0;
        loop {
            let Some(element) = node.element(length) else {
                match elements.next_element::<IgnoredAny>()? {
                    Some(_) => length += 1,
                    None => break,
                }
                continue;
            };
            let visit = Visit::<T>::of(element, &mut *state);
            if elements.next_element_seed(visit)?.is_none() {
                break;
            }
            if let Some(list) = state.walked.plan.list.as_ref().filter(|_| element.is_element) {
                state.end_element(list);
            }
            if node.each.is_some() {
                state.scratch.next_element();
            }
            length += 1;
        }
        if node.each.is_some() {
            state.scratch.leave_list();
        }
        for (_, missing) in node.indexed.iter().filter(|(index, _)| *index >= length) {
            state.lose(missing, Captured::Missing(missing));
            if node.list == Some(Kind::Array) && missing.is_on_list() {
                state.fail_list(Failure::Missing(&missing.path));
            }
        }
        Ok(())
    }
}

impl<'a, T: Text> Visit<'_, '_, 'a, T> {
    /// Keeps the value `json` as it came, and reads it again if more than that is looked for.
    fn keep(self, json: &str) -> serde_json::Result<()> {
        let Self { node, state, .. } = self;
        state.lose(node, Captured::Missing(node));
        if !node.kept.is_empty() {
            let range = state.scratch.keep_value(json);
            node.kept.iter().for_each(|slot| state.walked.slots[*slot] = Captured::Raw(range));
        }
        if !is_looked_into(node, json) {
            return Ok(());
        }
        state.at = node;
        let again = serde_json::Deserializer::from_str(json)
            .deserialize_any(Visit::<Json>::of(node, &mut *state));
        again.inspect_err(|error| {
            state.inside.get_or_insert_with(|| is_in_string(json, error));
        })
    }

    fn visit_scalar(self, captured: Captured<'a>, found: Found) {
        self.state.capture(self.node, captured);
        if self.node.only != Some(Kind::Value) {
            self.state.mismatch(self.node, found);
        }
    }
}
