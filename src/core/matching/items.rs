//! The items of one key: how often each is needed, and whether it has arrived or failed.

mod entry;
mod index;
mod item;

use std::fmt;

use smallvec::SmallVec;

pub use self::item::{Item, Mark, Marks};
use self::{
    entry::{
        COUNTED, COUNTS_BYTES, Entry, KNOWN_TAGS, MARKS, push_entry, push_padded, tag, tag_of,
    },
    index::{Index, Layout},
};
use super::Counting;

/// Maximum length of an item's text, in bytes.
pub const ITEM_BYTES_MAX: usize = 255;

/// Above this size, work done on all items for each record becomes noticeable.
pub const LARGE_ITEMS_BYTES: usize = 4_096;

/// A list of items in the encoding that the changelog uses; each text occurs at most once.
///
/// An entry is `[length u8][tag u8][text]`, and for counts above one `[need u32][have u32]`.
/// The tag says, too, whether the item failed or was withdrawn.
/// Keeping the encoding in memory makes a row a few dozen bytes and writing it a copy.
#[derive(Default)]
pub struct Items {
    bytes: SmallVec<[u8; 24]>,
    /// Present only while a row with many items is processed; see [`Self::index`].
    index: Option<Box<Index>>,
}

impl Items {
    /// Decodes items; `None` when `bytes` are malformed.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut items = Self::default();
        items.assign(bytes).map(|_| items)
    }

    /// Decodes `bytes` into this list, reusing its memory; `None` when they are malformed.
    pub fn assign(&mut self, bytes: &[u8]) -> Option<Marks> {
        let marks = Self::validated(bytes);
        self.clear();
        if marks.is_some() {
            self.bytes.extend_from_slice(bytes);
        }
        marks
    }

    fn validated(bytes: &[u8]) -> Option<Marks> {
        // Most lists are ASCII throughout, and one check of all of it is cheaper than one per item.
        let ascii = bytes.is_ascii();
        let (mut rest, mut tags) = (bytes, 0);
        while let [length, tag, tail @ ..] = rest {
            let text = usize::from(*length);
            let size = text + if tag & COUNTED != 0 { COUNTS_BYTES } else { 0 };
            if tag & !KNOWN_TAGS != 0 || tag & MARKS == MARKS || tail.len() < size {
                return None;
            }
            if !ascii && std::str::from_utf8(&tail[..text]).is_err() {
                return None;
            }
            tags |= tag;
            rest = &tail[size..];
        }
        let marks = if tags & MARKS == 0 { Marks::None } else { Marks::Some };
        rest.is_empty().then_some(marks)
    }

    /// Returns the encoding.
    pub fn as_bytes(&self) -> &[u8] {
        debug_assert!(!self.is_padded(), "padded items are not what is written");
        &self.bytes
    }

    /// Returns the number of bytes the items take, which may be more than their encoding.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Makes finding and changing an item take constant time until [`Self::unindex`]. Costs about
    /// as much as a few dozen lookups of an item.
    pub fn index(&mut self, counting: Counting) {
        if self.index.is_some() {
            return;
        }
        let layout = match counting {
            Counting::Distinct => Layout::Packed,
            Counting::Quantity => Layout::Padded,
        };
        if layout == Layout::Padded {
            self.bytes = self.recoded(push_padded);
        }
        self.index = Some(Box::new(Index::of(&self.bytes, layout)));
    }

    /// Drops the index, so that the items can be written.
    pub fn unindex(&mut self) {
        if self.is_padded() {
            self.bytes = self.recoded(push_entry);
        }
        self.index = None;
    }

    fn is_padded(&self) -> bool {
        self.index.as_ref().is_some_and(|index| index.layout == Layout::Padded)
    }

    fn recoded(&self, push: fn(&mut SmallVec<[u8; 24]>, Item<'_>)) -> SmallVec<[u8; 24]> {
        let mut bytes = SmallVec::with_capacity(self.bytes.len());
        self.iter().for_each(|item| push(&mut bytes, item));
        bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Removes all items and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.index = None;
    }

    /// Returns the items in the order in which they were first seen.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        self.entries().map(|entry| Item {
            text: entry.text(&self.bytes),
            need: entry.need,
            have: entry.have,
            mark: entry.mark(),
        })
    }

    /// Returns how many items have not arrived as often as they are needed, and have not failed.
    pub fn missing(&self) -> u32 {
        let is_missing = |entry: &Entry| entry.have < entry.need && entry.mark() != Mark::Failed;
        self.entries().map(|entry| u32::from(is_missing(&entry))).sum()
    }

    /// Returns how many of the needed items have failed.
    pub fn failed(&self) -> u32 {
        let has_failed = |entry: &Entry| entry.need > 0 && entry.mark() == Mark::Failed;
        self.entries().map(|entry| u32::from(has_failed(&entry))).sum()
    }

    /// Returns whether any item has a mark; only newer versions of rows can hold it.
    pub fn has_marks(&self) -> bool {
        self.entries().any(|entry| entry.mark() != Mark::None)
    }

    /// Returns the item with this text, or one with both counts 0.
    pub fn get<'a>(&self, text: &'a str) -> Item<'a> {
        self.slot(text).item(text)
    }

    /// Sets how often `text` is needed and how often it has arrived, without a mark.
    ///
    /// # Panics
    /// When `text` is longer than [`ITEM_BYTES_MAX`]; decoders reject such items.
    pub fn set(&mut self, text: &str, need: u32, have: u32) {
        self.put(self.slot(text), Item { text, need, have, mark: Mark::None });
    }

    /// Looks `text` up, so that [`Self::put`] need not do so again.
    pub(super) fn slot(&self, text: &str) -> Slot {
        Slot(self.find(text))
    }

    /// Sets the item found as `slot`; the list must not have changed since.
    pub(super) fn put(&mut self, slot: Slot, item: Item<'_>) {
        match slot.0 {
            Some(entry) => self.rewrite(entry, item),
            None => self.push_item(item),
        }
    }

    /// Returns the maximum size of the encoding without adding another item.
    ///
    /// Limiting this instead of the current size means that an item, once accepted, can always be
    /// counted: an accepted expectation never has the items it waits for rejected.
    pub(super) fn reserved_bytes(&self, counting: Counting) -> usize {
        match counting {
            Counting::Distinct => self.bytes.len(),
            Counting::Quantity if self.is_padded() => self.bytes.len(),
            Counting::Quantity => self.entries().map(|entry| 2 + entry.length + COUNTS_BYTES).sum(),
        }
    }

    /// Returns how much adding `text` would increase [`Self::reserved_bytes`].
    pub(super) fn reserved_bytes_of(text: &str, counting: Counting) -> usize {
        match counting {
            Counting::Distinct => 2 + text.len(),
            Counting::Quantity => 2 + text.len() + COUNTS_BYTES,
        }
    }

    /// Returns these needs combined with everything that `known` has observed. What was withdrawn
    /// is missing, as if it had never been observed.
    ///
    /// Sorts once, since either may hold thousands of items, and comparing all pairs would stall a
    /// lane.
    pub(super) fn with_observed(&self, known: &Self) -> Self {
        let mut seen: SmallVec<[Item<'_>; 8]> = known.iter().filter(Item::is_known).collect();
        if seen.is_empty() {
            return self.clone();
        }
        seen.sort_unstable_by_key(|item| item.text);
        let mut merged = Self::default();
        for item in self.iter() {
            let found = seen.binary_search_by_key(&item.text, |item| item.text);
            let (have, mark) = found.map_or((0, Mark::None), |at| {
                (std::mem::take(&mut seen[at].have), std::mem::take(&mut seen[at].mark))
            });
            merged.push_item(Item { have, mark, ..item });
        }
        for unexpected in seen.iter().filter(|item| item.is_known()) {
            merged.push_item(Item { need: 0, ..*unexpected });
        }
        merged
    }

    /// Returns how often each item is needed, and nothing else.
    pub(super) fn needs(&self) -> Self {
        let mut needs = Self::default();
        let needed = self.iter().filter(|item| item.need > 0);
        needed.for_each(|item| needs.push(item.text, item.need, 0));
        needs
    }

    /// Adds an item whose text is known not to be in the list.
    ///
    /// # Panics
    /// When `text` is longer than [`ITEM_BYTES_MAX`], as in [`Self::set`].
    pub fn push(&mut self, text: &str, need: u32, have: u32) {
        self.push_item(Item { text, need, have, mark: Mark::None });
    }

    /// Adds a failed item whose text is known not to be in the list.
    #[cfg(test)]
    pub(crate) fn push_failed(&mut self, text: &str, need: u32) {
        self.push_item(Item { text, need, have: 0, mark: Mark::Failed });
    }

    fn push_item(&mut self, item: Item<'_>) {
        let start = self.bytes.len();
        let push = if self.is_padded() { push_padded } else { push_entry };
        push(&mut self.bytes, item);
        if let Some(index) = &mut self.index {
            index.insert(&self.bytes, start);
        }
    }

    fn rewrite(&mut self, entry: Entry, item: Item<'_>) {
        let Item { need, have, mark, .. } = item;
        let counts_at = entry.start + 2 + entry.length;
        let tag_now = self.bytes[entry.start + 1];
        if tag_now & COUNTED == 0 {
            let tag = tag(need, have, mark);
            self.bytes[entry.start + 1] = tag;
            if tag & COUNTED == 0 {
                return;
            }
            self.bytes.insert_from_slice(counts_at, &[0; COUNTS_BYTES]);
            // The entries behind it have moved.
            self.index = None;
        } else {
            self.bytes[entry.start + 1] = COUNTED | tag_of(mark);
        }
        let counts = &mut self.bytes[counts_at..counts_at + COUNTS_BYTES];
        counts[..4].copy_from_slice(&need.to_le_bytes());
        counts[4..].copy_from_slice(&have.to_le_bytes());
    }

    fn find(&self, text: &str) -> Option<Entry> {
        let (bytes, wanted) = (self.bytes.as_slice(), text.as_bytes());
        if let Some(index) = &self.index {
            return index.find(bytes, wanted);
        }
        let last = wanted.last();
        let mut start = 0;
        while start < bytes.len() {
            let (length, tag) = (usize::from(bytes[start]), bytes[start + 1]);
            let end = start + 2 + length;
            // The items of one key are mostly numbers that differ in the last digit, if at all.
            if length == wanted.len()
                && last.is_none_or(|last| bytes[end - 1] == *last)
                && bytes[start + 2..end] == *wanted
            {
                return Some(Entry::read(bytes, start));
            }
            start = end + if tag & COUNTED != 0 { COUNTS_BYTES } else { 0 };
        }
        None
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let bytes = self.bytes.as_slice();
        let mut start = 0;
        std::iter::from_fn(move || {
            let entry = (start < bytes.len()).then(|| Entry::read(bytes, start))?;
            start = entry.end;
            Some(entry)
        })
    }
}

