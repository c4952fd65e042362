//! A shard that processes records: what a record does, when deadlines fire, what a commit holds.

pub(in crate::shard) mod clock;
pub(in crate::shard) mod commit;
pub(in crate::shard) mod counters;
pub(in crate::shard) mod deadlines;
pub(in crate::shard) mod parts;
pub(in crate::shard) mod placement;
pub(in crate::shard) mod query;
pub(in crate::shard) mod report;
pub(in crate::shard) mod room;
pub(in crate::shard) mod running;
pub(in crate::shard) mod spilling;
pub(in crate::shard) mod stepping;
pub(in crate::shard) mod taking;
