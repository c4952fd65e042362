//! The group's assignment, with the proof of it.

use std::{collections::BTreeSet, sync::Arc};

use crate::record::ShardId;

/// The shards of one group generation and the proof of that generation, as one value.
///
/// a commit uses the authority of an assignment that still holds the shard. Separating the two
/// would let a shard that was given away commit under the generation that took it away.
#[derive(Debug)]
pub struct Assignment<A> {
    pub generation: i32,
    pub shards: BTreeSet<ShardId>,
    pub authority: Arc<A>,
}

impl<A> Assignment<A> {
    /// Returns the proof to commit for `shard` with, if this assignment holds it.
    pub fn authority_for(&self, shard: ShardId) -> Option<&A> {
        self.shards.contains(&shard).then_some(&*self.authority)
    }

    /// Returns the same generation without `lost`.
    pub fn without(&self, lost: &BTreeSet<ShardId>) -> Self {
        Self {
            generation: self.generation,
            shards: self.shards.difference(lost).copied().collect(),
            authority: Arc::clone(&self.authority),
        }
    }
}
