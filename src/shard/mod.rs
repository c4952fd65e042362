//! One shard: what is known of its keys, and how a batch of records becomes one transaction.
//!
//! Promise: committed output, rows and offsets are those of the pure core run over the committed
//! input, whatever crashes in between. Ban: no Kafka client and no RocksDB here; both are ports,
//! so that the simulator runs this very code.

mod assignment;
mod cache;
mod clock;
mod commit;
mod counters;
mod due;
mod error;
mod ids;
mod open;
mod plan;
mod ports;
mod query;
mod restore;
mod running;
mod story;
mod transaction;

use cache::Cache;
use clock::Clock;

pub use assignment::Assignment;
pub use commit::{Commit, Committed};
pub use counters::Counters;
pub use error::{Error, Result};
pub use ids::{InputIndex, Offset, ShardId};
pub use open::Opening;
pub use plan::{Limits, OnTruncation, Plan, Record, StartFrom};
pub use ports::{
    Batch, Bounds, Broker, Change, ChangelogReader, Checkpoint, CommittedOffset, Due, Producer,
    Spill, Store, row_of,
};
pub use query::{Portion, PortionCursor, key_hash};
pub use restore::Progress;
pub use running::{Running, decode_row};
pub use transaction::{Output, Sink, Transaction};
