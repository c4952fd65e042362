//! Converts bytes to values and back: input records, stored rows, output records, partitions.
//!
//! Promise: any bytes decode to an event or to a [`Reason`], never to a panic, and the encoding of
//! stored rows never changes within a version. Ban: no Kafka, no store, no clock; `matching`
//! decides what a record does to its key.

pub mod avro;
pub mod base64;
mod encoding;
pub mod input;
pub mod output;
mod partition;
pub mod path;
pub mod protobuf;
mod reason;
pub mod row;
pub mod schemas;
pub mod unfit;

pub use encoding::Encoding;
pub use input::Decoder;
pub use output::Outputs;
pub use partition::Partitioner;
pub use path::Path;
pub use reason::{Found, Part, REASONS, Reason, WRONG_PARTITION};
