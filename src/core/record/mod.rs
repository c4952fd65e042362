//! The base layer: plain values that every other part of the program uses.
//!
//! Promise: only values and what follows from them. Ban: no client, no storage, no clock, and
//! nothing from the layers above.

mod headers;
mod histogram;
mod ids;
mod output;
pub mod trace;

pub use headers::{Carried, Header, Headers, Span};
pub use histogram::Histogram;
pub use ids::{InputIndex, Offset, ShardId};
pub use output::{Output, Sink};

/// Milliseconds since the Unix epoch, as Kafka's record timestamps are.
pub type Timestamp = i64;
