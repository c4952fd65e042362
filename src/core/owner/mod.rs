//! Tracks the state of each shard of a process, and decides how to react to every event.
//!
//! Promise: pure. Its callers report events and it returns what to do; it starts no thread, reads
//! no clock and knows neither Kafka nor disks. So the worker's threads and the simulator run
//! exactly the same decisions.
//!
//! ```text
//!  Shards (one a process)                                Cycle (one a shard that runs)
//!
//!  gained ─► queued ─► opening ─► running ─► released    idle ─► committing ─► idle
//!              ▲         │          │ dropped               ▲        │ outdated
//!              │         ▼          ▼                       │        ▼
//!              └─────── waiting, by the error's reaction    └───── refused, sent again
//! ```
//!
//! - O-1: a process opens or runs a shard at most once at a time. Each opening, with everything
//!   that follows until the shard is closed, is a *stay* with its own number; reports about any
//!   other stay than the current one change nothing.
//! - O-2: a shard that is given up commits at most once more, and never what was refused. It is
//!   released when nothing of it can be committed any more.

mod backoff;
mod cycle;
mod lane;
mod pace;
mod reaction;
mod shards;

use std::time::Duration;

pub use self::{
    cycle::{Cycle, Due, Ended, Release, STUCK_AFTER},
    lane::{Candidate, Lane, Learnt, Sent},
    pace::Pace,
    reaction::{Reaction, Verdict},
    shards::{Cause, Left, Next, Opened, Shards, Standing, Trust},
};

/// Time since a fixed moment in the life of the process.
pub type Now = Duration;

/// One opening of a shard by this process, with everything that follows until the shard is closed.
/// Later stays have larger numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stay(pub u64);
