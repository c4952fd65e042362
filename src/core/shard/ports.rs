//! What a shard needs from the world: Kafka and a store, as values going in and out.
//!
//! `kafka/` and `store/` implement these for production, `sim/` for the simulator.

use super::{Error, Metadata, Result, Spill, Transaction};
use crate::record::{Offset, ShardId};

/// A shard's way to Kafka while it opens. Every call may block for seconds.
pub trait Broker {
    type Producer: Producer;
    type Changelog: ChangelogReader;

    /// Takes the shard over: fences every older owner and settles its open transaction.
    fn fence(&self, shard: ShardId) -> Result<Self::Producer>;

    /// Returns what is committed for each input, by transactions that have ended.
    /// `None` where nothing was ever committed.
    fn committed(&self, shard: ShardId) -> Result<Vec<Option<CommittedOffset>>>;

    /// Returns the inputs as they are now.
    fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>>;

    /// Returns a reader of the shard's changelog partition.
    fn changelog(&self, shard: ShardId) -> Result<Self::Changelog>;
}

/// An input's offset as the group has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// First offset not yet processed.
    pub next: Offset,
    /// What was committed beside it.
    pub metadata: Metadata,
}

/// A partition of an input topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputLog {
    /// Which incarnation of the topic it is; see [`super::Position::topic_id`].
    pub topic_id: String,
    pub bounds: Bounds,
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

    /// Shows up to `limit` keys and rows that come after the key `after`, in the order of the
    /// keys, and returns how many there were.
    fn scan(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        row: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<usize>;

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

impl Error {
    /// Wraps a failure of the local store, which says nothing about the changelog.
    pub fn store(error: impl std::fmt::Display) -> Self {
        Self::Interrupted(format!("local store: {error}"))
    }
}
