//! Why a record went to the dead-letter topic.

mod schema;

use std::fmt;
use std::sync::Arc;

pub use schema::SchemaProblem;

use super::input::{KeyFlaw, NotWrapped};
use super::schemas::SchemaId;
use super::{Encoding, Partitioner};
use crate::matching::{ITEM_BYTES_MAX, Outcome};

/// Why a record went to the dead-letter topic: everything that the producer's operator needs to fix
/// it, and nothing of the record's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The record has no key (S17).
    NullKey,
    /// The record's key is empty, which is how some producers write a missing key (S17).
    EmptyKey,
    /// The key in the value is not the record's key (S17).
    KeyMismatch { path: Arc<str> },
    /// The record's key exceeds the maximum length (S16).
    KeyTooLong { bytes: usize, bytes_max: usize },
    /// A null value on an observed topic (S15).
    Tombstone,
    /// A change event that deletes what was observed (S36).
    Deleted,
    /// The record is not wrapped as its topic's records are said to be (S37).
    NotTheEnvelope(NotWrapped),
    /// The record's key is not what the key is a part of (S38).
    BadRecordKey(KeyFlaw),
    /// The key or the value is not UTF-8 text; also a key with control characters (S16).
    NotUtf8 { part: Part, valid_bytes: usize },
    /// The value was not written by a JSON serializer (S16).
    WrongEncoding(Encoding),
    /// Neither the value nor a header begins with the id of a schema (S34).
    NoSchemaId { found: Option<u8> },
    /// The registry does not have the schema (S34).
    UnknownSchema { id: SchemaId },
    /// The value cannot be read by its schema (S34); without an id, by the one that is configured.
    NotTheSchema { id: Option<SchemaId>, problem: SchemaProblem },
    /// The record is not in the partition that its key belongs to (S28).
    WrongPartition { partition: u32, belongs: u32, partitioner: Partitioner },
    /// The value is not one JSON document (S16); positions count from 1.
    MalformedJson { line: usize, column: usize },
    /// There is nothing at the path (S16).
    MissingField { path: Arc<str> },
    /// The value at the path does not have the type that is needed (S16).
    WrongType { path: Arc<str>, found: Found, needed: &'static str },
    /// An item is longer than [`ITEM_BYTES_MAX`] (S16).
    ItemTooLong { path: Arc<str>, bytes: usize },
    /// The id of an observation is longer than [`ITEM_BYTES_MAX`] (S27).
    IdTooLong { path: Arc<str>, bytes: usize },
    /// The expectation lists more items than a row may hold (S16).
    TooManyItems { items_max: usize },
    /// The quantity is not an integer of at least 1 (S16).
    BadQuantity { path: Arc<str> },
    /// The count is not an integer of at least 0 (S25).
    BadCount { path: Arc<str> },
    /// The deadline is no time between the years 2000 and 9999 (S18, S21).
    BadDeadline { path: Arc<str> },
    /// The total of a list is not an integer of at least 1 (S26).
    BadTotal { path: Arc<str> },
    /// A list would become shorter than a record before has said (S26).
    TotalShrinks,
    /// A list would have more items than its total says (S26).
    BeyondTotal,
    /// A changed expectation for a key that was completed (S5).
    AlreadyCompleted,
    /// A changed expectation for a key that has failed (S5).
    AlreadyFailed,
    /// An expectation that expects nothing (S7).
    NoItems,
    /// The row would have become too large (S16).
    RowTooLarge,
}

/// The name of every [`Reason`], as in headers and metrics.
pub const REASONS: [&str; 28] = [
    "null-key",
    "key-mismatch",
    "key-too-long",
    "tombstone",
    "not-utf8",
    "malformed-json",
    "missing-field",
    "wrong-type",
    "item-too-long",
    "too-many-items",
    "bad-quantity",
    "already-completed",
    "no-items",
    "row-too-large",
    "wrong-encoding",
    "wrong-partition",
    "already-failed",
    "bad-count",
    "id-too-long",
    "bad-total",
    "total-shrinks",
    "beyond-total",
    "bad-deadline",
    "no-schema-id",
    "unknown-schema",
    "not-the-schema",
    "not-the-envelope",
    "bad-record-key",
];

/// The index of [`Reason::WrongPartition`] in [`REASONS`].
pub const WRONG_PARTITION: usize = 15;

impl From<KeyFlaw> for Reason {
    fn from(flaw: KeyFlaw) -> Self {
        Self::BadRecordKey(flaw)
    }
}

impl From<NotWrapped> for Reason {
    fn from(why: NotWrapped) -> Self {
        Self::NotTheEnvelope(why)
    }
}

