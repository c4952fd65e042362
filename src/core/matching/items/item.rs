//! One item, and what is known about it.

use crate::matching::{Counting, ItemOutcome};

/// One item of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub text: &'a str,
    /// How often the expectation lists it; 0 when it is not expected.
    pub need: u32,
    /// How often it was observed.
    pub have: u32,
    pub mark: Mark,
}

/// What is known about an item besides its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    #[default]
    None,
    /// The last word about it is that it failed; it has not arrived then.
    Failed,
    /// The last word about an item that is not expected is that it was withdrawn. An expected one
    /// is missing then and has no mark.
    Withdrawn,
}

/// Whether any item of a list has a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    None,
    Some,
}

impl Item<'_> {
    /// Returns how many are still missing; a failed item is not missing.
    pub fn missing(&self) -> u32 {
        if self.has_failed() { 0 } else { self.need.saturating_sub(self.have) }
    }

    /// Returns whether it has arrived or failed.
    pub fn is_known(&self) -> bool {
        self.have > 0 || self.has_failed()
    }

    /// Returns whether the last word about it is that it failed.
    pub fn has_failed(&self) -> bool {
        self.mark == Mark::Failed
    }

    /// Returns what it becomes by an observation of this outcome; `None` if it stays as it is.
    pub(in crate::matching) fn after(
        self,
        counting: Counting,
        quantity: u32,
        outcome: ItemOutcome,
    ) -> Option<Self> {
        assert!(
            counting == Counting::Distinct || outcome == ItemOutcome::Arrived,
            "validation refuses outcomes where quantities are counted"
        );
        let (have, mark) = match (outcome, counting) {
            (ItemOutcome::Arrived, Counting::Quantity) => {
                (self.have.saturating_add(quantity), Mark::None)
            }
            (ItemOutcome::Arrived, _) if self.have > 0 => return None,
            (ItemOutcome::Arrived, _) => (1, Mark::None),
            (ItemOutcome::Failed, _) if self.has_failed() => return None,
            (ItemOutcome::Failed, _) => (0, Mark::Failed),
            (ItemOutcome::Withdrawn, _) if !self.is_known() => return None,
            // An expected item that was withdrawn is simply missing.
            (ItemOutcome::Withdrawn, _) if self.need > 0 => (0, Mark::None),
            (ItemOutcome::Withdrawn, _) => (0, Mark::Withdrawn),
        };
        Some(Item { have, mark, ..self })
    }
}
