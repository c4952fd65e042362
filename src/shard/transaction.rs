//! Everything that one commit makes visible, as one value.

use super::{Batch, Carried, InputIndex, Metadata, Offset, ShardId};
use crate::matching::Timestamp;

/// Everything that one commit makes visible: all of it or nothing.
///
/// It does not change once made, so committing it again after a certain abort is safe.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub shard: ShardId,
    /// For the changelog: each changed key once, with its last row; empty when forgotten.
    pub changes: Batch,
    pub outputs: Vec<Output>,
    /// The next offset of every input that has one.
    pub offsets: Vec<(InputIndex, Offset)>,
    /// Goes with each of the offsets.
    pub metadata: Metadata,
}

/// A record for one of the output topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub sink: Sink,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// What it bears, once it is part of a transaction; see [`crate::codec::Outputs::stamp`].
    pub timestamp_ms: Timestamp,
    /// Rollcall's own.
    pub headers: Vec<(&'static str, String)>,
    pub carried: Option<Box<Carried>>,
}

impl Output {
    /// Returns all headers in their order: those carried on, then Rollcall's own.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let carried = self.carried.iter().flat_map(|carried| &carried.headers);
        let carried = carried.map(|(name, value)| (&name[..], value.as_deref()));
        let own = self.headers.iter().map(|(name, value)| (*name, Some(value.as_bytes())));
        carried.chain(own)
    }
}

/// Which output topic a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sink {
    Completed,
    Overdue,
    DeadLetter,
}
