//! Records on their way to an output topic.

use super::{Carried, Timestamp};

/// A record for one of the output topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub sink: Sink,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// Set when it becomes part of a transaction; see [`crate::codec::Outputs::stamp`].
    pub timestamp_ms: Timestamp,
    /// Rollcall's own headers.
    pub headers: Vec<(&'static str, String)>,
    pub carried: Option<Box<Carried>>,
}

impl Output {
    /// Returns all headers in order: those carried over, then Rollcall's own.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let carried = self.carried.iter().flat_map(|carried| &carried.headers);
        let carried = carried.map(|(name, value)| (&name[..], value.as_deref()));
        let own = self.headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
        carried.chain(own)
    }
}

/// Which output topic a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sink {
    Completed,
    Overdue,
    DeadLetter,
    /// Only objects that say when a key fails have this output.
    Failed,
    /// Only objects that report cancelled keys have this output.
    Cancelled,
}

impl Sink {
    pub const ALL: [Self; 5] =
        [Self::Completed, Self::Overdue, Self::DeadLetter, Self::Failed, Self::Cancelled];

    /// Returns the name, as in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Overdue => "overdue",
            Self::DeadLetter => "dead-letter",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
