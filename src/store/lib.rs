//! Rows on disk: one RocksDB per shard behind [`rollcall_core::shard::Store`], and the worker's
//! memory budget.
//!
//! ```text
//! STATE_DIR/rollcall.lock    held while a process works here
//! STATE_DIR/rollcall.json    whose state this is, and in which format
//! STATE_DIR/<shard>/         the shard's RocksDB
//! STATE_DIR/<shard>.trash/   a wiped store on its way out
//! ```
//!
//! Promise: after a crash or a power loss, a store holds exactly the spills up to its checkpoint.
//! Every spill is one sorted file that RocksDB ingests with a single synced entry of its manifest,
//! so rows, index and checkpoint appear together or not at all. Ban: no other way to write to a
//! database, no write-ahead log, no Kafka. Deleting a state directory costs only time: the
//! changelog is the source of truth.

#![forbid(unsafe_code)]

mod budget;
mod cgroup;
mod directory;
mod failure;
mod figures;
mod identity;
mod keys;
mod rocks;
mod settings;
mod snapshot;
mod spill;
mod stores;

#[cfg(test)]
mod tests;

pub use budget::{Budget, Source};
pub use cgroup::{Tasks, tasks};
pub use figures::{Counts, Figures, Volume};
pub use identity::{Identity, OpenError};
pub use rocks::RocksStore;
pub use snapshot::Snapshot;
pub use stores::{Kept, Stores};

pub use directory::{holder, shards};
