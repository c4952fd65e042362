//! What a lane is told, by the supervisor, the committers and those who ask about keys.

use std::sync::mpsc::Sender;

use super::{committer::Pending, query::Question};
use crate::{
    kafka::ShardProducer,
    shard::{Running, ShardId},
    store::RocksStore,
};

/// What a lane is told.
pub enum Command {
    Add(Box<Running<RocksStore>>, ShardProducer),
    /// Give the shard up; the sender is dropped when it can commit no more.
    Release(ShardId, Sender<()>),
    Committed(Box<Pending>),
    /// Answered between two batches, if the shard is there.
    Ask(ShardId, Question),
    /// The share of memory that each shard's rows may take.
    CacheBytes(usize),
    Stop,
}