impl Reason {
    /// Returns the reason for an outcome of the core, if it is a dead letter.
    pub fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::AlreadyCompleted => Some(Self::AlreadyCompleted),
            Outcome::AlreadyFailed => Some(Self::AlreadyFailed),
            Outcome::NoItems => Some(Self::NoItems),
            Outcome::RowTooLarge => Some(Self::RowTooLarge),
            Outcome::TotalShrinks => Some(Self::TotalShrinks),
            Outcome::BeyondTotal => Some(Self::BeyondTotal),
            _ => None,
        }
    }

    /// Returns the index of the reason in [`REASONS`].
    pub fn index(&self) -> usize {
        match self {
            Self::NullKey | Self::EmptyKey => 0,
            Self::KeyMismatch { .. } => 1,
            Self::KeyTooLong { .. } => 2,
            Self::Tombstone | Self::Deleted => 3,
            Self::NotUtf8 { .. } => 4,
            Self::MalformedJson { .. } => 5,
            Self::MissingField { .. } => 6,
            Self::WrongType { .. } => 7,
            Self::ItemTooLong { .. } => 8,
            Self::TooManyItems { .. } => 9,
            Self::BadQuantity { .. } => 10,
            Self::AlreadyCompleted => 11,
            Self::NoItems => 12,
            Self::RowTooLarge => 13,
            Self::WrongEncoding(_) => 14,
            Self::WrongPartition { .. } => WRONG_PARTITION,
            Self::AlreadyFailed => 16,
            Self::BadCount { .. } => 17,
            Self::IdTooLong { .. } => 18,
            Self::BadTotal { .. } => 19,
            Self::TotalShrinks => 20,
            Self::BeyondTotal => 21,
            Self::BadDeadline { .. } => 22,
            Self::NoSchemaId { .. } => 23,
            Self::UnknownSchema { .. } => 24,
            Self::NotTheSchema { .. } => 25,
            Self::NotTheEnvelope(_) => 26,
            Self::BadRecordKey(_) => 27,
        }
    }

    /// Returns the name in headers and metrics.
    pub fn name(&self) -> &'static str {
        REASONS[self.index()]
    }
}

impl Reason {
    /// Writes what is wrong with a record of a list that comes record by record.
    fn of_list(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadTotal { path } => {
                write!(f, "the total at {path} is not an integer from 1 to {}", u32::MAX)
            }
            Self::TotalShrinks => write!(
                f,
                "the total is below that of an earlier record of the list; to list less, cancel \
                 the key with a null value and list it again"
            ),
            Self::BeyondTotal => write!(
                f,
                "the list has as many items as its total says already; to list more, say a higher \
                 total"
            ),
            _ => unreachable!("it is about something else"),
        }
    }
}

impl Reason {
    /// Writes what is wrong with a record that is wrapped or has a key that is, or should.
    fn of_wrapping(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => write!(
                f,
                "a record that deletes says nothing on an observed topic: write outcome with the \
                 path $envelope.op to withdraw what was observed, or where, to skip it"
            ),
            Self::NotTheEnvelope(why) => write!(f, "{why}"),
            Self::BadRecordKey(flaw) => write!(f, "{flaw}"),
            _ => unreachable!("it is about something else"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullKey => write!(f, "the record has no key"),
            Self::EmptyKey => write!(f, "the record's key is empty, which counts as none"),
            Self::KeyMismatch { path } => write!(f, "the value at {path} is not the record's key"),
            Self::KeyTooLong { bytes, bytes_max } => {
                write!(f, "the key has {bytes} bytes, at most {bytes_max} are allowed")
            }
            Self::Tombstone => write!(f, "a null value says nothing on an observed topic"),
            Self::Deleted | Self::NotTheEnvelope(_) | Self::BadRecordKey(_) => self.of_wrapping(f),
            Self::NotUtf8 { part, valid_bytes } => not_utf8(f, *part, *valid_bytes),
            Self::WrongEncoding(encoding) => encoding.fmt(f),
            Self::WrongPartition { partition, belongs, partitioner } => write!(
                f,
                "the record is in partition {partition}, its key belongs to partition {belongs} \
                 by {partitioner} ({}): have the producer choose the partition of a key alike",
                partitioner.users()
            ),
            Self::MalformedJson { line, column } => {
                write!(f, "the value is not a JSON document: line {line}, column {column}")
            }
            Self::MissingField { path } => write!(f, "there is nothing at {path}"),
            Self::WrongType { path, found, needed } => {
                write!(f, "found {found} at {path}, needed {needed}")
            }
            Self::ItemTooLong { path, bytes } => {
                write!(
                    f,
                    "an item at {path} has {bytes} bytes, at most {ITEM_BYTES_MAX} are allowed"
                )
            }
            Self::IdTooLong { path, bytes } => {
                write!(
                    f,
                    "the id at {path} has {bytes} bytes, at most {ITEM_BYTES_MAX} are allowed"
                )
            }
            Self::TooManyItems { items_max } => {
                write!(f, "the expectation has more than {items_max} items")
            }
            Self::BadQuantity { path } => {
                write!(f, "the quantity at {path} is not an integer from 1 to {}", u32::MAX)
            }
            Self::BadCount { path } => {
                write!(f, "the count at {path} is not an integer from 0 to {}", u32::MAX)
            }
            Self::BadDeadline { path } => bad_deadline(f, path),
            Self::NoSchemaId { .. } | Self::UnknownSchema { .. } | Self::NotTheSchema { .. } => {
                self.of_schema(Part::Value, f)
            }
            Self::BadTotal { .. } | Self::TotalShrinks | Self::BeyondTotal => self.of_list(f),
            Self::AlreadyCompleted => {
                write!(f, "the key was completed and its expectation can no longer change")
            }
            Self::AlreadyFailed => {
                write!(f, "the key has failed and its expectation can no longer change")
            }
            Self::NoItems => write!(f, "the expectation lists no items"),
            Self::RowTooLarge => write!(
                f,
                "what is known and kept of the key would take more room than a row has, or than an \
                 output has for it"
            ),
        }
    }
}

