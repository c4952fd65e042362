//! Decodes a record of an input topic by the paths that the reconciliation names.
//!
//! Promise: one pass over the value; nothing is built that is not asked for, and nothing is
//! allocated once the [`Scratch`] has grown to the size of the records (except for a few bytes
//! inside the JSON reader, when a string that is read has escapes or a skipped value is nested).
//! The whole value must be JSON, to its end; if a member occurs twice, the last one counts; members
//! that no path names are skipped. Ban: nothing about the record's key is kept between records, so
//! equal records decode to equal events.

mod collect;
mod decimal;
mod grammar;
mod plan;
mod walk;

use std::fmt;
use std::sync::Arc;

use self::plan::Node;
use super::encoding::Encoding;
use super::path::Path;
use super::reason::{Part, Reason};
use crate::matching::{Counting, Event};

pub use self::collect::Scratch;

/// Where the fields of an expected record are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedPaths {
    /// Checked against the record's key when given; must be a singular path.
    pub key: Option<Path>,
    /// Selects every item that is needed.
    pub items: Path,
    /// How often an item is needed; must be in the same array element as the item.
    pub quantity: Option<Path>,
}

/// Where the fields of an observed record are; every path is singular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPaths {
    /// Checked against the record's key when given.
    pub key: Option<Path>,
    /// The item that has arrived.
    pub item: Path,
    /// How many of it have arrived.
    pub quantity: Option<Path>,
}

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

/// Why paths cannot be used together, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error("the {role} path {path} must lead to one place; write an index or a name for *")]
    NotSingular { role: Role, path: String },
    #[error("the quantity path {quantity} must lie beside the item; start it with {start}")]
    QuantityElsewhere { quantity: String, start: String },
    #[error("a quantity path has no effect under counting: distinct; remove it or count quantity")]
    QuantityNotCounted,
    #[error(
        "the {role} path {path} contradicts another path: what is at {place} can only be one of \
         a value, an object, an array read by index and an array read by *"
    )]
    Contradiction { role: Role, path: String, place: String },
}

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Key,
    Item,
    Quantity,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Item => "item",
            Self::Quantity => "quantity",
        })
    }
}

/// A compiled decoder for the records of one input topic.
#[derive(Debug, Clone)]
pub struct Decoder {
    topic: Topic,
    root: Node,
    /// The items' path, for the message when quantities add up to too much.
    items_path: Arc<str>,
    counting: Counting,
    limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Expected,
    Observed,
}

impl Decoder {
    /// Compiles the decoder of the expected topic.
    ///
    /// # Errors
    /// When the paths cannot be used together.
    pub fn expected(
        paths: &ExpectedPaths,
        counting: Counting,
        limits: Limits,
    ) -> Result<Self, InputError> {
        let ExpectedPaths { key, items, quantity } = paths;
        Self::compile(Topic::Expected, key.as_ref(), items, quantity.as_ref(), counting, limits)
    }

    /// Compiles the decoder of an observed topic.
    ///
    /// # Errors
    /// When the paths cannot be used together.
    pub fn observed(
        paths: &ObservedPaths,
        counting: Counting,
        limits: Limits,
    ) -> Result<Self, InputError> {
        let ObservedPaths { key, item, quantity } = paths;
        plan::require_singular(Role::Item, item)?;
        Self::compile(Topic::Observed, key.as_ref(), item, quantity.as_ref(), counting, limits)
    }

    fn compile(
        topic: Topic,
        key: Option<&Path>,
        items: &Path,
        quantity: Option<&Path>,
        counting: Counting,
        limits: Limits,
    ) -> Result<Self, InputError> {
        if quantity.is_some() && counting == Counting::Distinct {
            return Err(InputError::QuantityNotCounted);
        }
        let root = plan::compile(key, items, quantity)?;
        let items_path = items.to_string().into();
        Ok(Self { topic, root, items_path, counting, limits })
    }

    /// Decodes a record; the event borrows from `scratch`.
    ///
    /// # Errors
    /// Why the record must go to the dead-letter topic.
    pub fn decode<'s>(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        scratch: &'s mut Scratch,
    ) -> Result<Event<'s>, Reason> {
        let key = self.record_key(key)?;
        let Some(value) = value else {
            return match self.topic {
                Topic::Expected => Ok(Event::Cancellation),
                Topic::Observed => Err(Reason::Tombstone),
            };
        };
        text_of(value)
            .and_then(|text| walk::walk(&self.root, key, text, self.limits, scratch))
            .map_err(|reason| explained(reason, value))?;
        match self.topic {
            Topic::Expected => {
                let items = scratch.expectation(self.counting);
                let overflow = || Reason::BadQuantity { path: Arc::clone(&self.items_path) };
                items.map(Event::Expectation).ok_or_else(overflow)
            }
            Topic::Observed => {
                let (item, quantity) = scratch.observation();
                Ok(Event::Observation { item, quantity })
            }
        }
    }

    fn record_key<'k>(&self, key: Option<&'k [u8]>) -> Result<&'k str, Reason> {
        let key = key.ok_or(Reason::NullKey)?;
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

fn text_of(value: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(value)
        .map_err(|error| Reason::NotUtf8 { part: Part::Value, valid_bytes: error.valid_up_to() })
}

/// Gives one reason to values that fail as text in one record and as JSON in the next.
fn explained(reason: Reason, value: &[u8]) -> Reason {
    let is_json = !matches!(reason, Reason::NotUtf8 { .. } | Reason::MalformedJson { .. });
    let encoding = if is_json { None } else { Encoding::of(value) };
    encoding.map_or(reason, Reason::WrongEncoding)
}

#[cfg(test)]
mod tests;
