//! An index of items by text, used while a row with many items is processed.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::entry::Entry;

/// How much room entries have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// As much as their encoding needs.
    #[default]
    Packed,
    /// Enough for counts of any size, so that no entry ever grows and moves those behind it.
    Padded,
}

/// The positions of a list's entries, by text. Built when a list is searched often enough to pay
/// for it, and dropped before the list is written.
#[derive(Debug, Default)]
pub struct Index {
    starts: HashTable<u32>,
    hasher: FixedState,
    pub layout: Layout,
}

impl Index {
    /// Returns the index of the list that `bytes` encode.
    pub fn of(bytes: &[u8], layout: Layout) -> Self {
        let mut index = Self { layout, ..Self::default() };
        let mut start = 0;
        while start < bytes.len() {
            index.insert(bytes, start);
            start = Entry::read(bytes, start).end;
        }
        index
    }

    /// Adds the entry that begins at `start`, whose text is new.
    pub fn insert(&mut self, bytes: &[u8], start: usize) {
        let at = u32::try_from(start).expect("rows are bounded by 16 MiB");
        let hash_of = |at: &u32| self.hasher.hash_one(text_at(bytes, *at));
        self.starts.insert_unique(hash_of(&at), at, hash_of);
    }

    /// Returns the entry with this text.
    pub fn find(&self, bytes: &[u8], text: &[u8]) -> Option<Entry> {
        let is_it = |at: &u32| text_at(bytes, *at) == text;
        let found = self.starts.find(self.hasher.hash_one(text), is_it)?;
        Some(Entry::read(bytes, *found as usize))
    }
}

fn text_at(bytes: &[u8], at: u32) -> &[u8] {
    let start = at as usize;
    &bytes[start + 2..start + 2 + usize::from(bytes[start])]
}
