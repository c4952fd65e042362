//! The rows in memory: a write-back cache over the store, and the overlay of what is not yet
//! committed.
//!
//! A row is changed in place. What the running overlay has changed goes into the next
//! transaction; what changed since the last spill is *dirty* and goes into the next spill, which
//! is applied only after that transaction has committed. A failed commit drops the whole
//! cache with its shard: the store and the changelog's tail bring the committed rows back.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::{Batch, Due, Spill, due::DueSlots};
use crate::{
    codec,
    matching::{Phase, Row, Rules, Timestamp},
};

mod peek;

pub use peek::{DirtyCursor, hash_of};

/// A row's place in the cache; valid until the row is evicted.
pub type SlotId = u32;

/// A UUID's text fits in without an allocation.
type Key = SmallVec<[u8; 40]>;

/// What a slot and its place in the table take, without what key and items hold on the heap.
const SLOT_BYTES: usize = size_of::<Slot>() + 6;
/// No deadline of the row stands in the index on disk, as far as we know.
const NOT_INDEXED: Timestamp = Timestamp::MIN;
/// The number of no period.
const CLEAN: u32 = 0;

struct Slot {
    hash: u64,
    row: Row,
    key: Key,
    /// The deadline under which the index on disk lists the row, or [`NOT_INDEXED`].
    indexed_ms: Timestamp,
    /// The overlay that last changed the row.
    overlay: u32,
    /// The spill period that last changed the row; [`CLEAN`] when the store has it as it is.
    period: u32,
    /// Used since the eviction hand last passed.
    used: bool,
    occupied: bool,
}

/// Rows in memory, see the module.
pub struct Cache {
    table: HashTable<SlotId>,
    slots: Vec<Slot>,
    free: Vec<SlotId>,
    hasher: FixedState,
    bytes: usize,
    overlay: u32,
    /// Slots changed by the running overlay.
    changed: Vec<SlotId>,
    period: u32,
    /// Slots changed in the running period.
    dirty: Vec<SlotId>,
    due: DueSlots,
    /// Slots and deadlines of the spill that is under way.
    spilling: Option<(Vec<SlotId>, DueSlots)>,
    /// Index entries on disk that were found to be stale.
    stale: Vec<Due>,
    hand: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hasher: FixedState::default(),
            bytes: 0,
            overlay: 1,
            changed: Vec::new(),
            period: 1,
            dirty: Vec::new(),
            due: DueSlots::default(),
            spilling: None,
            stale: Vec::new(),
            hand: 0,
        }
    }
}

impl Cache {
    /// Returns the slot of `key`; `Err` with a new slot of an absent row when it was not cached.
    #[inline]
    pub fn find_or_insert(&mut self, key: &[u8]) -> Result<SlotId, SlotId> {
        let hash = self.hash(key);
        if let Some(&id) = self.table.find(hash, |&id| {
            let slot = &self.slots[id as usize];
            slot.hash == hash && slot.key[..] == *key
        }) {
            self.slots[id as usize].used = true;
            return Ok(id);
        }
        Err(self.insert(hash, key))
    }

    fn hash(&self, key: &[u8]) -> u64 {
        hash_with(&self.hasher, key)
    }

