//! A deterministic simulator: the real code of `shard` and `matching` on an in-memory Kafka, with
//! everything going wrong that can go wrong.
//!
//! ```text
//!   seed ──► Setting, Workload          environment: input, markers, rebalances, time, faults
//!                 │                                   │ before every turn
//!                 ▼                                   ▼
//!   Schedule ──► Stage: whose turn ──► World: Cluster, disks, clocks ──► Oracle: is it right?
//!                 │                                   ▲
//!                 ▼ one thread each                   │ every call on a port takes a turn
//!              Process ──► shard::{Opening, Running, Commit} ──► Client, Disk
//! ```
//!
//! Promise: a schedule is determined by its seed alone, and a failing seed says how to replay it.
//! Ban: no real clock, network or disk, and no knowledge of how a shard works inside.

#![forbid(unsafe_code)]

mod avro;
mod campaign;
mod client;
mod disk;
mod environment;
pub mod harness;
mod kafka;
mod oracle;
mod partitions;
mod plan;
mod process;
mod producer;
mod random;
mod registry;
mod schedule;
mod setting;
mod situation;
mod stage;
mod wiring;
mod workload;
mod world;

#[cfg(test)]
#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;

pub use campaign::{Tally, campaign};
pub use client::{Authority, Client};
pub use plan::plan;
pub use random::Random;
pub use schedule::{Failure, Summary, run, run_with};
pub use setting::Setting;
pub use situation::{SITUATIONS, Seen, Situation};
pub use stage::{Stage, Until};
pub use wiring::{Faithful, Wiring};
pub use world::{Tracing, World};
