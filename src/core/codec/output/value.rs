//! The JSON values of completions and overdue records, after their key field.

use std::{cell::Cell, io};

use serde::{Serialize, Serializer, ser::SerializeSeq};

use super::{LISTED_BYTES_MAX, LISTED_MAX, Lateness};
use crate::{
    matching::{Item, Items, OverdueReason},
    record::Timestamp,
};

/// Room for the fields of a completion, and of an overdue record with short lists, so that they are
/// written without reallocating.
const COMPLETION_BYTES: usize = 64;
const OVERDUE_BYTES: usize = 192;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Completion {
    expected_at: String,
    late: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overdue<M, U> {
    reason: &'static str,
    since: String,
    expected_total: usize,
    missing_total: usize,
    missing: M,
    unexpected_total: usize,
    unexpected: U,
}

#[derive(Serialize)]
struct Missing<'a> {
    item: &'a str,
    missing: u32,
    needed: u32,
}

impl<'a> From<Item<'a>> for Missing<'a> {
    fn from(item: Item<'a>) -> Self {
        Self { item: item.text, missing: item.missing(), needed: item.need }
    }
}

#[derive(Serialize)]
struct Unexpected<'a> {
    item: &'a str,
    observed: u32,
}

impl<'a> From<Item<'a>> for Unexpected<'a> {
    fn from(item: Item<'a>) -> Self {
        Self { item: item.text, observed: item.have }
    }
}

/// Adds the facts of a completion to an object that was begun, and ends it.
pub(super) fn end_completion(value: &mut Vec<u8>, expected_at: Timestamp, lateness: Lateness) {
    let late = lateness == Lateness::Late;
    let completion = Completion { expected_at: iso(expected_at), late };
    value.reserve(COMPLETION_BYTES);
    end(value, |value| serde_json::to_writer(value, &completion));
}

/// Adds what an overdue record reports to an object that was begun, and ends it.
pub(super) fn end_overdue(
    value: &mut Vec<u8>,
    reason: OverdueReason,
    since: Timestamp,
    items: &Items,
) {
    let written = &Cell::new(0);
    let missing = || items.iter().filter(|item| item.missing() > 0);
    let unexpected = || items.iter().filter(|item| item.need == 0);
    let overdue = Overdue {
        reason: reason_name(reason),
        since: iso(since),
        expected_total: items.iter().filter(|item| item.need > 0).count(),
        missing_total: missing().count(),
        missing: Listed { written, entries: || missing().map(Missing::from) },
        unexpected_total: unexpected().count(),
        unexpected: Listed { written, entries: || unexpected().map(Unexpected::from) },
    };
    value.reserve(OVERDUE_BYTES);
    end(value, |value| serde_json::to_writer(Counted { value, written }, &overdue));
}

/// A list that ends at its [`LISTED_MAX`]th entry, or once [`LISTED_BYTES_MAX`] bytes of the value
/// are written. How many bytes an entry takes is known only when it is written, because of the
/// characters that have to be escaped.
struct Listed<'a, F> {
    written: &'a Cell<usize>,
    entries: F,
}

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Listed<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let has_room = |_: &_| self.written.get() <= LISTED_BYTES_MAX;
        for entry in (self.entries)().take(LISTED_MAX).take_while(has_room) {
            list.serialize_element(&entry)?;
        }
        list.end()
    }
}

/// Adds the fields that `write` writes to an object that was begun, and ends it.
fn end(value: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) {
    let start = value.len();
    write(value).expect("a Vec takes every value");
    // What was written is an object of its own.
    value[start] = b',';
}

/// A value, and its size for those who write it.
struct Counted<'a> {
    value: &'a mut Vec<u8>,
    written: &'a Cell<usize>,
}

impl io::Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.value.extend_from_slice(bytes);
        self.written.set(self.value.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn reason_name(reason: OverdueReason) -> &'static str {
    match reason {
        OverdueReason::Overdue => "overdue",
        OverdueReason::Orphan => "orphan",
        OverdueReason::Expired => "expired",
    }
}

/// Returns the instant as ISO 8601 in UTC; outside of the calendar, the nearest representable one.
fn iso(at: Timestamp) -> String {
    let end = if at < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(at).unwrap_or(end).to_string()
}
