//! What a shard needs from the world and gives to it: Kafka and a store as traits, and the values
//! that pass through them.
//!
//! `kafka/` and `store/` implement the traits for production, `sim/` for the simulator.

pub(in crate::shard) mod assignment;
pub(in crate::shard) mod batch;
pub(in crate::shard) mod identity;
pub(in crate::shard) mod metadata;
pub(in crate::shard) mod spill;
pub(in crate::shard) mod traits;
pub(in crate::shard) mod transaction;
