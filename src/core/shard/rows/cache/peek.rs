//! Reads the cache without changing it.

use super::{Cache, SlotId, spread};

/// The position of a walk over the dirty rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirtyCursor {
    /// The number of spills taken when the current rows of the walk became dirty.
    period: u32,
    position: usize,
    /// The period in which the walk began: later ones contain only what has changed since.
    last: u32,
}

/// Rows in memory, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CachedRows {
    /// Changed by records that are not committed yet.
    pub overlay: usize,
    /// Changed since the last spill, and committed or being committed.
    pub dirty: usize,
    /// In the store as well, or in the spill under way.
    pub clean: usize,
}

impl CachedRows {
    /// Returns the sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            overlay: self.overlay + other.overlay,
            dirty: self.dirty + other.dirty,
            clean: self.clean + other.clean,
        }
    }
}

impl Cache {
    /// Returns how many rows there are.
    pub fn rows(&self) -> CachedRows {
        let (overlay, unspilled) = (self.changed.len(), self.dirty.len());
        CachedRows {
            overlay,
            dirty: unspilled.saturating_sub(overlay),
            clean: self.table.len().saturating_sub(unspilled),
        }
    }

    /// Returns the encoded row of `key` if it is in memory; empty if the key is known not to exist.
    pub fn peek(&self, key: &[u8]) -> Option<&[u8]> {
        let hash = self.hash(key);
        let is_it = |&id: &SlotId| {
            let slot = &self.slots[id];
            slot.hash == hash && slot.key() == key
        };
        self.table.find(spread(hash), is_it).map(|&id| self.slots[id].row())
    }

    /// Calls `show` with every key in memory and its encoded row; the row is empty if the key is
    /// known not to exist.
    pub fn each(&self, mut show: impl FnMut(&[u8], &[u8])) {
        for &id in &self.table {
            show(self.slots[id].key(), self.slots[id].row());
        }
    }

    /// Returns where a walk over the dirty rows begins.
    pub fn first_dirty(&self) -> DirtyCursor {
        let last = self.spills;
        let period = if self.spilling.is_some() { last.wrapping_sub(1) } else { last };
        DirtyCursor { period, position: 0, last }
    }

    /// Calls `show` with up to `limit` dirty keys and rows, and returns where to continue.
    ///
    /// Skips rows of a period whose spill has been applied since: the store has them.
    pub fn dirty(
        &self,
        from: DirtyCursor,
        limit: usize,
        mut show: impl FnMut(&[u8], &[u8]),
    ) -> Option<DirtyCursor> {
        let DirtyCursor { period, position, last } = from;
        let slots = self.dirty_of(period);
        let end = position.saturating_add(limit).min(slots.len());
        for &id in slots.get(position..end).unwrap_or_default() {
            show(self.slots[id].key(), self.slots[id].row());
        }
        if end < slots.len() {
            return Some(DirtyCursor { period, position: end, last });
        }
        let next = DirtyCursor { period: period.wrapping_add(1), position: 0, last };
        (period != last).then_some(next)
    }

    fn dirty_of(&self, period: u32) -> &[SlotId] {
        if period == self.spills {
            return &self.dirty;
        }
        match &self.spilling {
            Some((slots, _)) if period.wrapping_add(1) == self.spills => slots,
            _ => &[],
        }
    }
}
