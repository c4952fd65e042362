//! What a lane is told, by the supervisor, the committers and those who ask about keys.

use std::{sync::mpsc::Sender, thread};

use super::{committer::Pending, query::Question};
use rollcall_core::{
    owner::{Standing, Stay},
    record::ShardId,
    shard::Running,
};
use rollcall_kafka::{DataConsumer, ShardProducer};
use rollcall_store::RocksStore;

/// What a lane is told.
pub enum Command {
    Add(Stay, Box<Running<RocksStore>>, ShardProducer, Standing),
    /// Give the shard up; the sender is dropped when it can commit no more.
    Release(ShardId, Sender<()>),
    Committed(Box<Pending>),
    /// Answered between two batches, if the shard is there.
    Ask(ShardId, Question),
    /// The share of memory that each shard's rows may take.
    CacheBytes(usize),
    /// Drop all shards, which are opened again then, for this reason.
    Reopen(String),
    /// Read by this client from now on.
    Reconnect(Box<DataConsumer>),
    Stop,
}

/// The way to a lane.
pub struct Handle {
    pub commands: Sender<Command>,
    pub thread: thread::JoinHandle<()>,
}

impl Handle {
    /// Ends the lane and waits for it.
    pub fn stop(self) {
        let _ = self.commands.send(Command::Stop);
        let _ = self.thread.join();
    }
}
