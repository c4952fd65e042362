//! Decodes a record of an input topic by the paths that the reconciliation names.
//!
//! Promise: one pass over the value; nothing is built that is not asked for, and nothing is
//! allocated once the [`Scratch`] has grown to the size of the records (except for a few bytes
//! inside the JSON reader, when a string that is read has escapes or a skipped value is nested, and
//! for the places of the fields of large messages in Protobuf, which come in any order).
//! Values that are kept as they came are borrowed from the record; only such a value that other
//! paths lead into is read twice.
//! The whole value must be JSON, to its end; if a member occurs twice, the last one counts; members
//! that no path names are skipped. Ban: nothing about the record's key is kept between records, so
//! equal records decode to equal events.

mod agreement;
mod capture;
mod collect;
mod conditions;
mod deadline;
mod decimal;
mod entry;
mod envelope;
mod error;
mod format;
mod grammar;
mod keep;
mod layout;
mod line;
mod meaning;
mod plan;
mod record_key;
mod transcode;
mod walk;
mod walked;
mod whole;

use std::fmt;

use self::envelope::Wrapping;
use self::format::Encoded;
use self::meaning::Meaning;
use self::plan::Plan;
use self::record_key::KeyAt;
use self::walked::Walked;
use super::reason::{Part, Reason};
use crate::matching::{Counting, Event};
use crate::record::Headers;

pub use self::collect::Scratch;
pub use self::deadline::{DeadlineAt, DeadlinePaths, Unit};
pub use self::entry::{
    Condition, End, Entry, ExpectedPaths, Item, Items, Keep, ObservedPaths, OutcomeAt, Paths,
    Subject, Test,
};
pub use self::envelope::{Envelope, NotWrapped};
pub use self::error::InputError;
pub use self::format::{Format, Formats, KEY_SCHEMA_ID_HEADER, SCHEMA_ID_HEADER, Source, Unread};
pub use self::record_key::{KeyFlaw, ReadKey};
pub use self::whole::Whole;

/// Limits on what a record may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub key_bytes_max: usize,
    /// Maximum number of items in one expectation, including repetitions.
    pub items_max: usize,
}

impl Limits {
    /// The limits of every reconciliation.
    pub const DEFAULT: Self = Self { key_bytes_max: 1024, items_max: 10_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Key,
    Item,
    Quantity,
    Outcome,
    Count,
    Total,
    Last,
    Id,
    Condition,
    Keep,
    /// When a key becomes overdue.
    Overdue,
    /// When a key expires.
    Expire,
    /// What tells whether a record is wrapped as it should be.
    Envelope,
    /// The key in record keys.
    RecordKey,
}

impl Role {
    fn is_deadline(self) -> bool {
        matches!(self, Self::Overdue | Self::Expire)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Item => "item",
            Self::Quantity => "quantity",
            Self::Outcome => "outcome",
            Self::Count => "count",
            Self::Total => "total",
            Self::Last => "last",
            Self::Id => "id",
            Self::Condition => "condition's",
            Self::Keep => "keep",
            Self::Overdue => "overdue",
            Self::Expire => "expire",
            Self::Envelope => "envelope",
            Self::RecordKey => "record key's",
        })
    }
}

