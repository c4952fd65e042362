//! How a shard comes up after whatever happened.

pub(in crate::shard) mod opening;
pub(in crate::shard) mod restore;
pub(in crate::shard) mod settle;
pub(in crate::shard) mod start;
