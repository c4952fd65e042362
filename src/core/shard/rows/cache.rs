//! The rows in memory: a write-back cache over the store, with the overlay of uncommitted changes.
//!
//! A row is changed in place. The changes of the running overlay go into the next transaction; what
//! has changed since the last spill is *dirty* and goes into the next spill, which is applied only
//! after that transaction has committed. A failed commit drops the whole cache with its
//! shard: the store and the changelog's tail restore the committed rows.
//!
//! Rows are kept in their changelog encoding, together with their key: an open order takes about
//! 130 bytes that way, half of what its fields would, and writing it is a copy.

mod peek;
mod slots;

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use self::slots::{CHANGED, DIRTY, SPILLING, Slot, Slots, USED};
use crate::shard::{Batch, Due, Spill, rows::due::DueSlots};
use crate::{
    codec::row::{self, RowError},
    matching::{Phase, Row, Rules},
    record::Timestamp,
};

pub use peek::{CachedRows, DirtyCursor};
pub use slots::SlotId;

/// A slot's share of the table.
const TABLE_BYTES: usize = 7;
/// As far as we know, the index on disk has no deadline of the row.
const NOT_INDEXED: Timestamp = Timestamp::MIN;

/// Rows in memory, see the module.
#[derive(Default)]
pub struct Cache {
    table: HashTable<SlotId>,
    slots: Slots,
    hasher: FixedState,
    bytes: usize,
    /// Slots changed by the running overlay.
    changed: Vec<SlotId>,
    /// Size of their keys and rows.
    changed_bytes: usize,
    /// Slots changed since the last spill was taken.
    dirty: Vec<SlotId>,
    due: DueSlots,
    /// Slots and deadlines of the spill under way.
    spilling: Option<(Vec<SlotId>, DueSlots)>,
    /// Spills taken so far.
    spills: u32,
    /// Index entries on disk that were found to be stale.
    stale: Vec<Due>,
    hand: SlotId,
    scratch: Vec<u8>,
    /// How often a row was encoded.
    #[cfg(test)]
    pub writes: u64,
}

impl Cache {
    /// Returns the slot of `key`; if it was not cached, `Err` with a new slot for an absent row.
    #[inline]
    pub fn find_or_insert(&mut self, key: &[u8]) -> Result<SlotId, SlotId> {
        let hash = self.hash(key);
        let is_it = |&id: &SlotId| {
            let slot = &self.slots[id];
            slot.hash == hash && slot.key() == key
        };
        if let Some(&id) = self.table.find(spread(hash), is_it) {
            self.slots[id].flags |= USED;
            return Ok(id);
        }
        Err(self.insert(hash, key))
    }

