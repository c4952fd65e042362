//! Finds items by their text, while a row of many is worked on.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::entry::Entry;

/// How much room entries have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// As they are written.
    #[default]
    Packed,
    /// For their counts, whatever they are, so that none ever grows and moves those behind it.
    Padded,
}

/// Where the entries of a list begin, by text. Made when a list is looked through often enough to
/// pay for it, and gone before the list is written.
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
