//! What workers report about themselves; operator, console and `rollcall inspect` read it.
//!
//! Promise: these types are the contract of `docs/openapi.yaml`; fields are added, never renamed.
//! Ban: nothing here knows how a worker computes its answers.

mod key;
mod problem;
mod recent;
mod restart;
mod status;

pub use key::{
    AwaitsStory, CensusFacts, Deadline, InputRecord, ItemStory, KeyEntry, KeyPage, KeyQuery,
    KeyState, KeyStory, MissingItem, MissingPage, NamedDeadlines, Then,
};
pub use problem::Problem;
pub use recent::{RecentKind, RecentPage, RecentRecord};
pub use restart::RestartAnswer;
pub use rollcall_core::shard::RowCounts;
pub use status::{
    InputStatus, RestoreStatus, Severity, ShardState, ShardStatus, ShardTotals, Trouble,
    WorkerState, WorkerStatus,
};
