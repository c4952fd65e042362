//! One worker and its shards: `GET /v1/status`.

use serde::{Deserialize, Serialize};

use rollcall_core::shard::RowCounts;

/// One worker and the shards it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerStatus {
    /// Name of the `Reconciliation`.
    pub reconciliation: String,
    /// The worker's name in its group; in Kubernetes the pod's name.
    pub instance: String,
    pub version: String,
    pub state: WorkerState,
    /// Number of partitions of every topic of the reconciliation; `None` until Kafka has reported
    /// it.
    pub partitions: Option<u32>,
    /// How the inputs are partitioned: `murmur2`, `crc32` or `fnv1a`; `unchecked` if the object
    /// says so; `None` while it is not known.
    #[serde(default)]
    pub partitioner: Option<String>,
    /// Why nothing runs, with the fix: the broker is unreachable, topics are not co-partitioned and
    /// so on. `None` if nothing is wrong with the worker as a whole.
    pub trouble: Option<Trouble>,
    /// Everything that is wrong with the worker as a whole, `trouble` included.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
    /// Ordered by shard number.
    pub shards: Vec<ShardStatus>,
}

/// A problem, with a name for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// In CamelCase, as in a condition of Kubernetes: `BrokerUnreachable`.
    pub reason: String,
    /// What happened and what to do about it.
    pub message: String,
    /// Its effect; earlier versions reported only what keeps a worker from working.
    #[serde(default)]
    pub severity: Severity,
}

/// The effect of a problem on readiness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The worker cannot work: `/readyz` answers 503 with the message.
    #[default]
    Unready,
    /// The worker works, but the problem needs attention: the object is Degraded.
    Degraded,
}

/// The phase of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkerState {
    /// Not yet in the group.
    Joining,
    /// In the group, with or without shards.
    Joined,
    /// Stays out of the group because the object is paused.
    Paused,
    /// Giving up its shards.
    Stopping,
}

/// One shard of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// The partition that it processes.
    pub shard: u32,
    pub state: ShardState,
    /// Why it does not run, with the fix.
    pub reason: Option<String>,
    /// One for each input topic, the expected one first.
    pub inputs: Vec<InputStatus>,
    /// Totals since its worker started; `None` before it first ran here.
    pub totals: Option<ShardTotals>,
    /// Its rows by state; `None` while it is being opened.
    pub rows: Option<RowCounts>,
    /// Progress of restoring; `None` if it is not restoring.
    pub restore: Option<RestoreStatus>,
    /// When it last committed a completion: RFC 3339, UTC.
    pub last_completion_at: Option<String>,
}

/// The state of a shard in its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ShardState {
    /// Older owners are fenced and rows restored.
    Opening,
    Running,
    /// It failed and will be opened again soon.
    Waiting,
    /// It cannot run until someone fixes the problem in `reason`.
    Stopped,
}

/// Progress on one input partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputStatus {
    pub topic: String,
    /// First offset not yet processed.
    pub next_offset: Option<i64>,
    /// How many offsets are still to be read.
    pub lag_records: Option<i64>,
    /// Age of the newest record processed, in seconds, while there are offsets to read; else 0.
    pub lag_seconds: Option<f64>,
    /// Since when an open transaction of a producer hides later records, if one does: RFC 3339,
    /// UTC.
    #[serde(default)]
    pub open_transaction_since: Option<String>,
    /// Records that belong to no entry of the topic, while this worker had the shard.
    #[serde(default)]
    pub skipped: u64,
}

/// Totals of a shard while this worker had it; counters only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardTotals {
    /// Input records processed.
    pub records: u64,
    /// Those of them that belong to no entry of their topic.
    #[serde(default)]
    pub skipped: u64,
    pub completions: u64,
    /// Completions of keys that were reported overdue before.
    pub late_completions: u64,
    pub dead_letters: u64,
    /// Keys of which items failed.
    #[serde(default)]
    pub failures: u64,
    /// Cancelled keys that were reported.
    #[serde(default)]
    pub cancellations: u64,
}

/// Progress of restoring a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreStatus {
    /// Changelog offsets still to be read.
    pub remaining_offsets: i64,
    /// Changelog records read so far.
    pub restored_records: u64,
}
