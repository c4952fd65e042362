//! Committed rows on their way to the store.

use std::cmp::Ordering;

use crate::record::Timestamp;
use crate::shard::{Batch, Checkpoint, Due, port::batch::KeyRef};

/// Committed rows on their way to the store, with the changes of the deadline index.
///
/// The index entries refer to keys of `rows` instead of copying them: a spill has as many of them
/// as rows.
#[derive(Debug, Clone, Default)]
pub struct Spill {
    pub checkpoint: Option<Checkpoint>,
    /// Each key once; an empty value means that the key was forgotten.
    pub rows: Batch,
    due: Vec<Entry>,
    not_due: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at_ms: Timestamp,
    key: KeyRef,
}

impl Spill {
    /// Returns a spill of rows without deadlines.
    pub fn new(checkpoint: Option<Checkpoint>, rows: Batch) -> Self {
        Self { checkpoint, rows, ..Self::default() }
    }

    /// Adds an entry to the deadline index.
    pub(in crate::shard) fn list(&mut self, at_ms: Timestamp, key: KeyRef) {
        self.due.push(Entry { at_ms, key });
    }

    /// Removes an entry from the deadline index.
    pub(in crate::shard) fn unlist(&mut self, at_ms: Timestamp, key: KeyRef) {
        self.not_due.push(Entry { at_ms, key });
    }

    /// Adds an entry to the deadline index, for a row that need not be in this spill.
    pub fn add_due(&mut self, due: &Due) {
        let key = self.rows.name(&due.key);
        self.list(due.at_ms, key);
    }

    /// Removes an entry from the deadline index, for a row that need not be in this spill.
    pub fn remove_due(&mut self, due: &Due) {
        let key = self.rows.name(&due.key);
        self.unlist(due.at_ms, key);
    }

    /// Returns whether applying it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.checkpoint.is_none()
            && self.rows.is_empty()
            && self.due.is_empty()
            && self.not_due.is_empty()
    }

    /// Returns the index entries to add; sorted after [`Self::sort`].
    pub fn due(&self) -> impl Iterator<Item = (Timestamp, &[u8])> {
        self.due.iter().map(|entry| (entry.at_ms, self.rows.key(entry.key)))
    }

    /// Returns the index entries to remove, without those that are to be added; sorted after
    /// [`Self::sort`].
    pub fn not_due(&self) -> impl Iterator<Item = (Timestamp, &[u8])> {
        self.not_due.iter().map(|entry| (entry.at_ms, self.rows.key(entry.key)))
    }

    /// Sorts everything as [`Store::apply`](crate::shard::Store::apply) requires.
    pub fn sort(&mut self) {
        self.rows.sort();
        let rows = &self.rows;
        let order = |a: &Entry, b: &Entry| -> Ordering {
            a.at_ms.cmp(&b.at_ms).then_with(|| rows.key(a.key).cmp(rows.key(b.key)))
        };
        self.due.sort_unstable_by(order);
        self.not_due.sort_unstable_by(order);
        self.not_due.dedup_by(|a, b| order(a, b).is_eq());
        // A deadline that a row has again stays in the index.
        let due = &self.due;
        self.not_due.retain(|entry| due.binary_search_by(|listed| order(listed, entry)).is_err());
    }
}
