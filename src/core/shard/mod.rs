//! One shard: the state of its keys, and how a batch of records becomes one transaction.
//!
//! Promise: committed output, rows and offsets are those of the pure core run over the committed
//! input, whatever crashes in between. Ban: no Kafka client and no RocksDB here; both are ports, so
//! that the simulator runs exactly this code.

mod ages;
mod assignment;
mod batch;
mod cache;
mod clock;
mod commit;
mod counters;
mod deadlines;
mod due;
mod error;
mod identity;
mod invariant;
mod key_filter;
mod large;
mod metadata;
mod open;
mod placement;
mod plan;
mod ports;
mod query;
mod recount;
mod restore;
mod room;
mod rows;
mod running;
mod spill;
mod spilling;
mod start;
mod stepping;
mod story;
mod transaction;

use cache::Cache;
use clock::Clock;
use key_filter::KeyFilter;

pub use crate::check;
pub use ages::Ages;
pub use assignment::Assignment;
pub use batch::{Batch, row_of};
pub use cache::CachedRows;
pub use commit::{Commit, Committed};
pub use counters::{Counters, Ledger};
pub use error::{Error, Result};
pub use identity::{Identity, Mismatch, Topics};
pub use invariant::Invariant;
pub use metadata::{Metadata, Position};
pub use open::Opening;
pub use placement::{Misplaced, Partitioning, Placement};
pub use plan::{Limits, OnTruncation, Plan, Record, StartFrom};
pub use ports::{
    Bounds, Broker, Change, ChangelogReader, Checkpoint, CommittedOffset, Due, InputLog, Producer,
    Store,
};
pub use query::{Portion, PortionCursor, decode_row, key_hash};
pub use recount::Recount;
pub use restore::{Phase, Progress};
pub use room::Size;
pub use rows::RowCounts;
pub use running::{Hidden, Running};
pub use spill::Spill;
pub use transaction::Transaction;

#[cfg(test)]
mod tests;
