//! What a row keeps of its records, so that outputs can carry it.
//!
//! Promise: nothing is looked at. Values are members of JSON objects as text, ready to be written
//! into an output: `"customer":"c-7","address":{"zip":1}`. A row that keeps nothing takes no memory
//! for it.

/// What is kept of the expectation of a key, and of the last word about each of its items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept(Option<Box<Members>>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Members {
    /// Of the expectation in force.
    expected: String,
    /// An entry is `[length u8][item][length u32][members]`; each item has at most one, and none
    /// if nothing is kept of it.
    items: Vec<u8>,
}

/// Bytes of an entry besides its item and its members.
const ENTRY_BYTES: usize = 1 + 4;

impl Kept {
    /// Keeps nothing.
    pub const NOTHING: Self = Self(None);

    pub fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    /// Returns what is kept of the expectation: members of an object, without braces.
    pub fn expected(&self) -> &str {
        self.0.as_ref().map_or("", |members| &members.expected)
    }

    /// Returns what is kept of `item`: members of an object, without braces.
    pub fn of_item(&self, item: &str) -> &str {
        let mut rest = self.items_as_bytes();
        while let Some((entry, tail)) = Entry::split(rest) {
            if entry.item == item.as_bytes() {
                return entry.text().map_or("", |(_, members)| members);
            }
            rest = tail;
        }
        ""
    }

    /// Returns members as the text of an object; `None` if there are none.
    pub fn as_object(members: &str) -> Option<String> {
        (!members.is_empty()).then(|| format!("{{{members}}}"))
    }

    /// Returns the items of which something is kept, in the order in which it came.
    pub fn items(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = self.items_as_bytes();
        std::iter::from_fn(move || {
            let (entry, tail) = Entry::split(rest)?;
            rest = tail;
            entry.text()
        })
    }

    /// Returns the encoding of what is kept of items.
    pub fn items_as_bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |members| &members.items)
    }

    /// Returns the number of bytes that it takes.
    pub fn size(&self) -> usize {
        self.0.as_ref().map_or(0, |members| members.expected.len() + members.items.len())
    }

    /// Returns the size that members of `item` add.
    pub(super) fn entry_bytes(item: &str, members: &str) -> usize {
        if members.is_empty() { 0 } else { ENTRY_BYTES + item.len() + members.len() }
    }

    /// Returns this with `expected` as what is kept of the expectation.
    pub(crate) fn with_expected(&self, expected: &str) -> Self {
        let mut kept = self.clone();
        kept.set_expected(expected);
        kept
    }

    /// Replaces what is kept of the expectation.
    pub(super) fn set_expected(&mut self, expected: &str) {
        if self.expected() != expected {
            expected.clone_into(&mut self.0.get_or_insert_default().expected);
            self.normalize();
        }
    }

    /// Replaces what is kept of `item`, which is at most 255 bytes long.
    pub(crate) fn put_item(&mut self, item: &str, members: &str) {
        self.remove_item(item);
        self.add_item(item, members);
    }

    /// Adds what is kept of `item`, of which nothing is kept yet. Takes the same time however much
    /// is kept of others.
    pub(super) fn add_item(&mut self, item: &str, members: &str) {
        if members.is_empty() {
            return;
        }
        let Members { items, .. } = &mut **self.0.get_or_insert_default();
        items.reserve(Self::entry_bytes(item, members));
        items.push(u8::try_from(item.len()).expect("decoders reject longer items"));
        items.extend_from_slice(item.as_bytes());
        let length = u32::try_from(members.len()).expect("a row is smaller than 4 GiB");
        items.extend_from_slice(&length.to_le_bytes());
        items.extend_from_slice(members.as_bytes());
    }

    fn remove_item(&mut self, item: &str) {
        let Some(members) = &mut self.0 else { return };
        let mut at = 0;
        while let Some((entry, tail)) = Entry::split(&members.items[at..]) {
            let end = members.items.len() - tail.len();
            if entry.item == item.as_bytes() {
                members.items.drain(at..end);
                break;
            }
            at = end;
        }
        self.normalize();
    }

    /// Decodes what a row keeps, reusing the memory; `None` if `items` are malformed or nothing is
    /// kept at all.
    pub fn assign(&mut self, expected: &str, items: &[u8]) -> Option<()> {
        let mut rest = items;
        while !rest.is_empty() {
            let (entry, tail) = Entry::split(rest)?;
            entry.text()?;
            rest = (!entry.members.is_empty()).then_some(tail)?;
        }
        let members = self.0.get_or_insert_default();
        members.expected.clear();
        members.expected.push_str(expected);
        members.items.clear();
        members.items.extend_from_slice(items);
        self.normalize();
        (!self.is_nothing()).then_some(())
    }

    /// Drops the memory if nothing is kept any more.
    fn normalize(&mut self) {
        let is_empty = |members: &Members| members.expected.is_empty() && members.items.is_empty();
        if self.0.as_deref().is_some_and(is_empty) {
            self.0 = None;
        }
    }
}

