//! Which shard of a process is where, and what happens on every event.
//!
//! Promise: pure. It is told what has happened and answers what to do; it starts no thread, asks no
//! clock and knows neither Kafka nor disks. So the worker's threads and the simulator run the very
//! same decisions.
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
//! - O-1: a process opens or runs a shard at most once at a time. Each opening, and all that
//!   follows until the shard is closed, is a *stay* with a number of its own; what is reported of
//!   another stay than the present one changes nothing.
//! - O-2: a shard that is given up commits at most once more, and only what was not refused. It is
//!   released when nothing of it can be committed any more.

mod backoff;
mod cycle;
mod pace;
mod reaction;
mod shards;

use std::time::Duration;

pub use self::{
    cycle::{Cycle, Due, Ended, Release, STUCK_AFTER},
    pace::Pace,
    reaction::{Reaction, Verdict},
    shards::{Cause, Left, Next, Opened, Shards, Standing, Trust},
};

/// Time since any moment that stays the same while the process lives.
pub type Now = Duration;

/// One opening of a shard by this process, and all that follows until the shard is closed. Later
/// stays have larger numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stay(pub u64);
