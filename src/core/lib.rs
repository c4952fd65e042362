//! The core: what a shard is, what a record means for it, and which process runs it.
//!
//! ```text
//!  owner ──► shard ──► codec ──► matching ──► record
//! ```
//!
//! Promise: builds and tests within a minute, without librdkafka, RocksDB or OpenSSL. Ban: no I/O;
//! Kafka and the store are ports (`shard`), implemented elsewhere and by the simulator.
//!
//! Start reading at [`matching::step`], which decides what a record means, then [`shard::Running`],
//! which makes a batch of records one transaction, then [`shard::Opening`], which opens a shard
//! after any kind of stop.

#![forbid(unsafe_code)]

pub mod codec;
pub mod matching;
pub mod owner;
pub mod record;
pub mod shard;
pub mod text;

/// Files that other crates share with this crate's tests use this name.
#[cfg(test)]
extern crate self as rollcall_core;
