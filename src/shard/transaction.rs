//! Everything that one commit makes visible, as one value.

use super::{Batch, InputIndex, Metadata, Offset, ShardId};
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
    pub timestamp_ms: Timestamp,
    pub headers: Vec<(&'static str, String)>,
}

/// Which output topic a record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sink {
    Completed,
    Overdue,
    DeadLetter,
}
