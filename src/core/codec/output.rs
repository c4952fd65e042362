//! Records for the output topics.
//!
//! Promise: bounded records of a stable, documented shape. A completion's value is exactly one
//! field by default. Instants are ISO 8601 in JSON values and milliseconds in headers, as Kafka
//! has them. Ban: no choice of topic or partition; a [`Sink`] names the purpose only.
//!
//! The value of an overdue record:
//! ```json
//! {"orderId":"o-1","reason":"overdue","since":"2023-05-08T21:37:38.571Z",
//!  "expectedTotal":3,"missingTotal":1,"missing":[{"item":"2","missing":1,"needed":1}],
//!  "unexpectedTotal":1,"unexpected":[{"item":"99","observed":1}]}
//! ```
//! `reason` is `overdue`, `expired` (both `since` the expectation's arrival) or `orphan` (`since`
//! the key's last change; all that was observed is then unexpected). The totals count different
//! items; the lists hold the first [`LISTED_MAX`] of them at most. If expected items have failed,
//! `failedTotal` and `failed` follow.
//!
//! The value of a failed record, and of a cancelled one, which has `failed` only if items failed:
//! ```json
//! {"orderId":"o-1","failed":[{"item":"2"}],"missing":[{"item":"3","missing":1,"needed":1}],
//!  "observedTotal":1}
//! {"orderId":"o-1","observedTotal":1,"missing":[{"item":"3","missing":1,"needed":1}]}
//! ```
//! A list that was cut is followed by its total, `failedTotal` or `missingTotal`. Of a key that
//! waits for a count, nobody knows which items are missing: these records have `missingTotal` only,
//! and so have those of a list that is not closed yet; the overdue record then has `listedTotal`,
//! too.
//!
//! What is kept of the expectation follows the key field in all of them, and what is kept of an
//! item is beside it where failed items and the items of a completion are listed, see [`Fields`].
//!
//! All records of a transaction have the timestamp of its commit, see [`Outputs::stamp`]: topics
//! delete by timestamp, so an output with an old record's time would be gone before it is read.

mod fields;
mod known;
mod value;

pub use self::fields::{Constant, Fields, LISTED_TOTAL, standard_fields};
use self::known::Known;
use super::Reason;
use crate::record::{Carried, Header, Headers, Offset, Output, Sink};
use crate::{
    matching::{Emitted, Rules},
    record::Timestamp,
};

/// Most items in each list of an output.
pub const LISTED_MAX: usize = 100;

/// An output lists no further items beyond this size.
pub const LISTED_BYTES_MAX: usize = 64 * 1024;

/// The header that says what the record's own timestamp was, in milliseconds since the epoch.
const SOURCE_TIMESTAMP: &str = "rollcall-source-timestamp";

/// The header of a dead letter that names the topic of its record.
pub const SOURCE_TOPIC: &str = "rollcall-source-topic";

/// Fields of an overdue record, or of a completion with facts, in addition to the key field.
const RESERVED_FIELDS: [&str; 9] = [
    "reason",
    "since",
    "expectedTotal",
    "missingTotal",
    "missing",
    "unexpectedTotal",
    "unexpected",
    "expectedAt",
    "late",
];

/// Fields that failed and cancelled records have, and overdue records where items can fail, in
/// addition to [`RESERVED_FIELDS`].
const OUTCOME_FIELDS: [&str; 3] = ["failed", "failedTotal", "observedTotal"];

/// Returns whether `name` cannot be the key field, because records of these rules have a field of
/// that name.
pub fn is_reserved(name: &str, rules: &Rules) -> bool {
    let has_outcomes = rules.failed.is_some() || rules.reports_cancelled;
    RESERVED_FIELDS.contains(&name) || (has_outcomes && OUTCOME_FIELDS.contains(&name))
}

/// Where a completion carries more than the fact that the key is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Facts {
    /// A header `rollcall-late` if the overdue record was sent before.
    #[default]
    LateHeader,
    /// Headers `rollcall-expected-at` and, where it applies, `rollcall-late`.
    Headers,
    /// Fields `expectedAt` and `late` in the value.
    Value,
}

/// Which timestamp output records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stamp {
    /// The commit's; a header holds the timestamp of the record that caused the output.
    #[default]
    Commit,
    /// That of the record that caused the output, if it can be used (S30) and is not after the
    /// commit.
    Source,
}

