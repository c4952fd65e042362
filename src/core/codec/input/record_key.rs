//! The correlation key as a part of record keys that are JSON.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::agreement::require_singular;
use super::entry::Entry;
use super::layout::Layout;
use super::plan::{Plan, Planner, Slot};
use super::walk::walk;
use super::{Decoder, InputError, Limits, Role, Scratch};
use crate::codec::path::Path;
use crate::codec::reason::{Found, Part, Reason};

/// Where the key is in a record key.
#[derive(Debug, Clone)]
pub(super) struct KeyAt {
    plan: Plan,
    slot: Slot,
}

/// Why a record key has no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFlaw {
    NotJson,
    Missing(Arc<str>),
    Wrong(Arc<str>, Found),
}

impl fmt::Display for KeyFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => write!(f, "the record's key is not a JSON document")?,
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
        Ok(Self { plan: planner.plan(), slot })
    }

    fn read(&self, key: &str) -> Result<String, Reason> {
        let mut scratch = Scratch::default();
        let found = walk(&self.plan, key, Limits::DEFAULT, &mut scratch);
        let found = found.and_then(|walked| {
            let text = walked.text(self.slot, &mut scratch);
            text.map_err(|failure| failure.reason(&[], 0))
        });
        match found {
            Ok(range) => Ok(scratch.text_at(range).to_owned()),
            Err(Reason::MissingField { path }) => Err(KeyFlaw::Missing(path).into()),
            Err(Reason::WrongType { path, found, .. }) => Err(KeyFlaw::Wrong(path, found).into()),
            Err(_) => Err(KeyFlaw::NotJson.into()),
        }
    }
}

impl Decoder {
    /// Returns whether keys are parts of record keys, so that they do not show their partition.
    pub fn reads_record_keys(&self) -> bool {
        self.key_at.is_some()
    }

    /// Returns the correlation key of a record: its key, or a part of it.
    ///
    /// # Errors
    /// Why the record has none.
    pub fn key<'k>(&self, key: Option<&'k [u8]>) -> Result<Cow<'k, str>, Reason> {
        let key = key.ok_or(Reason::NullKey)?;
        match &self.key_at {
            None => self.checked(key).map(Cow::Borrowed),
            Some(_) if key.is_empty() => Err(Reason::EmptyKey),
            Some(at) => {
                let text = std::str::from_utf8(key).map_err(|error| Reason::NotUtf8 {
                    part: Part::Key,
                    valid_bytes: error.valid_up_to(),
                })?;
                let part = at.read(text)?;
                self.checked(part.as_bytes())?;
                Ok(Cow::Owned(part))
            }
        }
    }
}
