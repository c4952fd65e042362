//! Which entry of its topic a record belongs to, decided without the decoder of the topic: one
//! condition after the other, over a parsed value.

use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        kafka::Message,
        situation::{Seen, Situation},
    },
    Events,
};
use rollcall_core::codec::input::{Entry, Paths, Subject, Test};

/// The entry that a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belongs {
    To(usize),
    /// It is skipped.
    Nowhere,
    /// The value has to be read, and is no JSON.
    Unreadable,
}

/// What a condition looks at.
enum Found {
    Nothing,
    Text(String),
    Other,
}

/// The part of a value that the conditions of the simulated plans look at.
#[derive(Default, Deserialize)]
struct Marked {
    kind: Option<Value>,
}

/// Returns the first entry whose conditions all hold; `json` is the value as JSON, if it is some.
pub fn belongs(entries: &[Entry], message: &Message, json: Option<&[u8]>) -> Belongs {
    for (index, entry) in entries.iter().enumerate() {
        let holds = |is_path: bool, found: &dyn Fn(&Subject) -> Found| {
            let conditions = entry.conditions.iter();
            let mut of_these =
                conditions.filter(|condition| is_path == matches!(condition.of, Subject::Path(_)));
            of_these.all(|condition| holds(&condition.test, &found(&condition.of)))
        };
        if !holds(false, &|subject| in_headers(subject, message)) {
            continue;
        }
        let asks = entry.conditions.iter().any(|of| matches!(of.of, Subject::Path(_)));
        let value = match json {
            // A tombstone of the expected topic cancels its key.
            None if matches!(entry.paths, Paths::Expected(_)) => return Belongs::To(index),
            None => Marked::default(),
            Some(_) if !asks => return Belongs::To(index),
            Some(value) => match serde_json::from_slice(value) {
                Ok(marked) => marked,
                Err(_) => return Belongs::Unreadable,
            },
        };
        if holds(true, &|_| in_value(&value)) {
            return Belongs::To(index);
        }
    }
    Belongs::Nowhere
}

/// Counts the records that were skipped, and those that belong to a later entry.
pub(super) fn count(events: &Events, seen: &mut Seen) {
    for fact in events.values().flatten().flatten() {
        match fact.belongs {
            Belongs::Nowhere => seen.count(Situation::Skipped),
            Belongs::To(1..) => seen.count(Situation::LaterEntry),
            Belongs::To(0) | Belongs::Unreadable => {}
        }
    }
}

fn holds(test: &Test, found: &Found) -> bool {
    match (test, found) {
        (Test::In(texts), Found::Text(text)) => texts.contains(text),
        (Test::In(_), Found::Nothing | Found::Other) => false,
        (Test::NotIn(texts), Found::Text(text)) => !texts.contains(text),
        (Test::NotIn(_), Found::Nothing | Found::Other) => true,
        (Test::Exists(is_wanted), Found::Nothing) => !is_wanted,
        (Test::Exists(is_wanted), Found::Text(_) | Found::Other) => *is_wanted,
    }
}

fn in_headers(subject: &Subject, message: &Message) -> Found {
    let Subject::Header(wanted) = subject else { unreachable!("it is a header's condition") };
    let last = message.headers.iter().rfind(|(name, _)| name == wanted);
    match last.and_then(|(_, value)| value.clone()).map(String::from_utf8) {
        None => Found::Nothing,
        Some(Ok(text)) => Found::Text(text),
        Some(Err(_)) => Found::Other,
    }
}

fn in_value(value: &Marked) -> Found {
    match &value.kind {
        None | Some(Value::Null) => Found::Nothing,
        Some(Value::String(text)) => Found::Text(text.clone()),
        Some(Value::Bool(value)) => Found::Text(value.to_string()),
        Some(Value::Number(number)) if !number.is_f64() => Found::Text(number.to_string()),
        Some(_) => Found::Other,
    }
}
