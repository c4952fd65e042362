//! Rows with many items, or that keep much of their records, stay decoded while a batch is
//! processed: reading, searching and writing such a row for each of its records would have a cost
//! quadratic in its items.

use std::collections::BTreeMap;

use crate::matching::{Counting, Row};
use crate::shard::rows::cache::{Cache, SlotId};

/// Maximum total size of the rows that are kept.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// The large rows of a batch, by cache slot; the cache has them as they were before the batch.
#[derive(Debug, Default)]
pub struct LargeRows {
    rows: BTreeMap<SlotId, Kept>,
    bytes: usize,
    /// Size of the rows that differ from the cache.
    changed_bytes: usize,
}

#[derive(Debug)]
struct Kept {
    row: Row,
    bytes: usize,
    past: Past,
}

/// What has happened to a row in this batch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Past {
    /// It differs from the row in the cache.
    pub changed: bool,
    pub uses: u32,
}

impl Past {
    fn changed_bytes(self, bytes: usize) -> usize {
        if self.changed { bytes } else { 0 }
    }
}

impl LargeRows {
    /// Returns the size of the changed rows that the cache does not have yet.
    pub fn changed_bytes(&self) -> usize {
        self.changed_bytes
    }

    /// Takes the slot's row out, if it is kept.
    #[inline]
    pub fn take(&mut self, slot: SlotId) -> Option<(Row, Past)> {
        if self.rows.is_empty() {
            return None;
        }
        let Kept { row, bytes, past } = self.rows.remove(&slot)?;
        self.bytes -= bytes;
        self.changed_bytes -= past.changed_bytes(bytes);
        Some((row, past))
    }

    /// Keeps a row, with an index of its items and ids if they are counted by `index`, and writes
    /// other rows back if there are too many.
    pub fn keep(
        &mut self,
        slot: SlotId,
        mut row: Row,
        past: Past,
        index: Option<Counting>,
        cache: &mut Cache,
    ) {
        if let Some(counting) = index {
            row.index(counting);
        }
        let bytes = row.size();
        if self.bytes + bytes > KEPT_BYTES_MAX {
            self.write_back(cache);
        }
        self.bytes += bytes;
        self.changed_bytes += past.changed_bytes(bytes);
        self.rows.insert(slot, Kept { row, bytes, past });
    }

    /// Writes all changed rows to the cache, and keeps none.
    pub fn write_back(&mut self, cache: &mut Cache) {
        (self.bytes, self.changed_bytes) = (0, 0);
        for (slot, mut kept) in std::mem::take(&mut self.rows) {
            if kept.past.changed {
                kept.row.unindex();
                cache.write(slot, &kept.row);
            }
        }
    }
}
