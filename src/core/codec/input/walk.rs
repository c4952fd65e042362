//! One pass over a JSON document, guided by the tree of paths.
//!
//! A mismatch is recorded and the pass goes on: only at the end is it known whether the document is
//! JSON at all, and a later member of the same name may be correct. Every visit of a place decides
//! everything below it again, so the last occurrence counts.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Limits;
use super::collect::{Scratch, TextRange};
use super::decimal::{DIGITS_MAX, Sign, decimal};
use super::grammar::{Name, is_in_string, is_json, malformed};
use super::plan::{Kind, Node, Targets};
use crate::codec::path;
use crate::codec::reason::{Found, Reason};
use crate::matching::ITEM_BYTES_MAX;

/// Walks the document `text` and leaves the items in `scratch`.
pub(super) fn walk(
    root: &Node,
    record_key: &str,
    text: &str,
    limits: Limits,
    scratch: &mut Scratch,
) -> Result<(), Reason> {
    scratch.clear();
    let items_max = limits.items_max;
    let nothing = Failure::Missing(root);
    let mut state = State {
        record_key,
        items_max,
        scratch,
        at: root,
        odd_names: false,
        key: Ok(()),
        list: Ok(()),
        item: Err(nothing),
        quantity: Ok(1),
    };
    let mut document = serde_json::Deserializer::from_str(text);
    Visit { node: root, state: &mut state }
        .deserialize(&mut document)
        .and_then(|()| document.end())
        .map_err(|error| state.unreadable(text, &error))?;
    if state.odd_names {
        // The reader does not look inside names: a control character in one may be an escape, or
        // may be invalid JSON.
        is_json(text).map_err(|error| malformed(&error))?;
    }
    if root.targets.has(Targets::ITEM) {
        state.end_element();
    }
    match (state.key, state.list) {
        (Err(failure), _) => Err(failure.reason(&[], items_max)),
        (Ok(()), Err(failure)) => Err(failure.reason(&state.scratch.failed_at, items_max)),
        (Ok(()), Ok(())) => Ok(()),
    }
}

/// What the pass has found so far.
struct State<'a> {
    record_key: &'a str,
    items_max: usize,
    scratch: &'a mut Scratch,
    /// The place that is being read.
    at: &'a Node,
    /// A member's name contains a control character.
    odd_names: bool,
    key: Result<(), Failure<'a>>,
    /// The first failure in the list of items.
    list: Result<(), Failure<'a>>,
    /// The item and the quantity of the current array element.
    item: Result<TextRange, Failure<'a>>,
    quantity: Result<u32, Failure<'a>>,
}

