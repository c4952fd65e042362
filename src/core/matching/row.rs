//! Everything known about one key.

use std::mem::take;

use super::{Awaits, Counting, Deadlines, Ids, Items, Kept, Origin, Rules};
use crate::record::Timestamp;

/// The state of a key.
///
/// ```text
///           expectation / observation              all items there
///  Absent ───────────────────────────────► Open ───────────────────► Completed
///    ▲                                     │  ▲                          │
///    │ memory, orphans.after               │  │ expectation (reopens)    │
///    │                 tombstone, expire   ▼  │                          │
///    ├──────────────────────────────── Cancelled                         │
///    └───────────────────────────────────────────────────────────────────┘ memory
/// ```
///
/// `Failed` is reached and left like `Completed`: it is what an open key becomes if an expected
/// item fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Phase {
    /// Nothing is known: the key was never seen or has been forgotten.
    #[default]
    Absent = 0,
    Open = 1,
    Completed = 2,
    Cancelled = 3,
    /// An expected item failed (S22, S23).
    Failed = 4,
}

/// Everything known about one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    pub phase: Phase,
    /// An expectation has arrived; `expected_at` and `missing` are meaningful only then.
    pub expected: bool,
    /// The overdue record was emitted, so it is not emitted again.
    pub overdue: bool,
    /// When the first expectation arrived, by its record's timestamp.
    pub expected_at: Timestamp,
    /// Deadlines that the expectation of an open row names.
    pub deadlines: Deadlines,
    /// While open, the time of the last change; when finished, the time it finished.
    pub changed_at: Timestamp,
    /// What completes an open row with an expectation; see [`Awaits::open_in`].
    pub awaits: Awaits,
    /// How many items of the list have neither arrived as often as they are needed nor failed; of a
    /// count, how much is left of it.
    pub missing: u32,
    /// How many items of the list, or of those that were counted, have failed.
    pub failed: u32,
    /// Distinguishes a replayed expectation from a changed one; see [`Row::fingerprint_of`].
    pub fingerprint: u64,
    /// Offset of the current expectation in the expected topic; `None` without an expectation, or
    /// if the row was written by a version that did not store the offset.
    pub expectation_offset: Option<i64>,
    /// The last record that changed the row; duplicates and late records do not change it. Known
    /// whenever `expectation_offset` is.
    pub changed_by: Option<Origin>,
    /// Empty once finished: a finished row takes a few dozen bytes.
    pub items: Items,
    /// What outputs carry of the key's records; nothing once finished.
    pub kept: Kept,
    /// The ids of the observations so far, where they have any; empty once finished.
    pub ids: Ids,
}

impl Row {
    /// Makes everything but items, ids and what is kept that of an absent row.
    pub fn clear_outline(&mut self) {
        let (items, kept, ids) = (take(&mut self.items), take(&mut self.kept), take(&mut self.ids));
        *self = Self { items, kept, ids, ..Self::default() };
    }

    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Cancelled | Phase::Failed)
    }

    /// Returns the number of bytes that items, ids and what is kept take in memory.
    pub fn size(&self) -> usize {
        self.items.size() + self.ids.size() + self.kept.size()
    }

    /// Makes finding an item or an id take constant time until [`Self::unindex`].
    pub fn index(&mut self, counting: Counting) {
        self.items.index(counting);
        self.ids.index();
    }

    /// Drops what [`Self::index`] made, so that the row can be written.
    pub fn unindex(&mut self) {
        self.items.unindex();
        self.ids.unindex();
    }

    /// Returns the most bytes that items, ids and what is kept can take without another of these.
    pub(super) fn reserved_bytes(&self, counting: Counting) -> usize {
        self.items.reserved_bytes(counting) + self.ids.size() + self.kept.size()
    }

    /// Returns when the row's earliest deadline is due, in shard time.
    pub fn due(&self, rules: &Rules) -> Option<Timestamp> {
        match self.phase {
            Phase::Absent => None,
            Phase::Completed | Phase::Cancelled | Phase::Failed => {
                Some(self.changed_at.saturating_add(rules.memory_ms))
            }
            Phase::Open if self.expected => {
                let overdue = self.overdue_at(rules).filter(|_| !self.overdue);
                match (overdue, self.expires_at(rules)) {
                    (Some(overdue), Some(expires)) => Some(overdue.min(expires)),
                    (overdue, expires) => overdue.or(expires),
                }
            }
            Phase::Open => {
                rules.orphans_after_ms.map(|after| self.changed_at.saturating_add(after))
            }
        }
    }

    /// Returns the fingerprint of an expectation's needs, independent of the order of its items.
    ///
    /// It is stored in rows, so it must never change: FNV-1a over text and count, mixed, summed.
    pub fn fingerprint_of(expected: &Items) -> u64 {
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        for item in expected.iter().filter(|item| item.need > 0) {
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            for byte in item.text.bytes().chain(item.need.to_le_bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            hash ^= hash >> 32;
            sum = sum.wrapping_add(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        sum
    }

    /// Returns the fingerprint of an expectation that is only a count; it must never change either.
    pub fn fingerprint_of_count(count: u32) -> u64 {
        let mut hash = 0x636f_756e_7465_6421_u64;
        for byte in count.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
