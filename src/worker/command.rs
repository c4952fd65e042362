//! Commands for a lane, from the supervisor, its committer, the spillers and the state API.

use std::{sync::mpsc::Sender, thread};

use super::{committer::LaneTransaction, query::Question, spiller::Landing};
use rollcall_core::{
    owner::{Standing, Stay},
    record::ShardId,
    shard::Running,
};
use rollcall_kafka::DataConsumer;
use rollcall_store::RocksStore;

/// A command for a lane.
pub enum Command {
    Add(Stay, Box<Running<RocksStore>>, Standing),
    /// Give up the shard; the sender is dropped when it can commit no more.
    Release(ShardId, Sender<()>),
    /// A transaction has ended.
    Ended(Box<LaneTransaction>),
    /// A spill is in the store.
    Landed(Box<Landing>),
    /// Answered between two batches, if the lane has the shard.
    Ask(ShardId, Question),
    /// The memory that each shard's rows may take.
    CacheBytes(usize),
    /// Drop all shards, for this reason; they are then opened again.
    Reopen(String),
    /// Read with this client from now on.
    Reconnect(Box<DataConsumer>),
    Stop,
}

/// Returns which of `lanes` lanes has the shard.
pub fn lane_of(shard: ShardId, lanes: usize) -> usize {
    usize::try_from(shard.0).unwrap_or(0) % lanes
}

/// The handle of a lane.
pub struct Handle {
    pub commands: Sender<Command>,
    pub thread: thread::JoinHandle<()>,
}

impl Handle {
    /// Stops the lane and waits for it.
    pub fn stop(self) {
        let _ = self.commands.send(Command::Stop);
        let _ = self.thread.join();
    }
}
