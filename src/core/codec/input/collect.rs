//! The items found by a walk, in memory that is reused for the next record.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::format::RecentSchemas;
use super::keep;
use crate::matching::{Counting, Items};

/// Up to this many items, comparing all pairs is faster than hashing.
const COMPARED_MAX: usize = 32;

/// Memory for decoding, reused for every record of a lane.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The texts of all items found, concatenated.
    text: String,
    /// What is kept of the record.
    kept: String,
    found: Vec<Entry>,
    items: Items,
    /// The index of the current element in each enclosing list, the outermost first.
    indices: Vec<usize>,
    /// The same indices at the first failure in the list of items.
    pub(super) failed_at: Vec<usize>,
    pub(super) schemas: RecentSchemas,
    /// Why the schema of the last record is not there yet, if that may take long.
    pub(super) outage: Option<std::sync::Arc<str>>,
    first: HashTable<usize>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    range: TextRange,
    quantity: u32,
}

/// The range of a text in the scratch.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextRange {
    start: usize,
    end: usize,
}

impl TextRange {
    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

impl Scratch {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.kept.clear();
        self.found.clear();
        self.indices.clear();
        self.failed_at.clear();
    }

    pub(super) fn enter_list(&mut self) {
        self.indices.push(0);
    }

    pub(super) fn next_element(&mut self) {
        if let Some(index) = self.indices.last_mut() {
            *index += 1;
        }
    }

    pub(super) fn leave_list(&mut self) {
        self.indices.pop();
    }

    pub(super) fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// Records the current position as the place of the failure.
    pub(super) fn note_place(&mut self) {
        self.failed_at.clone_from(&self.indices);
    }

    pub(super) fn keep(&mut self, text: &str) -> TextRange {
        let start = self.text.len();
        self.text.push_str(text);
        TextRange { start, end: self.text.len() }
    }

    /// Stores a JSON value without white space outside of strings.
    pub(super) fn keep_value(&mut self, json: &str) -> TextRange {
        let start = self.text.len();
        keep::push_compact(json, &mut self.text);
        TextRange { start, end: self.text.len() }
    }

    /// Adds a member, whose name is quoted and followed by a colon, to what is kept of the record.
    pub(super) fn keep_member(&mut self, name: &str, value: TextRange) {
        if !self.kept.is_empty() {
            self.kept.push(',');
        }
        self.kept.push_str(name);
        self.kept.push_str(&self.text[value.start..value.end]);
    }

    /// Returns what is kept of the record.
    pub(super) fn kept(&self) -> &str {
        &self.kept
    }

    /// Returns the items of [`Self::expectation`].
    pub(super) fn items(&self) -> &Items {
        &self.items
    }

    pub(super) fn push(&mut self, range: TextRange, quantity: u32) {
        self.found.push(Entry { range, quantity });
    }

    pub(super) fn found(&self) -> usize {
        self.found.len()
    }

    /// Drops everything found after the first `found` items.
    pub(super) fn truncate(&mut self, found: usize) {
        self.found.truncate(found);
    }

    pub(super) fn text_at(&self, range: TextRange) -> &str {
        &self.text[range.start..range.end]
    }

    /// Returns the needs that were found, or `None` when they add up to more than can be counted.
    pub(super) fn expectation(&mut self, counting: Counting) -> Option<&Items> {
        if counting == Counting::Distinct {
            for entry in &mut self.found {
                entry.quantity = 1;
            }
        }
        let each_once = if self.found.len() <= COMPARED_MAX {
            self.merge_by(counting, |scratch, at| {
                let text = scratch.text_of(at);
                (0..at).find(|earlier| scratch.text_of(*earlier) == text)
            })
        } else {
            self.first.clear();
            self.merge_by(counting, Self::first_by_hash)
        };
        each_once?;
        self.items.clear();
        for entry in self.found.iter().filter(|entry| entry.quantity > 0) {
            self.items.push(&self.text[entry.range.start..entry.range.end], entry.quantity, 0);
        }
        Some(&self.items)
    }

    /// Makes [`Self::items`] those of an expectation that lists none.
    pub(super) fn expect_nothing(&mut self) {
        self.items.clear();
    }

    /// Adds every repeated item to its first occurrence, which `first` looks up, and empties it.
    fn merge_by(
        &mut self,
        counting: Counting,
        first: impl Fn(&mut Self, usize) -> Option<usize>,
    ) -> Option<()> {
        for at in 0..self.found.len() {
            if let Some(earlier) = first(self, at) {
                let again = std::mem::take(&mut self.found[at].quantity);
                if counting == Counting::Quantity {
                    let sum = self.found[earlier].quantity.checked_add(again)?;
                    self.found[earlier].quantity = sum;
                }
            }
        }
        Some(())
    }

    fn first_by_hash(&mut self, at: usize) -> Option<usize> {
        let (text, found, hasher) = (&self.text, &self.found, &self.hasher);
        let text_of = |at: usize| &text[found[at].range.start..found[at].range.end];
        let hash_of = |at: &usize| hasher.hash_one(text_of(*at));
        let same = |other: &usize| text_of(*other) == text_of(at);
        match self.first.entry(hash_of(&at), same, hash_of) {
            hashbrown::hash_table::Entry::Occupied(earlier) => Some(*earlier.get()),
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                vacant.insert(at);
                None
            }
        }
    }

    fn text_of(&self, at: usize) -> &str {
        self.text_at(self.found[at].range)
    }
}
