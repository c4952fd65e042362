//! Checks JSON syntax only, ignoring the content.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, Visitor};

use super::plan::Node;
use crate::codec::reason::Reason;

/// Checks only the document's syntax: numbers may have any size and strings any escapes.
pub(super) fn is_json(text: &str) -> serde_json::Result<()> {
    serde_json::from_str::<IgnoredAny>(text).map(|_| ())
}

pub(super) fn malformed(error: &serde_json::Error) -> Reason {
    Reason::MalformedJson { line: error.line().max(1), column: error.column().max(1) }
}

/// Returns whether the byte before the last one read before `error` is inside a string of the
/// document `text`, which is syntactically valid JSON.
pub(super) fn is_in_string(text: &str, error: &serde_json::Error) -> bool {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let read = lines.map(str::len).sum::<usize>() + error.column();
    let (mut inside, mut escaped) = (false, false);
    for byte in text.bytes().take(read.saturating_sub(1)) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            _ => {}
        }
    }
    inside
}

/// A member's name: `Some` holds its position among the members that are looked for.
///
/// Read as bytes: a name that no path needs may be invalid text, such as half a surrogate pair.
pub(super) struct Name<'a> {
    pub members: &'a [(Box<str>, Node)],
    /// Set when the name contains a control character.
    pub odd: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        *self.odd |= name.iter().any(|byte| *byte < b' ');
        Ok(self.members.iter().position(|(member, _)| member.as_bytes() == name))
    }
}
