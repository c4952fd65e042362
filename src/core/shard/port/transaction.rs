//! Everything that one commit of a shard makes visible, as one value.

use crate::record::{InputIndex, Offset, Output, ShardId};
use crate::shard::{Batch, Metadata};

/// Everything that one commit of a shard makes visible: all of it or nothing. It is a part of a
/// transaction of the shard's lane, which commits several shards together.
///
/// It does not change once created, so committing it again after a certain abort is safe.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub shard: ShardId,
    /// For the changelog: each changed key once, with its latest row; empty if forgotten.
    pub changes: Batch,
    pub outputs: Vec<Output>,
    /// The next offset of every input that has one.
    pub offsets: Vec<(InputIndex, Offset)>,
    /// Committed with each of the offsets.
    pub metadata: Metadata,
}