    fn insert(&mut self, hash: u64, key: &[u8]) -> SlotId {
        let slot = Slot {
            hash,
            row: Row::default(),
            key: Key::from_slice(key),
            indexed_ms: NOT_INDEXED,
            overlay: 0,
            period: CLEAN,
            used: true,
            occupied: true,
        };
        self.bytes += SLOT_BYTES + key_heap_bytes(&slot.key);
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                SlotId::try_from(self.slots.len() - 1).expect("the budget bounds the rows")
            }
        };
        self.table.insert_unique(hash, id, |&id| self.slots[id as usize].hash);
        id
    }

    pub fn key(&self, id: SlotId) -> &[u8] {
        &self.slots[id as usize].key
    }

    pub fn row(&self, id: SlotId) -> &Row {
        &self.slots[id as usize].row
    }

    /// Takes the row out to step it; [`Self::put`] or [`Self::put_back`] has to follow.
    #[inline]
    pub fn take(&mut self, id: SlotId) -> Row {
        let row = std::mem::take(&mut self.slots[id as usize].row);
        self.bytes -= row.items.heap_bytes();
        row
    }

    /// Puts the row back as it was.
    #[inline]
    pub fn put_back(&mut self, id: SlotId, row: Row) {
        self.bytes += row.items.heap_bytes();
        self.slots[id as usize].row = row;
    }

    /// Puts the changed row back: it belongs to the running overlay now.
    #[inline]
    pub fn put(&mut self, id: SlotId, row: Row) {
        self.put_back(id, row);
        let slot = &mut self.slots[id as usize];
        if slot.overlay != self.overlay {
            slot.overlay = self.overlay;
            self.changed.push(id);
        }
        if slot.period != self.period {
            slot.period = self.period;
            self.dirty.push(id);
        }
    }

    /// Fills a new slot with the row that the store has.
    pub fn load(&mut self, id: SlotId, row: Row, rules: &Rules) {
        self.slots[id as usize].indexed_ms = row.due(rules).unwrap_or(NOT_INDEXED);
        self.put_back(id, row);
    }

    /// Sets a row from the changelog: committed, but not in the store. At the end of the restore,
    /// [`Self::list_dirty`] has to follow.
    pub fn restore(&mut self, key: &[u8], row: Row) {
        let (Ok(id) | Err(id)) = self.find_or_insert(key);
        drop(self.take(id));
        self.put_back(id, row);
        let slot = &mut self.slots[id as usize];
        if slot.period != self.period {
            slot.period = self.period;
            self.dirty.push(id);
        }
    }

    /// Lists the deadlines of all dirty rows; most rows of a restore were spilled meanwhile.
    pub fn list_dirty(&mut self, rules: &Rules) {
        for &id in &self.dirty {
            if let Some(due) = self.slots[id as usize].row.due(rules) {
                self.due.insert(due, id);
            }
        }
    }

    /// Returns how many rows the running overlay has changed.
    pub fn changed_rows(&self) -> usize {
        self.changed.len()
    }

    /// Ends the running overlay: returns its rows for the changelog and starts the next one.
    pub fn take_changes(&mut self, rules: &Rules) -> Batch {
        let mut changes = Batch::default();
        for &id in &self.changed {
            let slot = &self.slots[id as usize];
            if let Some(due) = slot.row.due(rules) {
                self.due.insert(due, id);
            }
            changes.push(&slot.key, |out| encode(&slot.row, out));
        }
        self.changed.clear();
        self.overlay += 1;
        changes
    }

    /// Returns how many rows a spill would write now.
    pub fn dirty_rows(&self) -> usize {
        self.dirty.len()
    }

    /// Returns the bytes that the rows take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tells whether a spill was taken and not yet [`Self::spilled`].
    pub fn is_spilling(&self) -> bool {
        self.spilling.is_some()
    }

    /// Returns all dirty rows, unsorted, for the store. Must follow [`Self::take_changes`]
    /// directly, so that all of them belong to transactions that commit before the spill lands.
    pub fn take_spill(&mut self, rules: &Rules) -> Spill {
        debug_assert!(self.changed.is_empty() && self.spilling.is_none());
        let dirty = std::mem::take(&mut self.dirty);
        let mut spill = Spill { not_due: std::mem::take(&mut self.stale), ..Spill::default() };
        for &id in &dirty {
            let slot = &mut self.slots[id as usize];
            spill.rows.push(&slot.key, |out| encode(&slot.row, out));
            let due = slot.row.due(rules).unwrap_or(NOT_INDEXED);
            if due != slot.indexed_ms {
                let entry = |at_ms| Due { at_ms, key: slot.key.to_vec() };
                if slot.indexed_ms != NOT_INDEXED {
                    spill.not_due.push(entry(slot.indexed_ms));
                }
                if due != NOT_INDEXED {
                    spill.due.push(entry(due));
                }
                slot.indexed_ms = due;
            }
        }
        self.spilling = Some((dirty, std::mem::take(&mut self.due)));
        self.period += 1;
        spill
    }

    /// Notes that the store now has the rows of the last spill.
    pub fn spilled(&mut self) {
        let (slots, _) = self.spilling.take().expect("a spill was taken before it is acknowledged");
        for id in slots {
            let slot = &mut self.slots[id as usize];
            if slot.period == self.period - 1 {
                slot.period = CLEAN;
            }
        }
    }

    /// Adds about `limit` slots to `into` whose deadline may have passed and which are dirty.
    pub fn pop_due(&mut self, now_ms: Timestamp, limit: usize, into: &mut Vec<SlotId>) {
        if let Some((_, due)) = &mut self.spilling {
            due.pop(now_ms, limit, into);
        }
        self.due.pop(now_ms, limit, into);
    }

    /// Notes that the index on disk lists a deadline which the row does not have.
    pub fn stale_index_entry(&mut self, id: SlotId, entry: Due) {
        let slot = &mut self.slots[id as usize];
        if slot.indexed_ms != entry.at_ms {
            self.stale.push(entry);
        }
    }

    /// Notes under which deadline the index on disk lists the row.
    pub fn indexed_at(&mut self, id: SlotId, at_ms: Timestamp) {
        self.slots[id as usize].indexed_ms = at_ms;
    }

    /// Drops clean rows until the cache takes at most `target` bytes or has none left: finished
    /// rows first, then those not used since the last time.
    pub fn evict(&mut self, target: usize) {
        for sweep in 0..3 {
            for _ in 0..self.slots.len() {
                if self.bytes <= target {
                    return;
                }
                self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
                let slot = &mut self.slots[self.hand];
                if !slot.occupied || slot.period != CLEAN {
                    continue;
                }
                let finished = slot.row.phase != Phase::Open;
                if finished || (sweep > 0 && !slot.used) {
                    self.remove(self.hand);
                } else if sweep > 0 {
                    slot.used = false;
                }
            }
        }
    }

    fn remove(&mut self, index: usize) {
        let id = SlotId::try_from(index).expect("slots are numbered in 32 bits");
        let slot = &mut self.slots[index];
        let entry = self.table.find_entry(slot.hash, |&other| other == id);
        entry.expect("an occupied slot stands in the table").remove();
        self.bytes -= SLOT_BYTES + key_heap_bytes(&slot.key) + slot.row.items.heap_bytes();
        slot.row = Row::default();
        slot.key = Key::new();
        slot.occupied = false;
        self.free.push(id);
    }
}

fn hash_with(state: &FixedState, key: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(key);
    hasher.finish()
}

fn encode(row: &Row, out: &mut Vec<u8>) {
    if row.phase != Phase::Absent {
        codec::row::encode(row, out);
    }
}

fn key_heap_bytes(key: &Key) -> usize {
    if key.spilled() { key.capacity() } else { 0 }
}

#[cfg(test)]
mod tests;
