//! The items of one key: how often each is needed and how often it has arrived.

use std::fmt;

use smallvec::SmallVec;

/// Longest item, in bytes of its text.
pub const ITEM_BYTES_MAX: usize = 255;

const NEED_ONE: u8 = 1;
const HAVE_ONE: u8 = 2;
/// Two little-endian `u32` follow the text: need, have.
const COUNTED: u8 = 4;
const KNOWN_TAGS: u8 = NEED_ONE | HAVE_ONE | COUNTED;

/// One item of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub text: &'a str,
    /// How often the expectation lists it; 0 when it is not expected.
    pub need: u32,
    /// How often it was observed.
    pub have: u32,
}

impl Item<'_> {
    /// Returns how many are still to come.
    pub fn missing(&self) -> u32 {
        self.need.saturating_sub(self.have)
    }
}

/// A list of items in the very bytes that the changelog carries, each text at most once.
///
/// An entry is `[length u8][tag u8][text]`, and for counts above one `[need u32][have u32]`.
/// Keeping the encoding in memory makes a row a few dozen bytes and writing it a copy.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Items(SmallVec<[u8; 24]>);

impl Items {
    /// Returns the items that `bytes` encode, or `None` when they are not well formed.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while let [length, tag, tail @ ..] = rest {
            let text = usize::from(*length);
            let size = text + if tag & COUNTED != 0 { 8 } else { 0 };
            if tag & !KNOWN_TAGS != 0 || tail.len() < size {
                return None;
            }
            std::str::from_utf8(&tail[..text]).ok()?;
            rest = &tail[size..];
        }
        rest.is_empty().then(|| Self(SmallVec::from_slice(bytes)))
    }

    /// Returns the encoding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all items and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Returns the bytes held outside the value itself.
    pub fn heap_bytes(&self) -> usize {
        if self.0.spilled() { self.0.capacity() } else { 0 }
    }

    /// Returns the items in the order in which they were first seen.
    pub fn iter(&self) -> impl Iterator<Item = Item<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let entry = self.entry(at)?;
            at = entry.end;
            Some(Item { text: entry.text(&self.0), need: entry.need, have: entry.have })
        })
    }

    /// Returns the item with this text, or one that is neither needed nor there.
    pub fn get<'a>(&self, text: &'a str) -> Item<'a> {
        match self.find(text) {
            Some(entry) => Item { text, need: entry.need, have: entry.have },
            None => Item { text, need: 0, have: 0 },
        }
    }

    /// Sets how often `text` is needed and how often it is there.
    ///
    /// # Panics
    /// When `text` is longer than [`ITEM_BYTES_MAX`]; decoders refuse such items.
    pub fn set(&mut self, text: &str, need: u32, have: u32) {
        match self.find(text) {
            Some(entry) => self.rewrite(entry, need, have),
            None => self.push(text, need, have),
        }
    }

    /// Adds an item whose text the list is known not to hold.
    pub fn push(&mut self, text: &str, need: u32, have: u32) {
        let length = u8::try_from(text.len()).expect("decoders refuse items over ITEM_BYTES_MAX");
        self.0.push(length);
        self.0.push(tag(need, have));
        self.0.extend_from_slice(text.as_bytes());
        if tag(need, have) & COUNTED != 0 {
            self.0.extend_from_slice(&need.to_le_bytes());
            self.0.extend_from_slice(&have.to_le_bytes());
        }
    }

    fn rewrite(&mut self, entry: Entry, need: u32, have: u32) {
        let tag_now = self.0[entry.start + 1];
        if tag_now & COUNTED != 0 {
            let counts = entry.end - 8;
            self.0[counts..counts + 4].copy_from_slice(&need.to_le_bytes());
            self.0[counts + 4..entry.end].copy_from_slice(&have.to_le_bytes());
            return;
        }
        let tag = tag(need, have);
        self.0[entry.start + 1] = tag;
        if tag & COUNTED != 0 {
            let mut counts = [0; 8];
            counts[..4].copy_from_slice(&need.to_le_bytes());
            counts[4..].copy_from_slice(&have.to_le_bytes());
            self.0.insert_from_slice(entry.end, &counts);
        }
    }

    fn find(&self, text: &str) -> Option<Entry> {
        let mut at = 0;
        while let Some(entry) = self.entry(at) {
            if self.0[entry.start + 2..entry.start + 2 + text.len().min(entry.length)] == *text.as_bytes()
                && entry.length == text.len()
            {
                return Some(entry);
            }
            at = entry.end;
        }
        None
    }

    fn entry(&self, start: usize) -> Option<Entry> {
        let (&length, &tag) = (self.0.get(start)?, self.0.get(start + 1)?);
        let length = usize::from(length);
        let text_end = start + 2 + length;
        if tag & COUNTED == 0 {
            let (need, have) = (u32::from(tag & NEED_ONE != 0), u32::from(tag & HAVE_ONE != 0));
            return Some(Entry { start, length, end: text_end, need, have });
        }
        let count = |at: usize| {
            u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes were sliced"))
        };
        let (need, have) = (count(text_end), count(text_end + 4));
        Some(Entry { start, length, end: text_end + 8, need, have })
    }
}

/// Where an item stands in the encoding.
#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    length: usize,
    end: usize,
    need: u32,
    have: u32,
}

impl Entry {
    fn text<'a>(&self, bytes: &'a [u8]) -> &'a str {
        std::str::from_utf8(&bytes[self.start + 2..self.start + 2 + self.length])
            .expect("items are made from str")
    }
}

fn tag(need: u32, have: u32) -> u8 {
    let ones = (need as u8 & 1) * NEED_ONE | (have as u8 & 1) * HAVE_ONE;
    if need > 1 || have > 1 { COUNTED } else { ones }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<(&'a str, u32, u32)> for Items {
    /// Collects `(text, need, have)`; of a text that comes twice the last one counts.
    fn from_iter<I: IntoIterator<Item = (&'a str, u32, u32)>>(items: I) -> Self {
        let mut list = Self::default();
        for (text, need, have) in items {
            list.set(text, need, have);
        }
        list
    }
}
