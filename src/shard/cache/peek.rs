//! Looks at the cache that leave it as it is.

use super::{Cache, SlotId};
use crate::matching::Row;

/// Where a walk over the dirty rows has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirtyCursor {
    /// The spill period whose rows are being walked over.
    period: u32,
    position: usize,
    /// The period in which the walk began: later ones hold only what changed meanwhile.
    last: u32,
}

/// Returns the hash under which every cache knows `key`.
pub fn hash_of(key: &[u8]) -> u64 {
    super::hash_with(&foldhash::fast::FixedState::default(), key)
}

impl Cache {
    /// Returns the row of `key` if it is in memory; an absent one is known not to be there.
    pub fn peek(&self, key: &[u8]) -> Option<&Row> {
        let hash = self.hash(key);
        let id = self.table.find(hash, |&id| {
            let slot = &self.slots[id as usize];
            slot.hash == hash && slot.key[..] == *key
        })?;
        Some(self.row(*id))
    }

    /// Returns where a walk over the dirty rows begins.
    pub fn first_dirty(&self) -> DirtyCursor {
        let period = if self.spilling.is_some() { self.period - 1 } else { self.period };
        DirtyCursor { period, position: 0, last: self.period }
    }

    /// Shows up to `limit` dirty rows with their hashes, and returns where to go on.
    ///
    /// Rows of a period whose spill has landed since are passed over: the store has them.
    pub fn dirty(
        &self,
        from: DirtyCursor,
        limit: usize,
        mut show: impl FnMut(u64, &[u8], &Row),
    ) -> Option<DirtyCursor> {
        let DirtyCursor { period, position, last } = from;
        let slots = self.dirty_of(period);
        let end = position.saturating_add(limit).min(slots.len());
        for &id in slots.get(position..end).unwrap_or_default() {
            let slot = &self.slots[id as usize];
            show(slot.hash, &slot.key, &slot.row);
        }
        if end < slots.len() {
            return Some(DirtyCursor { period, position: end, last });
        }
        (period < last).then_some(DirtyCursor { period: period + 1, position: 0, last })
    }

    fn dirty_of(&self, period: u32) -> &[SlotId] {
        if period == self.period {
            return &self.dirty;
        }
        match &self.spilling {
            Some((slots, _)) if period + 1 == self.period => slots,
            _ => &[],
        }
    }
}
