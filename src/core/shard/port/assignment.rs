//! The group's assignment, with the proof of it.

use std::{collections::BTreeMap, sync::Arc};

use crate::record::ShardId;

/// The time from when the group gives a shard to this process until it takes the shard away. Later
/// ones have larger numbers.
///
/// brokers accept any shard under a current generation. A shard that was lost, given to
/// another process and has come back would be committed twice if its first tenure's transaction
/// could use the second one's proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tenure(pub u64);

/// The shards of one group generation, each with its tenure, and the proof of that generation, as
/// one value.
///
/// a commit uses the authority of an assignment that still has the shard, in the same tenure.
/// Separating them would let a shard that was given away commit under the generation that took it
/// away.
#[derive(Debug, Clone)]
pub struct Assignment<A> {
    pub generation: i32,
    pub shards: BTreeMap<ShardId, Tenure>,
    pub authority: Arc<A>,
}

impl<A> Assignment<A> {
    /// Returns whether what was processed for `shard` in this tenure may be committed.
    pub fn admits(&self, shard: ShardId, tenure: Tenure) -> bool {
        self.shards.get(&shard) == Some(&tenure)
    }
}
