//! Completeness reconciliation on Kafka.
pub mod codec;
pub mod matching;
pub mod shard;
