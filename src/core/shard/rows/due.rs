//! Deadlines of rows that are not in the store yet.

use std::collections::BTreeMap;

use crate::record::Timestamp;

/// Deadlines are grouped into buckets of about a second, so they fire up to a second late.
const BUCKET_BITS: u32 = 10;

/// Slots of dirty rows by their deadline. Like the index on disk it is a hint: a slot may be listed
/// under a deadline that its row no longer has, but no deadline is missing.
#[derive(Debug, Default)]
pub struct DueSlots {
    buckets: BTreeMap<Timestamp, Vec<u32>>,
}

impl DueSlots {
    pub fn insert(&mut self, due_ms: Timestamp, slot: u32) {
        self.buckets.entry(due_ms >> BUCKET_BITS).or_default().push(slot);
    }

    /// Removes and returns about `limit` slots whose deadline may have passed.
    pub fn pop(&mut self, now_ms: Timestamp, limit: usize, into: &mut Vec<u32>) {
        while into.len() < limit {
            let Some(mut first) = self.buckets.first_entry() else { return };
            if *first.key() >= now_ms >> BUCKET_BITS {
                return;
            }
            let slots = first.get_mut();
            let rest = slots.len().saturating_sub(limit - into.len());
            into.extend(slots.drain(rest..));
            if slots.is_empty() {
                first.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_fire_in_order_once_their_bucket_has_passed() {
        let mut due = DueSlots::default();
        for (at, slot) in [(5_000, 1), (1_000, 2), (5_001, 3)] {
            due.insert(at, slot);
        }
        let mut fired = Vec::new();
        due.pop(1_000, 9, &mut fired);
        assert!(fired.is_empty());
        due.pop(2_048, 9, &mut fired);
        assert_eq!(fired, [2]);
        due.pop(10_000, 2, &mut fired);
        assert_eq!(fired, [2, 3]);
        due.pop(10_000, 9, &mut fired);
        assert_eq!(fired, [2, 3, 1]);
    }
}