/// A part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Key,
    Value,
}

/// What kind of JSON value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Null,
    Boolean,
    Integer,
    /// A number with a fraction or an exponent, or one that does not fit into 64 bits.
    Number,
    String,
    /// A string with half of a surrogate pair.
    HalfPair,
    Array,
    Object,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Number => "a number that is not an integer of 64 bits",
            Self::String => "a string",
            Self::HalfPair => "a string that is not text, with half a surrogate pair,",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

fn not_utf8(f: &mut fmt::Formatter<'_>, part: Part, valid_bytes: usize) -> fmt::Result {
    match part {
        Part::Key => write!(
            f,
            "the key is not text from byte {valid_bytes} on: a binary serializer (of integers, of \
             UUIDs, of a schema registry) or another encoding than UTF-8 has written it; write \
             UTF-8 text, or say by recordKey where the key is, if a registry has the schema"
        ),
        Part::Value => write!(f, "the value is not UTF-8 text from byte {valid_bytes} on"),
    }
}

fn bad_deadline(f: &mut fmt::Formatter<'_>, path: &str) -> fmt::Result {
    write!(
        f,
        "the deadline at {path} is no time between the years 2000 and 9999: write RFC 3339, a date \
         with a time in the object's zone, or an integer in its unit"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::OUTCOMES;

    #[test]
    fn every_dead_letter_outcome_has_the_reason_of_its_name() {
        for (outcome, name) in OUTCOMES {
            let reason = Reason::of(outcome);
            assert_eq!(reason.is_some(), outcome.is_dead_letter(), "{name}");
            assert!(reason.is_none_or(|reason| reason.name() == name));
        }
    }

    #[test]
    fn every_reason_has_its_own_name_and_says_something() {
        let path: Arc<str> = "$.id".into();
        let all = [
            Reason::NullKey,
            Reason::KeyMismatch { path: path.clone() },
            Reason::KeyTooLong { bytes: 9, bytes_max: 8 },
            Reason::Tombstone,
            Reason::NotUtf8 { part: Part::Key, valid_bytes: 3 },
            Reason::MalformedJson { line: 1, column: 2 },
            Reason::MissingField { path: path.clone() },
            Reason::WrongType { path: path.clone(), found: Found::Null, needed: "an array" },
            Reason::ItemTooLong { path: path.clone(), bytes: 256 },
            Reason::TooManyItems { items_max: 5 },
            Reason::BadQuantity { path: path.clone() },
            Reason::AlreadyCompleted,
            Reason::NoItems,
            Reason::RowTooLarge,
            Reason::WrongEncoding(Encoding::Gzip),
            Reason::WrongPartition { partition: 1, belongs: 2, partitioner: Partitioner::Crc32 },
            Reason::AlreadyFailed,
            Reason::BadCount { path: path.clone() },
            Reason::IdTooLong { path: path.clone(), bytes: 256 },
            Reason::BadTotal { path: path.clone() },
            Reason::TotalShrinks,
            Reason::BeyondTotal,
            Reason::BadDeadline { path },
            Reason::NoSchemaId { found: Some(b'{') },
            Reason::UnknownSchema { id: SchemaId::Number(7) },
            Reason::NotTheSchema {
                id: None,
                problem: SchemaProblem::Schema("it is Protobuf".into()),
            },
            Reason::NotTheEnvelope(NotWrapped::NoPayload),
            Reason::BadRecordKey(KeyFlaw::NotJson),
        ];
        let names: Vec<_> = all.iter().map(Reason::name).collect();
        assert_eq!(names, REASONS);
        let details: std::collections::BTreeSet<_> = all.iter().map(Reason::to_string).collect();
        assert_eq!(details.len(), all.len());
    }
}
