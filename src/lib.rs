//! Completeness reconciliation on Kafka.
//!
//! One topic says which items a key needs, other topics say which items have arrived; Rollcall
//! emits exactly one completion per key when all have, whatever the order of arrival, and reports
//! what is overdue.
//!
//! ```text
//!  spec ──► worker ──► kafka ─┐ implement the ports of
//!             │        store ─┴──────► shard ──► codec ──► matching (pure)
//!             └── supervisor, lanes, committers
//! ```
//!
//! Start reading at [`matching::step`], which decides what a record means, then
//! [`shard::Running`], which makes a batch of records one transaction, then [`shard::Opening`],
//! which brings a shard up after whatever happened.

pub mod codec;
pub mod commands;
pub mod console;
pub mod http;
pub mod kafka;
pub mod log;
pub mod matching;
pub mod metrics;
pub mod operator;
pub mod order_demo;
pub mod owner;
pub mod record;
pub mod shard;
pub mod sim;
pub mod spec;
pub mod state_api;
pub mod store;
pub mod telemetry;
pub mod text;
pub mod worker;
