//! What completes an open row that was expected, besides the items of its list.

use super::{Item, Items, Row};

/// What an open row waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Awaits {
    /// Every item that is needed.
    #[default]
    Items,
    /// This many different items, or units where quantities are counted, whichever they are (S25).
    /// No item is needed in particular then.
    Count(u32),
}

impl Awaits {
    /// Returns how many of these items are still missing, and how many of those that count have
    /// failed.
    pub fn open_in(self, items: &Items) -> (u32, u32) {
        match self {
            Self::Items => (items.missing(), items.failed()),
            Self::Count(count) => {
                let known = items.iter().map(weight).sum::<u64>();
                let missing = u64::from(count).saturating_sub(known);
                let failed = items.iter().filter(Item::has_failed).count();
                (narrow(missing), narrow(failed as u64))
            }
        }
    }

    /// Returns whether any item counts, whatever it is.
    pub fn any_item(self) -> bool {
        matches!(self, Self::Count(_))
    }
}

impl Row {
    /// Adjusts what is missing and what has failed to `item`, which was `known` before.
    #[inline]
    pub(super) fn heard(&mut self, known: Item<'_>, item: Item<'_>) {
        match self.awaits {
            Awaits::Items => {
                let is_missing = |item: Item<'_>| u32::from(item.missing() > 0);
                self.missing = self.missing + is_missing(item) - is_missing(known);
                let has_failed = |item: Item<'_>| u32::from(item.need > 0 && item.has_failed());
                self.failed = self.failed + has_failed(item) - has_failed(known);
            }
            // Nobody knows how far beyond the count it was.
            Awaits::Count(_) if self.missing == 0 => {
                (self.missing, self.failed) = self.awaits.open_in(&self.items);
            }
            Awaits::Count(_) => {
                let missing = u64::from(self.missing) + weight(known);
                self.missing = narrow(missing.saturating_sub(weight(item)));
                let has_failed = |item: Item<'_>| u32::from(item.has_failed());
                self.failed = self.failed + has_failed(item) - has_failed(known);
            }
        }
    }
}

/// Returns how much of a count an item makes up: what has arrived, or one if it has failed.
fn weight(item: Item<'_>) -> u64 {
    u64::from(item.have) + u64::from(item.has_failed())
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
