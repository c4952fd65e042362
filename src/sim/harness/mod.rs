//! Runs a few records through the shards of one process, for `rollcall test`: as they are written,
//! in another order, or with a crash at one of the steps.
//!
//! ```text
//!   Script ──► run(Way) ──► Process ──► shard::{Opening, Running, Commit} ──► Port: Cluster, disks
//!                 │  again after a crash                                        │ counts the steps
//!                 ▼                                                             ▼
//!              Findings: outputs, open keys                           the process ends at one
//! ```
//!
//! Promise: the code of `codec`, `matching` and `shard` decides everything, and a run depends on
//! its script and its way alone. Ban: no randomness, no threads and no faults but the crash; those
//! are the simulator's.

mod kafka;
mod order;
mod port;
mod process;
mod run;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use rollcall_core::{
    matching::Row,
    record::{Header, InputIndex, ShardId, Sink, Timestamp},
    shard::Plan,
};

pub use order::{Orders, orders};
pub use run::{crashes, run};

/// Records of the inputs, in the order of their times, and the time that passes.
#[derive(Clone)]
pub struct Script {
    pub plan: Plan,
    /// The number of partitions of every topic.
    pub partitions: NonZeroU32,
    pub start_ms: Timestamp,
    pub arrivals: Vec<Arrival>,
    /// At or after the last arrival.
    pub until_ms: Timestamp,
}

/// A record that is written to an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    pub input: InputIndex,
    pub shard: ShardId,
    pub at_ms: Timestamp,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// How a script is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Each record is read and committed before the next one is written.
    AsWritten,
    /// Records are read in this order, given as indices of the arrivals. Those between two
    /// deadlines are a backlog: all of them are there before the first is read, and are committed
    /// together.
    Order {
        order: Vec<usize>,
        deadlines: Vec<usize>,
    },
    Crash(Crash),
}

/// As written, except that the process dies just before one of its steps and starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// The step, counted from 1.
    pub step: u64,
    pub restart: Restart,
}

/// Where a process starts again after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// On the same machine, with what its disk has.
    SameMachine,
    /// On another one, with an empty disk.
    OtherMachine,
}

/// What a run has led to.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// What readers of the outputs see, by shard and kind of output.
    pub outputs: Vec<Produced>,
    /// The keys that are open in the end, in order.
    pub open: Vec<(Vec<u8>, Row)>,
    /// How many steps the process took.
    pub steps: u64,
    /// What the process was about to do when it died.
    pub died_before: Option<&'static str>,
    /// The arrivals before which deadlines fired: no order moves records across them.
    pub deadlines: Vec<usize>,
}

/// A committed record of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    pub sink: Sink,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}
