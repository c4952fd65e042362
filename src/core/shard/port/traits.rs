//! What a shard needs from its environment: Kafka and a store, as values going in and out.
//!
//! `kafka/` and `store/` implement these for production, `sim/` for the simulator.

use crate::record::{Offset, ShardId};
use crate::shard::{Error, Metadata, Result, Spill, Transaction};

/// A shard's access to Kafka while it opens, and after a transaction whose result is unknown. Every
/// call may block for seconds.
pub trait Broker {
    type Changelog: ChangelogReader;

    /// Returns what ended transactions have committed for each input, all of it from the same
    /// moment. `None` if a transaction that holds some of these offsets does not end in time.
    ///
    /// A claim is not waited for: it holds only the first input's offset, and does not change it.
    /// So the others are read stable first, and then that one as it was last committed.
    fn committed(&self, shard: ShardId, wait: Wait) -> Result<Option<CommittedOffsets>>;

    /// Returns what was last committed for the first input, whether or not a transaction is open.
    fn last_committed(&self, shard: ShardId) -> Result<Option<CommittedOffset>>;

    /// Returns whether one of this process's producers has the transactional id.
    fn is_ours(&self, transactional_id: &str) -> bool;

    /// Makes the open transaction of the process that has this transactional id end, and takes the
    /// id away from it; the committed offsets show when it has ended. If that process is alive, it
    /// takes the id back, and sends again what was aborted.
    fn fence(&self, transactional_id: &str) -> Result<()>;

    /// Returns the transactional id that older versions use for the shard: each shard had one.
    fn former_id(&self, shard: ShardId) -> String;

    /// Returns the current state of the inputs.
    fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>>;

    /// Returns a reader of the shard's changelog partition.
    fn changelog(&self, shard: ShardId) -> Result<Self::Changelog>;
}

/// How long to wait for open transactions to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as a healthy owner takes for one.
    Short,
    /// As long as ending one takes after its owner was fenced.
    Long,
}

/// What is committed for each input; `None` for those for which nothing is.
pub type CommittedOffsets = Vec<Option<CommittedOffset>>;

/// An input's offset as committed by the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// First offset not yet processed.
    pub next: Offset,
    /// The metadata committed with it.
    pub metadata: Metadata,
}

/// A partition of an input topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputLog {
    /// Identifies the incarnation of the topic; see [`crate::shard::Position::topic_id`].
    pub topic_id: String,
    pub bounds: Bounds,
}

/// The first offset that still exists and the one after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub start: Offset,
    /// The high watermark.
    pub end: Offset,
}

impl Bounds {
    /// Returns whether a reader can continue at `offset`.
    pub fn contains(&self, offset: Offset) -> bool {
        (self.start..=self.end).contains(&offset)
    }
}

/// Commits the transactions of a lane, one at a time, under one transactional id.
pub trait Producer {
    /// Proof of an assignment: the group metadata taken when the assignment was made.
    type Authority;

    /// Commits everything in all of `parts`, or nothing. First it sends the offsets: so no record
    /// of a shard is written before the group's coordinator has accepted its owner.
    ///
    /// Returns for each part the changelog offset after its last change, `None` if there is no
    /// change.
    fn commit(
        &mut self,
        parts: &[&Transaction],
        authority: &Self::Authority,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed>;

    /// Returns whether it has its transactional id, as far as it knows. If not, a transaction of
    /// an earlier one may still be open, and it must be renewed.
    fn is_ready(&self) -> bool;

    /// Starts, or starts again, under the same transactional id. This settles the open transaction:
    /// it has committed or not then, and the committed offsets tell which.
    fn renew(&mut self) -> Result<()>;
}

/// A transaction that did not commit, as far as is known.
#[derive(Debug)]
pub struct Failed {
    pub error: Error,
    /// The shard whose part is the cause, if it is a single one.
    pub shard: Option<ShardId>,
    pub end: End,
}

/// What is certain about a failed transaction.
#[derive(Debug)]
pub enum End {
    /// It was aborted, and the producer can be used.
    Aborted,
    /// Nothing, and the producer must be renewed. Holds where the parts' changes would end, if all
    /// of them were written.
    Unknown(Option<Vec<Option<Offset>>>),
}

/// Reads one changelog partition in order, committed records only.
pub trait ChangelogReader {
    /// Identifies the incarnation of the topic; a recreated topic has another id.
    fn topic_id(&self) -> String;

    fn bounds(&mut self) -> Result<Bounds>;

    /// Starts at `from`; must be called before [`Self::read`].
    fn seek(&mut self, from: Offset) -> Result<()>;

    /// Calls `change` with the next changes, waiting a bounded time for some, and returns the
    /// reader's position, which also advances past markers and gaps that contain no change.
    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset>;
}

/// One changelog record: the key's new row, or that the key was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    pub key: &'a [u8],
    pub row: Option<&'a [u8]>,
}

/// A store's position in the changelog, and what the store belongs to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// First changelog offset that the store does not contain. R-2: at most the changelog's end.
    pub changelog_next: Offset,
    /// See [`ChangelogReader::topic_id`].
    pub topic_id: String,
    /// Wall time, in milliseconds, when the changelog was last known to end at `changelog_next`.
    /// Tombstones written since then may be gone once the changelog no longer keeps them, so a
    /// store which is older than that may contain rows that no longer exist.
    pub spilled_at_ms: i64,
    /// The deadlines in force when the deadline index was written.
    pub deadlines: String,
}

/// Rows on disk, behind the cache. Only committed rows ever reach it.
pub trait Store: Send {
    /// Writes a whole spill and its checkpoint atomically: after a crash all of it is there or
    /// nothing.
    fn apply(&self, spill: &Spill) -> Result<()>;

    /// Returns the checkpoint of the last applied spill; `None` for a new store.
    fn checkpoint(&self) -> Result<Option<Checkpoint>>;

    /// Looks up all keys; the results are in the same order.
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>>;

    /// Calls the callback with up to `limit` keys and rows after the key `after`, in key order, and
    /// returns how many there were.
    fn scan(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        row: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<usize>;

    /// Returns up to `limit` entries of the deadline index after `after` that are due at or before
    /// `until_ms`, in order.
    fn due(&self, after: Option<&Due>, until_ms: i64, limit: usize) -> Result<Vec<Due>>;

    /// Deletes everything in the store, which stays open and usable.
    fn wipe(&mut self) -> Result<()>;
}

/// An entry of the deadline index. It is a hint: the row decides whether it is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub at_ms: i64,
    pub key: Vec<u8>,
}

impl Error {
    /// Wraps a failure of the local store, which does not affect the changelog.
    pub fn store(error: impl std::fmt::Display) -> Self {
        Self::Interrupted(format!("local store: {error}"))
    }
}