/// Settings for making output records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSettings {
    /// The name of the reconciliation.
    pub reconciliation: String,
    /// The field that holds the key in the values of all outputs but dead letters.
    pub key_field: String,
    pub facts: Facts,
    pub fields: Fields,
    pub stamp: Stamp,
    /// Maximum size of what a dead letter keeps of its record: key, value and headers.
    pub dead_letter_bytes_max: usize,
}

/// Why settings cannot be used to make output records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    #[error("the key field {0:?} is also the name of a fact; choose another one")]
    ReservedKeyField(String),
}

/// Makes the records of one reconciliation.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// `{"<key field>":`
    head: Vec<u8>,
    carried: fields::Carried,
    settings: OutputSettings,
}

/// The time of the event that an output reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The time used by the rules, in milliseconds since the epoch: the record's if it can be used
    /// (S30); for a deadline, the shard time at which it fired.
    pub at_ms: Timestamp,
    /// The record's timestamp as received, usable or not; for a deadline, the same as `at_ms`.
    pub source_ms: Timestamp,
}

impl Time {
    /// Returns the time of a deadline that fired at `at_ms`, or of a record with a usable
    /// timestamp.
    pub fn of(at_ms: Timestamp) -> Self {
        Self { at_ms, source_ms: at_ms }
    }
}

/// A record as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: Offset,
    pub time: Time,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Option<&'a dyn Headers>,
}

impl Outputs {
    /// Compiles the settings.
    ///
    /// # Errors
    /// When a record would have a field twice.
    pub fn new(settings: OutputSettings, rules: &Rules) -> Result<Self, OutputError> {
        if is_reserved(&settings.key_field, rules) {
            return Err(OutputError::ReservedKeyField(settings.key_field));
        }
        let mut head = b"{".to_vec();
        push_text(&mut head, &settings.key_field);
        head.push(b':');
        let carried = fields::Carried::new(&settings.fields, rules.counting);
        Ok(Self { head, carried, settings })
    }

    /// Returns the record for what the core emitted about `key` at `time`, not yet stamped.
    pub fn emitted(&self, key: &[u8], emitted: &Emitted, time: Time) -> Output {
        let mut headers = Vec::new();
        if self.settings.stamp == Stamp::Commit {
            headers.push((SOURCE_TIMESTAMP, time.source_ms.to_string()));
        }
        let (sink, value) = match emitted {
            Emitted::Completion { late, expected_at, items, kept } => {
                let lateness = if *late { Lateness::Late } else { Lateness::InTime };
                let mut value = self.start(key);
                self.carried.push_completed(&mut value, items, kept);
                self.end_completion(&mut value, lateness, *expected_at, &mut headers);
                (Sink::Completed, value)
            }
            Emitted::Failed { late, items, awaits, kept } => {
                let mut value = self.start(key);
                self.carried.push_failed(&mut value, kept);
                value::end_failed(&mut value, Known { items, awaits: *awaits, kept });
                if *late {
                    headers.push(late_header());
                }
                (Sink::Failed, value)
            }
            Emitted::Cancelled { items, awaits, kept } => {
                let mut value = self.start(key);
                fields::push_members(&mut value, kept.expected());
                value::end_cancelled(&mut value, Known { items, awaits: *awaits, kept });
                (Sink::Cancelled, value)
            }
            Emitted::Overdue { reason, since, items, awaits, kept } => {
                let mut value = self.start(key);
                fields::push_members(&mut value, kept.expected());
                let known = Known { items, awaits: *awaits, kept };
                value::end_overdue(&mut value, *reason, *since, known);
                (Sink::Overdue, value)
            }
        };
        let (key, value) = (Some(key.to_vec()), Some(value));
        Output { sink, key, value, timestamp_ms: time.at_ms, headers, carried: None }
    }

    /// Sets the final timestamps of a transaction's outputs.
    pub fn stamp(&self, outputs: &mut [Output], commit_ms: Timestamp) {
        for output in outputs {
            output.timestamp_ms = match self.settings.stamp {
                Stamp::Commit => commit_ms,
                // Brokers reject timestamps further ahead of their clock than a topic allows.
                Stamp::Source => output.timestamp_ms.min(commit_ms),
            };
        }
    }

