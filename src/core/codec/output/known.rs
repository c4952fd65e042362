//! What an output says about the items of a key, depending on what the key waits for.

use crate::matching::{Awaits, Item, Items, Kept};

/// What is known of a key's items, and what is kept of its records.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub items: &'a Items,
    pub awaits: Awaits,
    pub kept: &'a Kept,
}

impl<'a> Known<'a> {
    /// Returns whether it is known which items are missing, and not only how many.
    pub fn names_missing(self) -> bool {
        !self.awaits.any_item() && self.awaits.is_closed()
    }

    /// Returns how many items are listed, if the list is not closed.
    pub fn listed_total(self) -> Option<u64> {
        let listed = self.items.iter().filter(|item| item.need > 0).count() as u64;
        (!self.awaits.is_closed()).then_some(listed)
    }

    pub fn expected_total(self) -> u64 {
        self.awaits.expected_total(self.items)
    }

    pub fn missing_total(self) -> u64 {
        self.awaits.missing_total(self.items)
    }

    /// Returns how many of the expected items are there; of a count, how much of it.
    pub fn observed_total(self) -> u64 {
        match self.awaits {
            Awaits::Items | Awaits::Growing(_) => {
                let arrived = |item: &Item<'_>| item.need > 0 && item.have >= item.need;
                self.items.iter().filter(arrived).count() as u64
            }
            Awaits::Count(_) => self.items.iter().map(|item| u64::from(item.have)).sum(),
        }
    }

    /// Returns the items that are known to be missing.
    pub fn missing(self) -> impl Iterator<Item = Item<'a>> {
        self.items.iter().filter(|item| item.missing() > 0)
    }

    /// Returns the expected items that have failed.
    pub fn failed(self) -> impl Iterator<Item = Item<'a>> {
        self.items.iter().filter(move |item| item.has_failed() && self.counts(item))
    }

    /// Returns what was observed without being expected.
    pub fn unexpected(self) -> impl Iterator<Item = Item<'a>> {
        self.items.iter().filter(move |item| item.is_known() && !self.counts(item))
    }

    fn counts(self, item: &Item<'_>) -> bool {
        item.need > 0 || self.awaits.any_item()
    }
}
