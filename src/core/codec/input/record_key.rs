//! The correlation key as a part of record keys that are JSON, Avro or Protobuf.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::agreement::require_singular;
use super::entry::Entry;
use super::format::{Encoded, Format, Unread};
use super::layout::Layout;
use super::plan::{Plan, Planner, Slot};
use super::{Decoder, Input, InputError, Limits, Role, Scratch};
use crate::codec::path::Path;
use crate::codec::reason::{Found, Part, Reason};

/// Where the key is in a record key.
#[derive(Debug, Clone)]
pub(super) struct KeyAt {
    plan: Plan,
    slot: Slot,
    pub(super) format: Format,
}

/// The key of a record, as far as it was read.
#[derive(Debug, Clone)]
pub struct ReadKey<'k>(Result<Cow<'k, str>, Unread>);

impl ReadKey<'_> {
    /// Returns the key, if the record has one.
    pub fn text(&self) -> Option<&str> {
        self.0.as_deref().ok()
    }

    /// Returns the key.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) fn get(&self) -> Result<&str, Unread> {
        self.0.as_deref().map_err(Unread::clone)
    }
}

/// Why a record key has no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFlaw {
    NotJson,
    /// Its schema is not known, or it cannot be read by it.
    Unread(Box<Reason>),
    Missing(Arc<str>),
    Wrong(Arc<str>, Found),
}

impl fmt::Display for KeyFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => write!(f, "the record's key is not a JSON document")?,
            Self::Unread(reason) => return reason.of_schema(Part::Key, f),
            Self::Missing(path) => write!(f, "there is nothing at {path} of the record's key")?,
            Self::Wrong(path, found) => {
                write!(f, "found {found} at {path} of the record's key, needed {NEEDED}")?;
            }
        }
        f.write_str(
            ": correct recordKey (with the schema of Connect, it begins with $.payload), \
                     or have the producer write such keys",
        )
    }
}

const NEEDED: &str = "an integer or a string";

/// Compiles where the key is in the record keys of a topic, if it is a part of them.
pub(super) fn compile(entries: &[Entry]) -> Result<Option<KeyAt>, InputError> {
    let path = entries.first().and_then(|entry| entry.record_key.as_ref());
    if entries.iter().any(|entry| entry.record_key.as_ref() != path) {
        return Err(InputError::RecordKeysDiffer);
    }
    path.map(KeyAt::compile).transpose()
}

impl KeyAt {
    fn compile(path: &Path) -> Result<Self, InputError> {
        require_singular(Role::RecordKey, path)?;
        let mut planner = Planner::new(Layout::bare());
        let slot = planner.value(Role::RecordKey, path);
        Ok(Self { plan: planner.plan(), slot, format: Format::default() })
    }

    fn read(&self, key: Encoded<'_, '_>, scratch: &mut Scratch) -> Result<String, Unread> {
        scratch.clear();
        let found = match self.format.walk(&self.plan, key, Limits::DEFAULT, scratch) {
            Ok(walked) => {
                let text = walked.text(self.slot, scratch);
                text.map_err(|failure| failure.reason(&[], 0))
            }
            Err(Unread::Useless(reason)) => Err(reason),
            Err(waits @ Unread::Waits(_)) => return Err(waits),
        };
        let flaw = match found {
            Ok(range) => return Ok(scratch.text_at(range).to_owned()),
            Err(reason @ Reason::NotUtf8 { part: Part::Key, .. }) => return Err(reason.into()),
            Err(Reason::MissingField { path }) => KeyFlaw::Missing(path),
            Err(Reason::WrongType { path, found, .. }) => KeyFlaw::Wrong(path, found),
            Err(reason) if reason.is_of_schema() => KeyFlaw::Unread(Box::new(reason)),
            Err(_) => KeyFlaw::NotJson,
        };
        Err(Reason::from(flaw).into())
    }
}

impl Decoder {
    /// Returns whether keys are parts of record keys, so that they do not show their partition.
    pub fn reads_record_keys(&self) -> bool {
        self.key_at.is_some()
    }

    /// Reads the key of a record: its record key, or a part of it.
    pub fn read_key<'k>(&self, record: Input<'k>, scratch: &mut Scratch) -> ReadKey<'k> {
        ReadKey(self.key_of(record, scratch))
    }

    /// Returns the key of a record, of which `read` was read before.
    pub(super) fn key<'k>(
        &self,
        record: Input<'k>,
        read: Option<&'k ReadKey<'_>>,
    ) -> Result<Cow<'k, str>, Unread> {
        match (read, record.key, &self.key_at) {
            (Some(read), ..) => read.get().map(Cow::Borrowed),
            (None, Some(key), None) => Ok(self.checked(key).map(Cow::Borrowed)?),
            (None, ..) => self.key_of(record, &mut Scratch::default()),
        }
    }

    fn key_of<'k>(
        &self,
        Input { key, headers, .. }: Input<'k>,
        scratch: &mut Scratch,
    ) -> Result<Cow<'k, str>, Unread> {
        let key = key.ok_or(Reason::NullKey)?;
        match &self.key_at {
            None => Ok(self.checked(key).map(Cow::Borrowed)?),
            Some(_) if key.is_empty() => Err(Reason::EmptyKey.into()),
            Some(at) => {
                let part = at.read(Encoded { part: Part::Key, bytes: key, headers }, scratch)?;
                self.checked(part.as_bytes())?;
                Ok(Cow::Owned(part))
            }
        }
    }
}