/// What is wrong at a place; small enough to be recorded for every member of every record.
#[derive(Clone, Copy)]
enum Failure<'a> {
    Missing(&'a Node),
    Wrong(&'a Node, Found),
    KeyMismatch(&'a Node),
    ItemTooLong(&'a Node, usize),
    BadQuantity(&'a Node),
    TooManyItems,
}

impl Failure<'_> {
    /// Returns the reason, with the elements at `indices` where the path has `[*]`.
    fn reason(self, indices: &[usize], items_max: usize) -> Reason {
        let path = |node: &Node| match indices {
            [] => Arc::clone(&node.path),
            _ => path::with_indices(&node.path, indices).into(),
        };
        match self {
            Self::Missing(node) => Reason::MissingField { path: path(node) },
            Self::Wrong(node, found) => {
                Reason::WrongType { path: path(node), found, needed: node.kind.needed() }
            }
            Self::KeyMismatch(node) => Reason::KeyMismatch { path: path(node) },
            Self::ItemTooLong(node, bytes) => Reason::ItemTooLong { path: path(node), bytes },
            Self::BadQuantity(node) => Reason::BadQuantity { path: path(node) },
            Self::TooManyItems => Reason::TooManyItems { items_max },
        }
    }
}

impl<'a> State<'a> {
    fn text(&mut self, node: &'a Node, text: &str) {
        if node.targets.has(Targets::KEY) {
            let equal = text == self.record_key;
            self.key = if equal { Ok(()) } else { Err(Failure::KeyMismatch(node)) };
        }
        if node.targets.has(Targets::ITEM) {
            self.item = if text.len() > ITEM_BYTES_MAX {
                Err(Failure::ItemTooLong(node, text.len()))
            } else {
                Ok(self.scratch.keep(text))
            };
        }
    }

    fn integer(&mut self, node: &'a Node, magnitude: u64, sign: Sign) {
        if node.targets.has(Targets::QUANTITY) {
            let quantity = match sign {
                Sign::Plus => u32::try_from(magnitude).ok().filter(|quantity| *quantity > 0),
                Sign::Minus => None,
            };
            self.quantity = quantity.ok_or(Failure::BadQuantity(node));
        }
        if node.targets.has(Targets::KEY | Targets::ITEM) {
            let mut digits = [0; DIGITS_MAX];
            self.text(node, decimal(magnitude, sign, &mut digits));
        }
    }

    /// Records that the value at `node` is not what is needed.
    fn wrong(&mut self, node: &'a Node, found: Found) {
        let mut targets = node.targets;
        if matches!(node.kind, Kind::Value) && targets.has(Targets::QUANTITY) {
            targets = targets.without(Targets::QUANTITY);
            self.quantity = Err(Failure::BadQuantity(node));
        }
        self.fail(targets, Failure::Wrong(node, found));
    }

    fn fail(&mut self, targets: Targets, failure: Failure<'a>) {
        if targets.has(Targets::KEY) {
            self.key = Err(failure);
        }
        if targets.has(Targets::ITEM) {
            self.item = Err(failure);
        }
        if targets.has(Targets::QUANTITY) {
            self.quantity = Err(failure);
        }
        if targets.has(Targets::LIST) {
            self.fail_list(failure);
        }
    }

    fn fail_list(&mut self, failure: Failure<'a>) {
        if self.list.is_ok() {
            self.list = Err(failure);
            self.scratch.note_place();
        }
    }

    fn end_element(&mut self) {
        if self.list.is_err() {
            return;
        }
        match (self.item, self.quantity) {
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
        let found = if is_in_string(text, error) { Found::HalfPair } else { Found::Number };
        let is_quantity = matches!(node.kind, Kind::Value) && node.targets.has(Targets::QUANTITY);
        let failure =
            if is_quantity { Failure::BadQuantity(node) } else { Failure::Wrong(node, found) };
        failure.reason(self.scratch.indices(), self.items_max)
    }
}

/// The value at one place of the tree.
struct Visit<'v, 'a> {
    node: &'a Node,
    state: &'v mut State<'a>,
}

impl<'de> DeserializeSeed<'de> for Visit<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.state.at = self.node;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Visit<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if matches!(self.node.kind, Kind::Value) {
            self.state.text(self.node, text);
            if !self.node.targets.has(Targets::QUANTITY) {
                return Ok(());
            }
            self.state.quantity = Err(Failure::BadQuantity(self.node));
        } else {
            self.state.wrong(self.node, Found::String);
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.visit_integer(number, Sign::Plus);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        let sign = if number < 0 { Sign::Minus } else { Sign::Plus };
        self.visit_integer(number.unsigned_abs(), sign);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.state.wrong(self.node, Found::Number);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.state.wrong(self.node, Found::Boolean);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        // A missing list is an empty list: the core decides what that means (S7).
        if !matches!(self.node.kind, Kind::Each(_)) {
            self.state.wrong(self.node, Found::Null);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { node, state } = self;
        let Kind::Object(members) = &node.kind else {
            while map.next_key_seed(Name { members: &[], odd: &mut state.odd_names })?.is_some() {
                map.next_value::<IgnoredAny>()?;
            }
            state.wrong(node, Found::Object);
            return Ok(());
        };
        let (found_before, list_before) = (state.scratch.found(), state.list);
        // At most three paths pass through a node, so a byte has a bit for each member.
        let mut seen = 0_u8;
        while let Some(member) = map.next_key_seed(Name { members, odd: &mut state.odd_names })? {
            let Some(at) = member else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let member = &members[at].1;
            if member.targets.has(Targets::LIST) {
                // If a list occurs twice, only the last one may stay.
                state.scratch.truncate(found_before);
                state.list = list_before;
            }
            seen |= 1 << at;
            map.next_value_seed(Visit { node: member, state: &mut *state })?;
        }
        for (at, (_, member)) in members.iter().enumerate() {
            if seen & (1 << at) == 0 {
                state.fail(member.targets, Failure::Missing(member));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { node, state } = self;
        match &node.kind {
            Kind::Each(element) => {
                state.scratch.enter_list();
                while elements
                    .next_element_seed(Visit { node: element, state: &mut *state })?
                    .is_some()
                {
                    if element.targets.has(Targets::ITEM) {
                        state.end_element();
                    }
                    state.scratch.next_element();
                }
                state.scratch.leave_list();
            }
            Kind::Array(indexed) => visit_indexed(indexed, state, elements)?,
            Kind::Value | Kind::Object(_) => {
                IgnoredAny.visit_seq(elements)?;
                state.wrong(node, Found::Array);
            }
        }
        Ok(())
    }
}

impl Visit<'_, '_> {
    fn visit_integer(self, magnitude: u64, sign: Sign) {
        if matches!(self.node.kind, Kind::Value) {
            self.state.integer(self.node, magnitude, sign);
        } else {
            self.state.wrong(self.node, Found::Integer);
        }
    }
}

fn visit_indexed<'de, 'a, A: SeqAccess<'de>>(
    indexed: &'a [(usize, Node)],
    state: &mut State<'a>,
    mut elements: A,
) -> Result<(), A::Error> {
    let mut length = 0;
    loop {
        let wanted = indexed.iter().find(|(index, _)| *index == length);
        let element = match wanted {
            Some((_, node)) => elements.next_element_seed(Visit { node, state: &mut *state })?,
            None => elements.next_element::<IgnoredAny>()?.map(|_| ()),
        };
        if element.is_none() {
            break;
        }
        length += 1;
    }
    for (_, node) in indexed.iter().filter(|(index, _)| *index >= length) {
        state.fail(node.targets, Failure::Missing(node));
    }
    Ok(())
}
