//! One shard: the state of its keys, and how a batch of records becomes one transaction.
//!
//! Promise: committed output, rows and offsets are those of the pure core run over the committed
//! input, whatever crashes in between. Ban: no Kafka client and no RocksDB here; both are ports, so
//! that the simulator runs exactly this code.

mod error;
mod invariant;
mod open;
mod plan;
mod port;
mod rows;
mod run;

use rows::cache::Cache;
use rows::key_filter::KeyFilter;
use run::clock::Clock;

pub use crate::check;
pub use error::{Error, Result};
pub use invariant::Invariant;
pub use open::opening::Opening;
pub use open::restore::{OpeningPhase, Progress};
pub use plan::{Limits, OnTruncation, Plan, Record, StartFrom};
pub use port::assignment::{Assignment, Tenure};
pub use port::batch::{Batch, row_of};
pub use port::identity::{Identity, InputTopics, Mismatch};
pub use port::metadata::{Metadata, Position};
pub use port::spill::Spill;
pub use port::traits::{
    Bounds, Broker, Change, ChangelogReader, Checkpoint, CommittedOffset, CommittedOffsets, Due,
    End, Failed, InputLog, Producer, Store, Wait,
};
pub use port::transaction::Transaction;
pub use rows::ages::Ages;
pub use rows::cache::CachedRows;
pub use rows::counts::RowCounts;
pub use rows::recount::Recount;
pub use run::commit::{Commit, Committed};
pub use run::counters::{Counters, Ledger};
pub use run::parts::{Attempt, commit_parts};
pub use run::placement::{KeysAre, Misplaced, Partitioning, Placement};
pub use run::query::{Portion, PortionCursor, decode_row, key_hash};
pub use run::report::{OnStep, Satisfied, StepReport};
pub use run::room::Size;
pub use run::running::{Hidden, Running};

#[cfg(test)]
mod tests;
