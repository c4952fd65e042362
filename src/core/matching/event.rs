//! Events that can happen to a key.

use super::{Deadlines, Items};

/// What an observation reports about its item; the last word counts while the key is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ItemOutcome {
    /// The item is there.
    #[default]
    Arrived,
    /// The item will not come, or is not what was asked for.
    Failed,
    /// What was reported before no longer holds: the item is missing again.
    Withdrawn,
}

/// One event for a key, already decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A record on the expected topic says what the key needs (S1–S7).
    Expectation(Expectation<'a>),
    /// A tombstone on the expected topic (S8, S9).
    Cancellation,
    /// A record on an observed topic reports that `quantity` more of `item` arrived (S10–S14), or
    /// that it failed or was withdrawn (S22–S24), which occurs only with [`Counting::Distinct`].
    ///
    /// [`Counting::Distinct`]: super::Counting::Distinct
    /// If there is an `id`, another observation of the key with the same one is a duplicate (S27).
    Observation { item: &'a str, quantity: u32, outcome: ItemOutcome, id: Option<&'a str> },
    /// Shard time has advanced: the row's earliest due deadline, if any, fires (S18–S21).
    Tick,
}

/// What a record on the expected topic says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation<'a> {
    /// The `need` of each item is how often it is needed; its `have` is 0.
    pub items: &'a Items,
    pub extent: Extent,
    pub deadlines: Deadlines,
}

/// How much of what a key needs the items of an expectation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// None: the key needs this many items, whichever they are (S25).
    Count(u32),
    /// One item of a list that comes record by record (S26).
    Part(Part),
}

/// What a record that lists one item says about the rest of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The list has this many different items.
    Of(u32),
    /// Another record closes it.
    More,
    /// It is closed.
    Last,
}

impl<'a> Expectation<'a> {
    /// Returns the expectation of exactly these items.
    pub fn of(items: &'a Items) -> Self {
        Self { items, extent: Extent::Whole, deadlines: Deadlines::NONE }
    }
}
