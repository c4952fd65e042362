//! What a record means for its key: one event and one row in, one row out.
//!
//! Promise: [`step`] is a function of its arguments, so replaying the same records gives the same
//! rows and the same emissions. Ban: no clock, no log, no metric, no channel, no storage. Time is
//! passed in as a value. The rules are numbered as in `docs/semantics.md`.

mod awaits;
mod deadlines;
mod event;
mod ids;
pub mod invariants;
mod items;
mod kept;
mod lines;
mod list;
mod origin;
mod outcome;
mod row;
mod rules;
mod step;
#[cfg(test)]
mod tests;
mod times;

pub use awaits::{Awaits, Growing};
pub use deadlines::Deadlines;
pub use event::{Event, Expectation, Extent, ItemOutcome, Part};
pub use ids::Ids;
pub use items::{ITEM_BYTES_MAX, Item, Items, LARGE_ITEMS_BYTES, Mark, Marks};
pub use kept::Kept;
#[cfg(test)]
pub(crate) use list::bytes as list_bytes;
pub use origin::{EXPECTED_INPUT, Origin};
pub use outcome::{OUTCOMES, Outcome};
pub use row::{Phase, Row};
pub use rules::{Counting, FailedWhen, Rules};
pub use step::{Effect, Emitted, OverdueReason, Step, apply, step, step_keeping};
pub use times::Times;