/// Where [`Items::slot`] found an item, or that there is none.
#[derive(Clone, Copy)]
pub(super) struct Slot(Option<Entry>);

impl Slot {
    pub(super) fn is_new(self) -> bool {
        self.0.is_none()
    }

    /// Returns the item, whose text is `text`; one with both counts 0 if it is not in the list.
    pub(super) fn item(self, text: &str) -> Item<'_> {
        match self.0 {
            Some(entry) => Item { text, need: entry.need, have: entry.have, mark: entry.mark() },
            None => Item { text, need: 0, have: 0, mark: Mark::None },
        }
    }
}

impl Clone for Items {
    /// The clone has no index.
    fn clone(&self) -> Self {
        let bytes = if self.is_padded() { self.recoded(push_entry) } else { self.bytes.clone() };
        Self { bytes, index: None }
    }
}

impl PartialEq for Items {
    fn eq(&self, other: &Self) -> bool {
        if self.is_padded() == other.is_padded() {
            self.bytes == other.bytes
        } else {
            self.iter().eq(other.iter())
        }
    }
}

impl Eq for Items {}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<(&'a str, u32, u32)> for Items {
    /// Collects `(text, need, have)`; if a text occurs twice, the last one counts.
    fn from_iter<I: IntoIterator<Item = (&'a str, u32, u32)>>(items: I) -> Self {
        let mut list = Self::default();
        for (text, need, have) in items {
            list.set(text, need, have);
        }
        list
    }
}
