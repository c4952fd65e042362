//! What workers answer about themselves, read by operator, console and `rollcall inspect`.
//!
//! Promise: these shapes are the contract of `docs/openapi.yaml`; fields are added, never renamed.
//! Ban: nothing here knows how a worker finds its answers.

mod status;

pub use crate::shard::RowCounts;
pub use status::{
    InputStatus, Phase, RestoreStatus, ShardStatus, Trouble, WorkerState, WorkerStatus,
};
