//! What a shard needs from the world: Kafka and a store, as values going in and out.
//!
//! `kafka/` and `store/` implement these for production, `sim/` for the simulator.

use super::{Error, Offset, Result, ShardId, Transaction};

/// A shard's way to Kafka while it opens. Every call may block for seconds.
pub trait Broker {
    type Producer: Producer;
    type Changelog: ChangelogReader;

    /// Takes the shard over: fences every older owner and settles its open transaction.
    fn fence(&self, shard: ShardId) -> Result<Self::Producer>;

    /// Returns what is committed for each input, by transactions that have ended.
    /// `None` where nothing was ever committed.
    fn committed(&self, shard: ShardId) -> Result<Vec<Option<CommittedOffset>>>;

    /// Returns the first offset and the end of each input as they are now.
    fn input_bounds(&self, shard: ShardId) -> Result<Vec<Bounds>>;

    /// Returns a reader of the shard's changelog partition.
    fn changelog(&self, shard: ShardId) -> Result<Self::Changelog>;
}

/// An input's offset as the group has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// First offset not yet processed.
    pub next: Offset,
    /// The changelog that holds the rows of everything before `next`; see
    /// [`ChangelogReader::topic_id`]. Empty when another tool has set the offset.
    pub changelog_id: String,
}

/// The first offset still there and the one after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub start: Offset,
    /// The high watermark.
    pub end: Offset,
}

impl Bounds {
    /// Tells whether a reader can go on at `offset`.
    pub fn contains(&self, offset: Offset) -> bool {
        (self.start..=self.end).contains(&offset)
    }
}

/// Commits a shard's transactions.
pub trait Producer {
    /// Proof of an assignment: the group metadata taken when it was made.
    type Authority;

    /// Commits everything in `transaction`, or nothing.
    ///
    /// Returns the changelog offset after the last change, `None` when it holds no change.
    ///
    /// # Errors
    /// [`Error::Outdated`] only if the transaction was certainly aborted; any doubt is
    /// [`Error::Interrupted`].
    fn commit(
        &mut self,
        transaction: &Transaction,
        authority: &Self::Authority,
    ) -> Result<Option<Offset>>;
}

/// Reads one changelog partition in order, committed records only.
pub trait ChangelogReader {
    /// Returns which incarnation of the topic this is; a recreated topic has another one.
    fn topic_id(&self) -> String;

    fn bounds(&mut self) -> Result<Bounds>;

    /// Starts at `from`; to be called before [`Self::read`].
    fn seek(&mut self, from: Offset) -> Result<()>;

    /// Hands over the next changes, waiting a bounded time for some, and returns the reader's
    /// position, which also passes over markers and holes that hold no change.
    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset>;
}

/// One changelog record: the key's new row, or that it was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    pub key: &'a [u8],
    pub row: Option<&'a [u8]>,
}

/// Where a store stands, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// First changelog offset that the store does not contain. R-2: at most the changelog's end.
    pub changelog_next: Offset,
    /// See [`ChangelogReader::topic_id`].
    pub topic_id: String,
    /// Wall time, in milliseconds, when the changelog was last known to end at `changelog_next`.
    /// Tombstones written since may be gone once the changelog keeps them no longer, so that a
    /// store which is older than that may hold rows that no longer exist.
    pub spilled_at_ms: i64,
    /// The deadlines in force when the index of due rows was written.
    pub deadlines: String,
}

/// Rows on disk, behind the cache. Only committed rows ever reach it.
pub trait Store: Send {
    /// Writes a whole spill and its checkpoint atomically: after a crash all of it is there or
    /// none.
    fn apply(&self, spill: &Spill) -> Result<()>;

    /// Returns the checkpoint of the last applied spill; `None` for a new store.
    fn checkpoint(&self) -> Result<Option<Checkpoint>>;

    /// Looks all keys up; the result has their order.
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>>;

    /// Returns up to `limit` entries of the due index that come after `after` and are due at or
    /// before `until_ms`, in order.
    fn due(&self, after: Option<&Due>, until_ms: i64, limit: usize) -> Result<Vec<Due>>;

    /// Deletes everything in the store, which stays open and usable.
    fn wipe(&mut self) -> Result<()>;
}

/// An entry of the index of deadlines. It is a hint: the row decides whether it is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub at_ms: i64,
    pub key: Vec<u8>,
}

/// Committed rows on their way to the store.
#[derive(Debug, Clone, Default)]
pub struct Spill {
    pub checkpoint: Option<Checkpoint>,
    /// Sorted by key, each key once; an empty value means that the key was forgotten.
    pub rows: Batch,
    /// Index entries to add; sorted.
    pub due: Vec<Due>,
    /// Index entries to remove; sorted and disjoint from `due`.
    pub not_due: Vec<Due>,
}

impl Spill {
    /// Sorts everything as [`Store::apply`] wants it.
    pub fn sort(&mut self) {
        self.rows.sort();
        self.due.sort_unstable();
        self.not_due.sort_unstable();
        self.not_due.dedup();
        // A deadline that a row has again stays listed.
        let due = &self.due;
        self.not_due.retain(|entry| due.binary_search(entry).is_err());
    }
}

/// Keys and values in one allocation.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    arena: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    key: u32,
    value: u32,
}

impl Batch {
    /// Adds an entry whose value `write` appends to the buffer that it is given.
    pub fn push(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.arena.len();
        self.arena.extend_from_slice(key);
        write(&mut self.arena);
        let value = self.arena.len() - start - key.len();
        let length = |bytes: usize| u32::try_from(bytes).expect("keys and rows are bounded");
        self.spans.push(Span { start, key: length(key.len()), value: length(value) });
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns the bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    pub fn clear(&mut self) {
        self.arena.clear();
        self.spans.clear();
    }

    /// Sorts the entries by key.
    pub fn sort(&mut self) {
        let arena = &self.arena;
        let key = |span: &Span| &arena[span.start..span.start + span.key as usize];
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

/// An empty value in a [`Batch`] stands for a forgotten key: no row encodes to nothing.
pub fn row_of(value: &[u8]) -> Option<&[u8]> {
    (!value.is_empty()).then_some(value)
}

impl Error {
    /// Wraps a failure of the local store, which says nothing about the changelog.
    pub fn store(error: impl std::fmt::Display) -> Self {
        Self::Interrupted(format!("local store: {error}"))
    }
}
