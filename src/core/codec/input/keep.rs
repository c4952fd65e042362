//! What is kept of an entry's records: values as they came, under the names of output fields.
//!
//! Promise: a value stays as it is, byte for byte, but for white space outside of strings. Ban: no
//! value is refused; nothing is kept where a path leads nowhere.

use super::agreement::{require_singular, require_within};
use super::capture::Captured;
use super::collect::Scratch;
use super::entry::{Entry, Keep};
use super::plan::{Planner, Slot};
use super::walked::Walked;
use super::{InputError, Role};
use crate::codec::path::Path;

/// What is kept of an entry's records.
#[derive(Debug, Clone)]
pub(super) struct Keeps {
    /// Each with the name of its field, quoted and followed by a colon.
    fields: Vec<(Box<str>, Slot)>,
}

impl Keeps {
    pub fn compile(entry: &Entry, planner: &mut Planner) -> Result<Self, InputError> {
        let others: Vec<&Path> = entry.paths.all().into_iter().map(|(_, path)| path).collect();
        let mut fields = Vec::new();
        for Keep { name, path } in &entry.keep {
            require_singular(Role::Keep, path)?;
            require_within(path, &others)?;
            let name = serde_json::to_string(name).expect("a text is JSON") + ":";
            fields.push((name.into(), planner.kept(path)));
        }
        Ok(Self { fields })
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Collects what is kept of a record in `scratch`.
    pub fn collect(&self, walked: &Walked<'_>, scratch: &mut Scratch) {
        for (name, slot) in &self.fields {
            if let Captured::Raw(range) = walked.at(*slot) {
                scratch.keep_member(name, range);
            }
        }
    }
}

/// Appends a JSON value without white space outside of strings.
pub(super) fn push_compact(json: &str, out: &mut String) {
    let (mut from, mut in_string, mut is_escaped) = (0, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                out.push_str(&json[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push_str(&json[from..]);
}