/// What is kept of one item.
struct Entry<'a> {
    item: &'a [u8],
    members: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Takes an entry off the front.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, rest) = bytes.split_first()?;
        let (item, rest) = rest.split_at_checked(usize::from(*length))?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (members, rest) = rest.split_at_checked(length)?;
        Some((Self { item, members }, rest))
    }

    /// Returns the item and what is kept of it; `None` if they are no text.
    fn text(&self) -> Option<(&'a str, &'a str)> {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        Some((text(self.item)?, text(self.members)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(expected: &str, items: &[(&str, &str)]) -> Kept {
        let mut kept = Kept::default().with_expected(expected);
        items.iter().for_each(|(item, members)| kept.put_item(item, members));
        kept
    }

    #[test]
    fn an_item_keeps_the_last_thing_that_was_put() {
        let kept = kept("\"a\":1", &[("1", "\"b\":2"), ("", "\"c\":3"), ("1", "\"b\":44")]);
        assert_eq!(kept.expected(), "\"a\":1");
        assert_eq!((kept.of_item("1"), kept.of_item("")), ("\"b\":44", "\"c\":3"));
        assert_eq!(kept.of_item("2"), "");
        assert_eq!(kept.items().map(|(item, _)| item).collect::<Vec<_>>(), ["", "1"]);
        assert_eq!(kept.size(), 5 + (5 + 5) + (5 + 1 + 6));
    }

    #[test]
    fn what_keeps_nothing_any_more_is_as_if_it_never_had() {
        let mut kept = kept("\"a\":1", &[("1", "\"b\":2")]).with_expected("");
        assert!(!kept.is_nothing());
        kept.put_item("1", "");
        assert_eq!((kept.size(), &kept), (0, &Kept::NOTHING));
        kept.put_item("2", "");
        assert!(kept.is_nothing());
    }

    #[test]
    fn the_size_is_known_before_an_item_is_put() {
        let mut kept = kept("\"a\":1", &[("1", "\"b\":2")]);
        for (item, members) in [("1", "\"b\":\"long\""), ("2", "\"b\":1"), ("2", "")] {
            let (old, new) = (Kept::entry_bytes(item, kept.of_item(item)), kept.size());
            kept.put_item(item, members);
            assert_eq!(kept.size(), new - old + Kept::entry_bytes(item, members));
        }
    }

    #[test]
    fn damaged_bytes_are_no_items() {
        let whole = kept("", &[("item", "\"b\":2"), ("2", "\"c\":3")]);
        let mut read = Kept::default();
        assert_eq!(read.assign("", whole.items_as_bytes()), Some(()));
        assert_eq!(read, whole);
        for length in 1..whole.items_as_bytes().len() {
            let is_whole_entry = length == ENTRY_BYTES + 4 + 5;
            let cut = &whole.items_as_bytes()[..length];
            assert_eq!(read.assign("", cut).is_some(), is_whole_entry, "{length}");
        }
        assert_eq!(read.assign("", b""), None, "nothing is kept");
        assert_eq!(read.assign("", b"\x01a\0\0\0\0"), None, "nothing is kept of an item");
        assert_eq!(read.assign("", b"\x01\xff\x01\0\0\0a"), None, "no text");
    }
}
