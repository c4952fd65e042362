//! One shard: what is known of its keys, and how a batch of records becomes one transaction.
//!
//! Promise: committed output, rows and offsets are those of the pure core run over the committed
//! input, whatever crashes in between. Ban: no Kafka client and no RocksDB here; both are ports,
//! so that the simulator runs this very code.

mod error;
mod ids;
mod ports;
mod transaction;

pub use error::{Error, Result};
pub use ids::{InputIndex, Offset, ShardId};
pub use ports::{
    Batch, Bounds, Broker, Change, ChangelogReader, Checkpoint, Due, Producer, Spill, Store, row_of,
};
pub use transaction::{Output, Sink, Transaction};
