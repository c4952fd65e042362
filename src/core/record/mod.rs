//! The base layer: plain values that every other part of the program uses.
//!
//! Promise: only values and what follows from them. Ban: no client, no storage, no clock, and
//! nothing from the layers above.

mod headers;
mod histogram;
mod ids;
mod output;
pub mod trace;

use std::time::Duration;

pub use headers::{Carried, Header, Headers, Span};
pub use histogram::Histogram;
pub use ids::{InputIndex, Offset, ShardId};
pub use output::{Output, Sink};

/// Milliseconds since the Unix epoch, as Kafka's record timestamps are.
pub type Timestamp = i64;

/// Returns a duration in milliseconds; the longest one instead of one that is too long.
pub fn millis(duration: Duration) -> Timestamp {
    Timestamp::try_from(duration.as_millis()).unwrap_or(Timestamp::MAX)
}
