//! The JSON values of all outputs but dead letters, after their key field.

use std::{cell::Cell, io};

use serde::{Serialize, Serializer, ser::SerializeSeq};
use serde_json::value::RawValue;

use super::{Known, LISTED_BYTES_MAX, LISTED_MAX, Lateness};
use crate::{
    matching::{Item, OverdueReason},
    record::Timestamp,
};

/// Room for the fields of a completion, and of an output with short lists, so that they are
/// written without reallocating.
const COMPLETION_BYTES: usize = 64;
const LISTS_BYTES: usize = 192;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Completion {
    expected_at: String,
    late: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overdue<M, U, F> {
    reason: &'static str,
    since: String,
    expected_total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_total: Option<u64>,
    missing_total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<M>,
    unexpected_total: usize,
    unexpected: U,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_total: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<F>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailedKey<'a, F, M> {
    failed: F,
    #[serde(skip_serializing_if = "Total::is_listed")]
    failed_total: Total<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<M>,
    #[serde(skip_serializing_if = "Total::is_listed")]
    missing_total: Total<'a>,
    observed_total: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CancelledKey<'a, M, F> {
    observed_total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<M>,
    #[serde(skip_serializing_if = "Total::is_listed")]
    missing_total: Total<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<F>,
    #[serde(skip_serializing_if = "Total::is_listed")]
    failed_total: Total<'a>,
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
    /// Only where it is so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
}

impl<'a> From<Item<'a>> for Unexpected<'a> {
    fn from(item: Item<'a>) -> Self {
        Self { item: item.text, observed: item.have, failed: item.has_failed() }
    }
}

#[derive(Serialize)]
struct FailedItem<'a> {
    item: &'a str,
}

/// A failed item, and what is kept of the observation that says so.
struct Failed<'a> {
    item: &'a str,
    kept: &'a str,
}

impl Serialize for Failed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { item, kept } = *self;
        let carries = (!kept.is_empty()).then(|| {
            let item = serde_json::to_string(item).expect("a text is JSON");
            RawValue::from_string(format!("{{\"item\":{item},{kept}}}"))
        });
        match carries {
            Some(Ok(entry)) => entry.serialize(serializer),
            // Nothing else is kept than was JSON.
            Some(Err(_)) | None => FailedItem { item }.serialize(serializer),
        }
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
    known: Known<'_>,
) {
    let lists = Lists::default();
    let failed_total = known.failed().count();
    let overdue = Overdue {
        reason: reason_name(reason),
        since: iso(since),
        expected_total: known.expected_total(),
        listed_total: known.listed_total(),
        missing_total: known.missing_total(),
        missing: lists.missing(known),
        unexpected_total: known.unexpected().count(),
        unexpected: lists.of(&lists.unexpected, || known.unexpected().map(Unexpected::from)),
        failed_total: Some(failed_total).filter(|total| *total > 0),
        failed: (failed_total > 0).then(|| lists.failed(known)),
    };
    lists.end(value, known, &overdue);
}

/// Adds what a failed record reports to an object that was begun, and ends it.
pub(super) fn end_failed(value: &mut Vec<u8>, known: Known<'_>) {
    let lists = Lists::default();
    let key = FailedKey {
        failed: lists.failed(known),
        failed_total: lists.failed_total(known),
        missing: lists.missing(known),
        missing_total: lists.missing_total(known),
        observed_total: known.observed_total(),
    };
    lists.end(value, known, &key);
}

/// Adds what a cancelled record reports to an object that was begun, and ends it.
pub(super) fn end_cancelled(value: &mut Vec<u8>, known: Known<'_>) {
    let lists = Lists::default();
    let key = CancelledKey {
        observed_total: known.observed_total(),
        missing: lists.missing(known),
        missing_total: lists.missing_total(known),
        failed: (known.failed().count() > 0).then(|| lists.failed(known)),
        failed_total: lists.failed_total(known),
    };
    lists.end(value, known, &key);
}

/// The lists of a value: how much of it is written, and how many entries of each list are.
#[derive(Default)]
struct Lists {
    written: Cell<usize>,
    missing: Cell<usize>,
    unexpected: Cell<usize>,
    failed: Cell<usize>,
}

impl Lists {
    fn of<'a, F>(&'a self, listed: &'a Cell<usize>, entries: F) -> Listed<'a, F> {
        Listed { written: &self.written, listed, entries }
    }

    /// Returns the list of the missing items, if it is known which those are.
    fn missing<'a>(&'a self, known: Known<'a>) -> Option<impl Serialize + 'a> {
        let missing = move || known.missing().map(Missing::from);
        known.names_missing().then(|| self.of(&self.missing, missing))
    }

    fn missing_total<'a>(&'a self, known: Known<'_>) -> Total<'a> {
        let listed = known.names_missing().then_some(&self.missing);
        Total { of: known.missing_total(), listed }
    }

    /// Returns the list of the failed items, with what is kept of each.
    fn failed<'a>(&'a self, known: Known<'a>) -> impl Serialize + 'a {
        let failed = move || {
            known
                .failed()
                .map(move |Item { text: item, .. }| Failed { item, kept: known.kept.of_item(item) })
        };
        self.of(&self.failed, failed)
    }

    fn failed_total<'a>(&'a self, known: Known<'_>) -> Total<'a> {
        Total { of: known.failed().count() as u64, listed: Some(&self.failed) }
    }

    /// Adds the fields of `record` to an object that was begun, and ends it.
    /// What it carries of the expectation does not count: it would leave no room for items.
    fn end(&self, value: &mut Vec<u8>, known: Known<'_>, record: &impl Serialize) {
        value.reserve(LISTS_BYTES);
        let (written, carried) = (&self.written, known.kept.expected().len());
        end(value, |value| serde_json::to_writer(Counted { value, carried, written }, record));
    }
}

/// A list that ends at its [`LISTED_MAX`]th entry, or once [`LISTED_BYTES_MAX`] bytes of the value
/// are written. How many bytes an entry takes is known only when it is written, because of the
/// characters that have to be escaped.
struct Listed<'a, F> {
    written: &'a Cell<usize>,
    listed: &'a Cell<usize>,
    entries: F,
}

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Listed<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let has_room = |_: &_| self.written.get() <= LISTED_BYTES_MAX;
        for entry in (self.entries)().take(LISTED_MAX).take_while(has_room) {
            list.serialize_element(&entry)?;
            self.listed.set(self.listed.get() + 1);
        }
        list.end()
    }
}

/// How many entries a list would have, which is written after it if some were left out, or if there
/// is no list.
struct Total<'a> {
    of: u64,
    listed: Option<&'a Cell<usize>>,
}

impl Total<'_> {
    fn is_listed(&self) -> bool {
        self.listed.is_some_and(|listed| listed.get() as u64 == self.of)
    }
}

impl Serialize for Total<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.of.serialize(serializer)
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
    carried: usize,
    written: &'a Cell<usize>,
}

impl io::Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.value.extend_from_slice(bytes);
        self.written.set(self.value.len() - self.carried);
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
