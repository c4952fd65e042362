//! A reconciliation as a shard needs it: compiled once, shared by all shards of the process.

use std::{sync::Arc, time::Duration};

use super::{Identity, Placement};
use crate::record::{Headers, InputIndex, Offset, Timestamp};
use crate::{
    codec::{Decoder, Outputs},
    matching::{LARGE_ITEMS_BYTES, Rules, Times},
};

/// A reconciliation, compiled.
#[derive(Clone)]
pub struct Plan {
    /// Name of the reconciliation, for headers and logs.
    pub name: String,
    /// Whose shards they are, and what must not change under their rows.
    pub identity: Identity,
    pub rules: Rules,
    /// Which timestamps of records can be used.
    pub times: Times,
    /// The expected topic's decoder, then those of the observed topics by name.
    pub inputs: Vec<Decoder>,
    /// The input topics' names, in the same order.
    pub topics: Vec<String>,
    pub outputs: Outputs,
    /// Longest record key, in bytes; longer ones are refused before they cost memory.
    pub key_bytes_max: usize,
    /// Whether records lie where their keys belong.
    pub placement: Arc<Placement>,
    pub start_from: StartFrom,
    pub on_truncation: OnTruncation,
    /// Names the durations that shape the index of deadlines; when they change, the local store
    /// is rebuilt.
    pub deadlines: String,
    /// How often the offsets of an idle shard are committed again, so that brokers do not take them
    /// for those of a group that is gone.
    pub offsets_renewed_every: Duration,
    /// How long the changelog keeps tombstones: a store that was away longer is rebuilt.
    pub tombstones_kept: Duration,
    /// Tell each step of a key in the log, for demonstrations: it costs more than the work.
    pub log_records: bool,
    /// Makes completions spans of the traces that their records belong to; see
    /// [`crate::record::trace::span_id`]. `None` where spans are not told of.
    pub span_seed: Option<u64>,
}

/// Where a group without committed offsets starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFrom {
    Earliest,
    Latest,
}

/// What happens when input was deleted before it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTruncation {
    /// The shard stops and says so.
    Stop,
    /// The loss is accepted and counted.
    Continue,
}

/// How much a shard takes in before it spills and commits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of rows in memory above which clean rows are evicted and dirty ones spilled.
    pub cache_bytes: usize,
    /// Dirty rows above which they are spilled: bounds the changelog's tail that a crash replays.
    pub dirty_rows_max: usize,
    /// Rows and outputs that a transaction may hold, give or take what one record brings.
    pub transaction_records_max: usize,
    /// Bytes that a transaction may hold, likewise.
    pub transaction_bytes_max: usize,
    /// Time after which dirty rows are spilled, however few.
    pub spill_interval: Duration,
    /// Deadlines fired at a time.
    pub deadlines_max: usize,
    /// Bytes of items above which a row stays as it is throughout a batch.
    pub large_items_bytes: usize,
    /// Records of a batch after which such a row gets an index of its items.
    pub indexed_uses: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cache_bytes: 16 << 20,
            dirty_rows_max: 200_000,
            transaction_records_max: 100_000,
            transaction_bytes_max: 64 << 20,
            spill_interval: Duration::from_secs(60),
            deadlines_max: 1_000,
            large_items_bytes: LARGE_ITEMS_BYTES,
            indexed_uses: 8,
        }
    }
}

/// A record of an input topic, of one shard.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub input: InputIndex,
    pub offset: Offset,
    /// As it came, usable or not; −1 where there is none.
    pub timestamp_ms: Timestamp,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Parsed only when asked for; `None` for a record that has none for certain.
    pub headers: Option<&'a dyn Headers>,
    /// Wall time when it was read.
    pub read_at_ms: Timestamp,
}
