//! Completeness reconciliation on Kafka.
pub mod codec;
pub mod commands;
pub mod matching;
pub mod order_demo;
pub mod shard;
