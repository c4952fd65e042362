//! What can happen to a key.

use super::Items;

/// One thing that happened to a key, already decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A record on the expected topic lists the items the key needs (S1–S7).
    /// Each item's `need` says how often, its `have` is 0.
    Expectation(&'a Items),
    /// A tombstone on the expected topic (S8, S9).
    Cancellation,
    /// A record on an observed topic says that `quantity` more of `item` arrived (S10–S14).
    Observation { item: &'a str, quantity: u32 },
    /// Shard time has moved on: the earliest due deadline of the row, if any, fires (S18–S21).
    Tick,
}