    fn end_completion(
        &self,
        value: &mut Vec<u8>,
        lateness: Lateness,
        expected_at: Timestamp,
        headers: &mut Vec<(&'static str, String)>,
    ) {
        let late = lateness == Lateness::Late;
        if self.settings.facts == Facts::Value {
            value::end_completion(value, expected_at, lateness);
            return;
        }
        if self.settings.facts == Facts::Headers {
            headers.push(("rollcall-expected-at", expected_at.to_string()));
        }
        if late {
            headers.push(late_header());
        }
        value.push(b'}');
    }

    /// Returns the original record with the reason why it was rejected; not yet stamped.
    ///
    /// A record larger than the limit is truncated, the value first. `rollcall-truncated` and
    /// `rollcall-truncated-key` give the original sizes, and `rollcall-truncated-headers` the
    /// number of headers left out.
    pub fn dead_letter(&self, source: &Source<'_>, reason: &Reason) -> Output {
        let mut headers = vec![
            ("rollcall-reason", reason.name().to_owned()),
            ("rollcall-detail", reason.to_string()),
            (SOURCE_TOPIC, source.topic.to_owned()),
            ("rollcall-source-partition", source.partition.to_string()),
            ("rollcall-source-offset", source.offset.to_string()),
            (SOURCE_TIMESTAMP, source.time.source_ms.to_string()),
            ("rollcall-reconciliation", self.settings.reconciliation.clone()),
        ];
        let mut room = self.settings.dead_letter_bytes_max;
        let (carried, left_out) = kept_headers(source, room);
        let bytes = |(name, value): &Header| header_bytes(name, value.as_deref());
        room -= carried.iter().map(bytes).sum::<usize>();
        if left_out > 0 {
            headers.push(("rollcall-truncated-headers", left_out.to_string()));
        }
        let mut cut = |bytes: Option<&[u8]>, header: &'static str| {
            let bytes = bytes?;
            let kept = &bytes[..bytes.len().min(room)];
            room -= kept.len();
            if kept.len() < bytes.len() {
                headers.push((header, bytes.len().to_string()));
            }
            Some(kept.to_vec())
        };
        let key = cut(source.key, "rollcall-truncated-key");
        let value = cut(source.value, "rollcall-truncated");
        let carried =
            (!carried.is_empty()).then(|| Box::new(Carried { headers: carried, span: None }));
        let timestamp_ms = source.time.at_ms;
        Output { sink: Sink::DeadLetter, key, value, timestamp_ms, headers, carried }
    }

    /// Starts an object with the key field.
    fn start(&self, key: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.head.len() + key.len() + 3);
        value.extend_from_slice(&self.head);
        // Decoders refuse keys that are not UTF-8, so nothing is ever replaced.
        push_text(&mut value, &String::from_utf8_lossy(key));
        value
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lateness {
    InTime,
    Late,
}

/// Returns the headers of a record that its dead letter keeps, and the number of the others. All
/// are kept if the whole record fits into `room`; otherwise at least a quarter of the room is used
/// for them.
///
/// The headers of an earlier dead letter are dropped: they would be taken for this one's.
fn kept_headers(source: &Source<'_>, room: usize) -> (Vec<Header>, usize) {
    let (mut kept, mut left_out) = (Vec::new(), 0);
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let payload = length(source.key) + length(source.value);
    let mut room = room.saturating_sub(payload).max(room / 4);
    if let Some(headers) = source.headers {
        headers.each(&mut |name, value| {
            if name.starts_with("rollcall-") {
                return;
            }
            let bytes = header_bytes(name, value);
            if bytes <= room {
                room -= bytes;
                kept.push((name.to_owned(), value.map(<[u8]>::to_vec)));
            } else {
                left_out += 1;
            }
        });
    }
    (kept, left_out)
}

/// Returns the size of a header in a record.
fn header_bytes(name: &str, value: Option<&[u8]>) -> usize {
    /// The length prefixes of both.
    const LENGTHS: usize = 10;
    name.len() + value.map_or(0, <[u8]>::len) + LENGTHS
}

/// Returns the header of what follows the overdue record of its key.
fn late_header() -> (&'static str, String) {
    ("rollcall-late", "true".to_owned())
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a Vec takes every text");
}

#[cfg(test)]
mod tests;
