//! One item in the encoding of a list.

use smallvec::SmallVec;

use super::{Item, Mark};

const NEED_ONE: u8 = 1;
const HAVE_ONE: u8 = 2;
/// Two little-endian `u32` follow the text: need, have.
pub const COUNTED: u8 = 4;
const FAILED: u8 = 8;
const WITHDRAWN: u8 = 16;
/// The tags of [`Mark`]s; at most one of them is set.
pub const MARKS: u8 = FAILED | WITHDRAWN;
pub const KNOWN_TAGS: u8 = NEED_ONE | HAVE_ONE | COUNTED | MARKS;
pub const COUNTS_BYTES: usize = 8;

/// The position of an item in the encoding.
#[derive(Clone, Copy)]
pub struct Entry {
    pub start: usize,
    /// The length of its text.
    pub length: usize,
    pub end: usize,
    pub need: u32,
    pub have: u32,
    tag: u8,
}

impl Entry {
    /// Returns the entry that begins at `start`.
    pub fn read(bytes: &[u8], start: usize) -> Self {
        let (length, tag) = (usize::from(bytes[start]), bytes[start + 1]);
        let text_end = start + 2 + length;
        if tag & COUNTED == 0 {
            let (need, have) = (u32::from(tag & NEED_ONE != 0), u32::from(tag & HAVE_ONE != 0));
            return Self { start, length, end: text_end, need, have, tag };
        }
        let count = |at: usize| {
            u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were sliced"))
        };
        let end = text_end + COUNTS_BYTES;
        Self { start, length, end, need: count(text_end), have: count(text_end + 4), tag }
    }

    pub fn mark(&self) -> Mark {
        match self.tag & MARKS {
            FAILED => Mark::Failed,
            WITHDRAWN => Mark::Withdrawn,
            _ => Mark::None,
        }
    }

    pub fn text<'a>(&self, bytes: &'a [u8]) -> &'a str {
        std::str::from_utf8(&bytes[self.start + 2..self.start + 2 + self.length])
            .expect("items are made from str")
    }
}

/// Appends an entry, with its counts if they are above one.
pub fn push_entry(bytes: &mut SmallVec<[u8; 24]>, item: Item<'_>) {
    push_tagged(bytes, item, tag(item.need, item.have, item.mark));
}

/// Appends an entry with its counts, whatever their value.
pub fn push_padded(bytes: &mut SmallVec<[u8; 24]>, item: Item<'_>) {
    push_tagged(bytes, item, COUNTED | tag_of(item.mark));
}

fn push_tagged(bytes: &mut SmallVec<[u8; 24]>, item: Item<'_>, tag: u8) {
    let length = u8::try_from(item.text.len()).expect("decoders refuse items over ITEM_BYTES_MAX");
    bytes.push(length);
    bytes.push(tag);
    bytes.extend_from_slice(item.text.as_bytes());
    if tag & COUNTED != 0 {
        bytes.extend_from_slice(&item.need.to_le_bytes());
        bytes.extend_from_slice(&item.have.to_le_bytes());
    }
}

pub fn tag(need: u32, have: u32, mark: Mark) -> u8 {
    if need > 1 || have > 1 {
        return COUNTED | tag_of(mark);
    }
    let bit = |count: u32, bit: u8| if count == 1 { bit } else { 0 };
    bit(need, NEED_ONE) | bit(have, HAVE_ONE) | tag_of(mark)
}

pub fn tag_of(mark: Mark) -> u8 {
    match mark {
        Mark::None => 0,
        Mark::Failed => FAILED,
        Mark::Withdrawn => WITHDRAWN,
    }
}
