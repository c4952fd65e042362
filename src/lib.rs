//! Completeness reconciliation on Kafka.
pub mod matching;
pub mod shard;
