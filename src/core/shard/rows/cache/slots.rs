//! The slots of rows in memory: numbered and allocated in chunks, so that growth neither moves them
//! nor leaves half of an array unused.

use std::ops::{Index, IndexMut};

use crate::{codec::row, matching::Rules, record::Timestamp};

/// The number of a row's slot in the cache; valid until the row is evicted.
pub type SlotId = u32;

/// The running overlay has changed the row.
pub const CHANGED: u8 = 1;
/// The row has changed since the last spill was taken.
pub const DIRTY: u8 = 2;
/// The row is in the spill that is under way.
pub const SPILLING: u8 = 4;
/// The row was used since the eviction hand last passed it.
pub const USED: u8 = 8;
const OCCUPIED: u8 = 16;

/// One row and its state in the cache.
#[derive(Default)]
pub struct Slot {
    /// The key, then the row's encoding, which is empty for an absent row.
    joined: Box<[u8]>,
    /// The deadline under which the index on disk has the row, or `NOT_INDEXED`.
    pub indexed_ms: Timestamp,
    pub hash: u32,
    key_bytes: u16,
    pub flags: u8,
}

impl Slot {
    /// Creates the slot of an absent row.
    ///
    /// # Panics
    /// When the key is longer than 64 KiB; longer ones are rejected earlier.
    pub fn new(hash: u32, key: &[u8], indexed_ms: Timestamp) -> Self {
        let key_bytes = u16::try_from(key.len()).expect("keys are bounded");
        Self { joined: key.into(), indexed_ms, hash, key_bytes, flags: USED | OCCUPIED }
    }

    pub fn is_occupied(&self) -> bool {
        self.flags & OCCUPIED != 0
    }

    pub fn key_bytes(&self) -> usize {
        usize::from(self.key_bytes)
    }

    pub fn key(&self) -> &[u8] {
        &self.joined[..self.key_bytes()]
    }

    /// Returns the row's encoding; empty when the row is absent.
    pub fn row(&self) -> &[u8] {
        &self.joined[self.key_bytes()..]
    }

    /// Returns key and row, joined.
    pub fn joined(&self) -> &[u8] {
        &self.joined
    }

    /// Returns when the row is due next.
    pub fn due(&self, rules: &Rules) -> Option<Timestamp> {
        match self.row() {
            [] => None,
            bytes => row::outline(bytes).expect("it was read when it came in").due(rules),
        }
    }

    /// Sets the row's encoding.
    pub fn set_row(&mut self, bytes: &[u8]) {
        let key_bytes = self.key_bytes();
        // A new item rarely changes the length.
        if self.joined.len() == key_bytes + bytes.len() {
            self.joined[key_bytes..].copy_from_slice(bytes);
            return;
        }
        let mut joined = Vec::with_capacity(key_bytes + bytes.len());
        joined.extend_from_slice(self.key());
        joined.extend_from_slice(bytes);
        self.joined = joined.into_boxed_slice();
    }

    /// Returns the memory that the slot takes, including the allocator's overhead.
    pub fn bytes(&self) -> usize {
        const HEADER: usize = 8;
        const GRAIN: usize = 16;
        const LEAST: usize = 32;
        size_of::<Self>() + (self.joined.len() + HEADER).next_multiple_of(GRAIN).max(LEAST)
    }
}

const CHUNK_BITS: u32 = 10;
const CHUNK: usize = 1 << CHUNK_BITS;

/// Slots by number.
#[derive(Default)]
pub struct Slots {
    chunks: Vec<Vec<Slot>>,
    free: Vec<SlotId>,
}

impl Slots {
    /// Returns the number after the highest one ever used.
    pub fn len(&self) -> SlotId {
        let last = self.chunks.last().map_or(0, Vec::len);
        let full = self.chunks.len().saturating_sub(1) << CHUNK_BITS;
        SlotId::try_from(full + last).expect("the budget bounds the rows")
    }

    pub fn insert(&mut self, slot: Slot) -> SlotId {
        if let Some(id) = self.free.pop() {
            self[id] = slot;
            return id;
        }
        let id = self.len();
        if id as usize & (CHUNK - 1) == 0 {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks.last_mut().expect("there is a chunk with room").push(slot);
        id
    }

    pub fn remove(&mut self, id: SlotId) -> Slot {
        self.free.push(id);
        std::mem::take(&mut self[id])
    }
}

impl Index<SlotId> for Slots {
    type Output = Slot;

    #[inline]
    fn index(&self, id: SlotId) -> &Slot {
        &self.chunks[(id >> CHUNK_BITS) as usize][id as usize & (CHUNK - 1)]
    }
}

impl IndexMut<SlotId> for Slots {
    #[inline]
    fn index_mut(&mut self, id: SlotId) -> &mut Slot {
        &mut self.chunks[(id >> CHUNK_BITS) as usize][id as usize & (CHUNK - 1)]
    }
}
