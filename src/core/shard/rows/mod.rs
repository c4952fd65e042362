//! The rows of a shard: those in memory, what is known of those on disk, how many there are and
//! since when they wait.

pub(in crate::shard) mod ages;
pub(in crate::shard) mod cache;
pub(in crate::shard) mod counts;
pub(in crate::shard) mod due;
pub(in crate::shard) mod key_filter;
pub(in crate::shard) mod large;
pub(in crate::shard) mod recount;
