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
    /// Every item of a list that comes record by record, once it is closed (S26).
    Growing(Growing),
}

/// A list that comes record by record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growing {
    /// How many items it will have; 0 if only a record can say that it is the last one.
    pub total: u32,
    /// How many have yet to be listed; without a total, one until the last was listed.
    pub to_come: u32,
}

impl Awaits {
    /// Returns how many of these items are still missing, and how many of those that count have
    /// failed.
    pub fn open_in(self, items: &Items) -> (u32, u32) {
        match self {
            Self::Items | Self::Growing(_) => (items.missing(), items.failed()),
            Self::Count(count) => {
                let known = items.iter().map(weight).sum::<u64>();
                let missing = u64::from(count).saturating_sub(known);
                let failed = items.iter().filter(Item::has_failed).count();
                (narrow(missing), narrow(failed as u64))
            }
        }
    }

    /// Returns how many items are expected, as far as that is known.
    pub fn expected_total(self, items: &Items) -> u64 {
        let listed = || items.iter().filter(|item| item.need > 0).count() as u64;
        match self {
            Self::Items => listed(),
            Self::Count(count) => u64::from(count),
            Self::Growing(Growing { total, .. }) => listed().max(u64::from(total)),
        }
    }

    /// Returns how many of the expected items are missing, those that are not listed yet included.
    pub fn missing_total(self, items: &Items) -> u64 {
        let missing = u64::from(self.open_in(items).0);
        match self {
            Self::Growing(Growing { total: 1.., to_come }) => missing + u64::from(to_come),
            _ => missing,
        }
    }

    /// Returns whether the list of what is needed is complete.
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Growing(Growing { to_come: 1.., .. }))
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
            Awaits::Items | Awaits::Growing(_) => {
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