    /// Returns half of the hash: enough for millions of rows, since keys are compared as well.
    fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        (hasher.finish() >> 32) as u32
    }

    fn insert(&mut self, hash: u32, key: &[u8]) -> SlotId {
        let slot = Slot::new(hash, key, NOT_INDEXED);
        self.bytes += slot.bytes() + TABLE_BYTES;
        let id = self.slots.insert(slot);
        self.table.insert_unique(spread(hash), id, |&id| spread(self.slots[id].hash));
        id
    }

    pub fn key(&self, id: SlotId) -> &[u8] {
        self.slots[id].key()
    }

    /// Decodes the slot's row into `row`, reusing the memory of its items.
    ///
    /// # Errors
    /// When the loaded bytes are not a row.
    #[inline]
    pub fn read(&self, id: SlotId, row: &mut Row) -> Result<(), RowError> {
        match self.slots[id].row() {
            [] => {
                let mut items = std::mem::take(&mut row.items);
                items.clear();
                *row = Row { items, ..Row::default() };
                Ok(())
            }
            bytes => row::decode_into(bytes, row),
        }
    }

    /// Returns when the slot's row is due next.
    pub fn due(&self, id: SlotId, rules: &Rules) -> Option<Timestamp> {
        self.slots[id].due(rules)
    }

    /// Sets the changed row: it belongs to the running overlay now.
    #[inline]
    pub fn write(&mut self, id: SlotId, row: &Row) {
        #[cfg(test)]
        {
            self.writes += 1;
        }
        self.scratch.clear();
        if row.phase != Phase::Absent {
            row::encode(row, &mut self.scratch);
        }
        let slot = &mut self.slots[id];
        self.bytes -= slot.bytes();
        if slot.flags & CHANGED == 0 {
            self.changed.push(id);
        } else {
            self.changed_bytes -= slot.joined().len();
        }
        slot.set_row(&self.scratch);
        self.bytes += slot.bytes();
        self.changed_bytes += slot.joined().len();
        if slot.flags & DIRTY == 0 {
            self.dirty.push(id);
        }
        slot.flags |= CHANGED | DIRTY;
    }

    fn set_row(&mut self, id: SlotId, bytes: &[u8]) {
        let slot = &mut self.slots[id];
        self.bytes -= slot.bytes();
        slot.set_row(bytes);
        self.bytes += slot.bytes();
    }

    /// Fills a new slot with the row from the store.
    ///
    /// # Errors
    /// When the bytes are not a row.
    pub fn load(&mut self, id: SlotId, bytes: &[u8], rules: &Rules) -> Result<(), RowError> {
        let due = row::outline(bytes)?.due(rules);
        self.set_row(id, bytes);
        self.slots[id].indexed_ms = due.unwrap_or(NOT_INDEXED);
        Ok(())
    }

    /// Sets a row from the changelog, or `None` if its key was forgotten: it is committed, but not
    /// in the store. [`Self::list_dirty`] must be called at the end of the restore.
    ///
    /// # Errors
    /// When the bytes are not a row.
    pub fn restore(&mut self, key: &[u8], bytes: Option<&[u8]>) -> Result<(), RowError> {
        if let Some(bytes) = bytes {
            row::outline(bytes)?;
        }
        let (Ok(id) | Err(id)) = self.find_or_insert(key);
        self.set_row(id, bytes.unwrap_or_default());
        let slot = &mut self.slots[id];
        if slot.flags & DIRTY == 0 {
            slot.flags |= DIRTY;
            self.dirty.push(id);
        }
        Ok(())
    }

    /// Lists the deadlines of all dirty rows; a restore has spilled most rows by then.
    pub fn list_dirty(&mut self, rules: &Rules) {
        for &id in &self.dirty {
            if let Some(due) = self.slots[id].due(rules) {
                self.due.insert(due, id);
            }
        }
    }

    /// Returns how many rows the running overlay has changed.
    pub fn changed_rows(&self) -> usize {
        self.changed.len()
    }

    /// Returns the size of their keys and rows.
    pub fn changed_bytes(&self) -> usize {
        self.changed_bytes
    }

    /// Ends the running overlay: returns its rows for the changelog and starts the next one.
    pub fn take_changes(&mut self, rules: &Rules) -> Batch {
        let mut changes = Batch::default();
        changes.reserve(self.changed.len(), self.changed_bytes);
        for &id in &self.changed {
            let slot = &mut self.slots[id];
            slot.flags &= !CHANGED;
            if let Some(due) = slot.due(rules) {
                self.due.insert(due, id);
            }
            changes.push_joined(slot.joined(), slot.key_bytes());
        }
        self.changed.clear();
        self.changed_bytes = 0;
        changes
    }

    /// Returns how many rows a spill would write now.
    pub fn dirty_rows(&self) -> usize {
        self.dirty.len()
    }

    /// Returns the memory that the rows take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether a spill was taken and [`Self::spilled`] has not been called yet.
    pub fn is_spilling(&self) -> bool {
        self.spilling.is_some()
    }

    /// Returns whether all dirty rows belong to transactions and no spill is under way.
    pub fn may_spill(&self) -> bool {
        self.changed.is_empty() && self.spilling.is_none()
    }

    /// Returns all dirty rows, unsorted, for the store. Must directly follow
    /// [`Self::take_changes`], so that all of them belong to transactions that commit before the
    /// spill is applied.
    pub fn take_spill(&mut self, rules: &Rules) -> Spill {
        let dirty = std::mem::take(&mut self.dirty);
        let mut spill = Spill::default();
        let bytes = dirty.iter().map(|&id| self.slots[id].joined().len()).sum();
        spill.rows.reserve(dirty.len(), bytes);
        for &id in &dirty {
            let slot = &mut self.slots[id];
            slot.flags = slot.flags & !DIRTY | SPILLING;
            let key = spill.rows.push_joined(slot.joined(), slot.key_bytes());
            let due = slot.due(rules).unwrap_or(NOT_INDEXED);
            if due != slot.indexed_ms {
                if slot.indexed_ms != NOT_INDEXED {
                    spill.unlist(slot.indexed_ms, key);
                }
                if due != NOT_INDEXED {
                    spill.list(due, key);
                }
                slot.indexed_ms = due;
            }
        }
        self.stale.drain(..).for_each(|entry| spill.remove_due(&entry));
        self.spilling = Some((dirty, std::mem::take(&mut self.due)));
        self.spills = self.spills.wrapping_add(1);
        spill
    }

    /// Records that the store now has the rows of the last spill.
    pub fn spilled(&mut self) {
        let (slots, _) = self.spilling.take().expect("a spill was taken before it is acknowledged");
        for id in slots {
            self.slots[id].flags &= !SPILLING;
        }
    }

    /// Adds about `limit` dirty slots to `into` whose deadline may have passed.
    pub fn pop_due(&mut self, now_ms: Timestamp, limit: usize, into: &mut Vec<SlotId>) {
        if let Some((_, due)) = &mut self.spilling {
            due.pop(now_ms, limit, into);
        }
        self.due.pop(now_ms, limit, into);
    }

    /// Records that the index on disk has a deadline which the row does not have.
    pub fn stale_index_entry(&mut self, id: SlotId, entry: Due) {
        if self.slots[id].indexed_ms != entry.at_ms {
            self.stale.push(entry);
        }
    }

    /// Records the deadline under which the index on disk has the row.
    pub fn indexed_at(&mut self, id: SlotId, at_ms: Timestamp) {
        self.slots[id].indexed_ms = at_ms;
    }

    /// Evicts clean rows until the cache takes at most `target` bytes or has no clean rows left:
    /// finished rows first, then those not used since the last call.
    pub fn evict(&mut self, target: usize) {
        for sweep in 0..3 {
            for _ in 0..self.slots.len() {
                if self.bytes <= target {
                    return;
                }
                self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
                let slot = &mut self.slots[self.hand];
                if !slot.is_occupied() || slot.flags & (CHANGED | DIRTY | SPILLING) != 0 {
                    continue;
                }
                let open = !slot.row().is_empty() && !row::is_finished(slot.row());
                if !open || (sweep > 0 && slot.flags & USED == 0) {
                    self.remove(self.hand);
                } else if sweep > 0 {
                    slot.flags &= !USED;
                }
            }
        }
    }

    fn remove(&mut self, id: SlotId) {
        let slot = self.slots.remove(id);
        let entry = self.table.find_entry(spread(slot.hash), |&other| other == id);
        entry.expect("an occupied slot stands in the table").remove();
        self.bytes -= slot.bytes() + TABLE_BYTES;
    }
}

/// Spreads a hash over the bits that the table uses.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests;
