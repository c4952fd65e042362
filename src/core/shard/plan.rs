//! A reconciliation in the form that shards need: compiled once, shared by all shards of the
//! process.

use std::{sync::Arc, time::Duration};

use crate::record::{Headers, InputIndex, Offset, Timestamp};
use crate::shard::{Identity, OnStep, Placement};
use crate::{
    codec::{Decoder, Outputs},
    matching::{LARGE_ITEMS_BYTES, Rules, Times},
};

/// A reconciliation, compiled.
#[derive(Clone)]
pub struct Plan {
    /// Name of the reconciliation, for headers and logs.
    pub name: String,
    /// Whom the shards belong to, and what must not change under their rows.
    pub identity: Identity,
    pub rules: Rules,
    /// Which record timestamps can be used.
    pub times: Times,
    /// The expected topic's decoder, then those of the observed topics by name.
    pub inputs: Vec<Decoder>,
    /// The input topics' names, in the same order.
    pub topics: Vec<String>,
    pub outputs: Outputs,
    /// Longest record key, in bytes; longer ones are rejected before they cost memory.
    pub key_bytes_max: usize,
    /// Whether records are in the partitions that their keys belong to.
    pub placement: Arc<Placement>,
    pub start_from: StartFrom,
    pub on_truncation: OnTruncation,
    /// The durations that shape the deadline index, as text; when they change, the local store is
    /// rebuilt.
    pub deadlines: String,
    /// How often the offsets of an idle shard are committed again, so that brokers do not drop them
    /// as those of a dead group.
    pub offsets_renewed_every: Duration,
    /// How long the changelog keeps tombstones: a store that was unused for longer is rebuilt.
    pub tombstones_kept: Duration,
    /// Receives a report of each step of a key, for demonstrations: it costs more than the actual
    /// work.
    pub on_step: Option<OnStep>,
    /// Makes completions spans of the traces that their records belong to; see
    /// [`crate::record::trace::span_id`]. `None` if spans are not reported.
    pub span_seed: Option<u64>,
}

/// Where a group without committed offsets starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFrom {
    Earliest,
    Latest,
}

/// What happens if input was deleted before it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTruncation {
    /// The shard stops and reports it.
    Stop,
    /// The loss is accepted and counted.
    Continue,
}

/// How much a shard takes in before it spills and commits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Size of the rows in memory above which clean rows are evicted and dirty ones spilled.
    pub cache_bytes: usize,
    /// Number of dirty rows above which they are spilled: bounds the changelog's tail that is
    /// replayed after a crash.
    pub dirty_rows_max: usize,
    /// Rows and outputs that a transaction may contain, plus or minus the effect of one record.
    pub transaction_records_max: usize,
    /// Bytes that a transaction may contain, with the same tolerance.
    pub transaction_bytes_max: usize,
    /// Time after which dirty rows are spilled, however few there are.
    pub spill_interval: Duration,
    /// Deadlines fired at a time.
    pub deadlines_max: usize,
    /// Size of the items above which a row stays decoded throughout a batch.
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
    /// As received, usable or not; −1 if there is none.
    pub timestamp_ms: Timestamp,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Parsed only on demand; `None` for a record that certainly has none.
    pub headers: Option<&'a dyn Headers>,
    /// Wall time when it was read.
    pub read_at_ms: Timestamp,
}
