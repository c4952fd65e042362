//! Keys and values in one allocation.

/// Keys and values in one allocation.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    arena: Vec<u8>,
    spans: Vec<EntrySpan>,
}

#[derive(Debug, Clone, Copy)]
struct EntrySpan {
    start: usize,
    key: u32,
    value: u32,
}

/// A key in a [`Batch`], with or without a value there.
#[derive(Debug, Clone, Copy)]
pub struct KeyRef {
    start: usize,
    length: u32,
}

impl Batch {
    /// Adds an entry.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> KeyRef {
        let named = self.name(key);
        self.arena.extend_from_slice(value);
        self.spans.push(EntrySpan { start: named.start, key: named.length, value: length(value) });
        named
    }

    /// Adds an entry whose key and value are adjacent in `bytes`.
    pub fn push_joined(&mut self, bytes: &[u8], key_bytes: usize) -> KeyRef {
        let (key, value) = bytes.split_at(key_bytes);
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.spans.push(EntrySpan { start, key: length(key), value: length(value) });
        KeyRef { start, length: length(key) }
    }

    /// Stores a key without making it an entry.
    pub fn name(&mut self, key: &[u8]) -> KeyRef {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        KeyRef { start, length: length(key) }
    }

    /// Returns a key that was added to this batch.
    pub fn key(&self, key: KeyRef) -> &[u8] {
        &self.arena[key.start..key.start + key.length as usize]
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns the size of all keys and values.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Reserves room for `entries` of `bytes` in total.
    pub fn reserve(&mut self, entries: usize, bytes: usize) {
        self.spans.reserve_exact(entries);
        self.arena.reserve_exact(bytes);
    }

    /// Sorts the entries by key.
    pub fn sort(&mut self) {
        let arena = &self.arena;
        let key = |span: &EntrySpan| &arena[span.start..span.start + span.key as usize];
        self.spans.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    }

    /// Returns the entries in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.spans.iter().map(|span| {
            let key_end = span.start + span.key as usize;
            (&self.arena[span.start..key_end], &self.arena[key_end..key_end + span.value as usize])
        })
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("keys and rows are bounded")
}

/// An empty value in a [`Batch`] stands for a forgotten key: no row has an empty encoding.
pub fn row_of(value: &[u8]) -> Option<&[u8]> {
    (!value.is_empty()).then_some(value)
}