/// A record of an input topic, as far as decoding looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// `None` for a record that has none.
    pub headers: Option<&'a dyn Headers>,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'s> {
    /// It belongs to none of the topic's entries.
    Skipped,
    Event {
        /// The index of the entry that the record belongs to.
        entry: usize,
        event: Event<'s>,
        /// What is kept of the record: members of a JSON object, without braces.
        kept: &'s str,
    },
    /// Not known yet: its schema is not there. With the reason if that may take long; otherwise the
    /// schema is about to come.
    Waits(Option<&'s str>),
}

/// A compiled decoder for the records of one input topic.
#[derive(Debug, Clone)]
pub struct Decoder {
    entries: Vec<Meaning>,
    /// What is looked for in a value, for all entries together.
    plan: Plan,
    /// Every entry has a condition on a header: so headers alone may skip a record.
    selects_by_headers: bool,
    /// How values are unwrapped, if they are wrapped.
    wrapping: Option<Wrapping>,
    /// Where keys are in record keys, if they are parts of them.
    key_at: Option<KeyAt>,
    counting: Counting,
    limits: Limits,
    format: Format,
}

impl Decoder {
    /// Compiles the entries of a topic, in the order in which they take records.
    ///
    /// # Errors
    /// When the paths of an entry cannot be used together.
    pub fn new(entries: &[Entry], counting: Counting, limits: Limits) -> Result<Self, InputError> {
        let key_at = record_key::compile(entries)?;
        let selects_by_headers = entries.iter().all(Entry::selects_by_headers);
        let (entries, plan, wrapping) = envelope::compile(entries, counting)?;
        let format = Format::Json;
        Ok(Self { entries, plan, selects_by_headers, wrapping, key_at, counting, limits, format })
    }

    /// Makes this the decoder of values in another format than JSON.
    #[must_use]
    pub fn reading(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Makes this the decoder of record keys in another format than JSON, if keys are parts of
    /// them.
    #[must_use]
    pub fn reading_keys(mut self, format: Format) -> Self {
        if let Some(key_at) = &mut self.key_at {
            key_at.format = format;
        }
        self
    }

    /// Returns the format of the values.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Returns whether a record's headers are enough to know that it is skipped. Nothing has to be
    /// looked up for it then.
    pub fn is_skipped_by_headers(&self, headers: Option<&dyn Headers>) -> bool {
        self.selects_by_headers && !self.entries.iter().any(|entry| entry.headers_hold(headers))
    }

    /// Decodes a record; the event borrows from `scratch` and from this.
    ///
    /// # Errors
    /// Why the record must go to the dead-letter topic.
    pub fn decode<'s>(
        &'s self,
        record: Input<'_>,
        scratch: &'s mut Scratch,
    ) -> Result<Decoded<'s>, Reason> {
        self.decode_with(record, None, scratch)
    }

    /// Like [`Self::decode`], with what was read of its key before: a schema that comes meanwhile
    /// changes nothing then.
    ///
    /// # Errors
    /// Why the record must go to the dead-letter topic.
    pub fn decode_with<'s>(
        &'s self,
        record: Input<'_>,
        read: Option<&ReadKey<'_>>,
        scratch: &'s mut Scratch,
    ) -> Result<Decoded<'s>, Reason> {
        let fits = |entry: &&Meaning| entry.headers_hold(record.headers);
        let Some(first) = self.entries.iter().position(|entry| fits(&entry)) else {
            return Ok(Decoded::Skipped);
        };
        if let Some(wrapping) = &self.wrapping {
            return self.decode_wrapped(wrapping, first, (record, read), scratch);
        }
        let Some(value) = record.value else {
            return self.decode_null(first, (record, read), scratch);
        };
        let is_decided = self.entries[first].is_decided_by_headers();
        let is_taken = is_decided && !self.entries[first].may_skip();
        let key = match is_taken.then(|| self.key(record, read)).transpose() {
            Ok(key) => key,
            Err(unread) => return unread.decoded(scratch),
        };
        scratch.clear();
        let walked = if is_decided && !self.entries[first].reads_value() {
            Walked::nothing(&self.plan)
        } else {
            match self.walk(&self.plan, (value, record.headers), scratch) {
                Ok(walked) => walked,
                Err(unread) => return unread.decoded(scratch),
            }
        };
        let holds = |entry: &Meaning| fits(&entry) && entry.paths_hold(&walked, scratch);
        let entry = if is_decided {
            first
        } else {
            match (first..self.entries.len()).find(|at| holds(&self.entries[*at])) {
                Some(entry) => entry,
                None => return Ok(Decoded::Skipped),
            }
        };
        if self.entries[entry].skips(&walked, scratch) {
            return Ok(Decoded::Skipped);
        }
        let key = match key.map_or_else(|| self.key(record, read), Ok) {
            Ok(key) => key,
            Err(unread) => return unread.decoded(scratch),
        };
        let (event, kept) = self.entries[entry].event(&key, &walked, self, scratch)?;
        Ok(Decoded::Event { entry, event, kept })
    }

    /// Finds in a value what a plan looks for.
    fn walk<'a>(
        &self,
        plan: &'a Plan,
        (value, headers): (&[u8], Option<&dyn Headers>),
        scratch: &mut Scratch,
    ) -> Result<Walked<'a>, Unread> {
        let encoded = Encoded { part: Part::Value, bytes: value, headers };
        self.format.walk(plan, encoded, self.limits, scratch)
    }

    /// Returns the conditions of each entry that do not hold for a record, by their indices; none
    /// as long as the schema of the record is not there.
    ///
    /// # Errors
    /// When conditions depend on the value, and it cannot be read.
    pub fn unmet(&self, record: Input<'_>) -> Result<Vec<Vec<usize>>, Reason> {
        let scratch = &mut Scratch::default();
        if let Some(wrapping) = &self.wrapping {
            return self.unmet_wrapped(wrapping, record, scratch);
        }
        let reads_value = self.entries.iter().any(|entry| !entry.is_decided_by_headers());
        let walked = match record.value.filter(|_| reads_value) {
            Some(value) => match self.walk(&self.plan, (value, record.headers), scratch) {
                Ok(walked) => walked,
                Err(Unread::Useless(reason)) => return Err(reason),
                Err(Unread::Waits(_)) => return Ok(Vec::new()),
            },
            None => Walked::nothing(&self.plan),
        };
        let unmet = |entry: &Meaning| entry.unmet(record.headers, &walked, scratch);
        Ok(self.entries.iter().map(unmet).collect())
    }

    /// Decodes a record without a value, which no path leads into: a tombstone cancels what its
    /// topic expects, whatever the expectations are told apart by.
    fn decode_null<'s>(
        &'s self,
        first: usize,
        (record, read): (Input<'_>, Option<&ReadKey<'_>>),
        scratch: &'s mut Scratch,
    ) -> Result<Decoded<'s>, Reason> {
        let walked = Walked::nothing(&self.plan);
        scratch.clear();
        for (entry, meaning) in self.entries.iter().enumerate().skip(first) {
            if !meaning.headers_hold(record.headers) {
                continue;
            }
            let is_expectation = meaning.is_expectation();
            if !is_expectation && !meaning.paths_hold(&walked, scratch) {
                continue;
            }
            return match self.key(record, read) {
                Err(unread) => unread.decoded(scratch),
                Ok(_) if is_expectation => {
                    Ok(Decoded::Event { entry, event: Event::Cancellation, kept: "" })
                }
                Ok(_) => Err(Reason::Tombstone),
            };
        }
        Ok(Decoded::Skipped)
    }

    /// Returns the text of a key, which has to be text of a usable length.
    fn checked<'k>(&self, key: &'k [u8]) -> Result<&'k str, Reason> {
        if key.is_empty() {
            return Err(Reason::EmptyKey);
        }
        let bytes_max = self.limits.key_bytes_max;
        if key.len() > bytes_max {
            return Err(Reason::KeyTooLong { bytes: key.len(), bytes_max });
        }
        let not_text = |valid_bytes| Reason::NotUtf8 { part: Part::Key, valid_bytes };
        let text = std::str::from_utf8(key);
        let checked = match &text {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        match key[..checked].iter().position(|&byte| is_binary(byte)) {
            Some(at) => Err(not_text(at)),
            None => text.map_err(|error| not_text(error.valid_up_to())),
        }
    }
}

/// Returns whether a byte never occurs in text: a control character other than white space and the
/// separators U+001C to U+001F, which some producers put between the parts of a key.
///
/// The bytes of a binary key may happen to be valid UTF-8. Without this rule half of a topic's keys
/// would become rows and the other half dead letters.
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0..=8 | 14..=27 | 127)
}

#[cfg(test)]
mod tests;
