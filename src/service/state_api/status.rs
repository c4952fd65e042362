//! One worker and its shards: `GET /v1/status`.

use serde::{Deserialize, Serialize};

use rollcall_core::shard::RowCounts;

/// One worker and the shards it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerStatus {
    /// Name of the `Reconciliation`.
    pub reconciliation: String,
    /// Name of the worker in its group: the pod's.
    pub instance: String,
    pub version: String,
    pub state: WorkerState,
    /// Partitions of every topic of the reconciliation; `None` until Kafka has told.
    pub partitions: Option<u32>,
    /// How the inputs are partitioned: `murmur2`, `crc32` or `fnv1a`; `unchecked` where the object
    /// says so; `None` while it is not known.
    #[serde(default)]
    pub partitioner: Option<String>,
    /// Why nothing runs, with the remedy: the broker is unreachable, topics are not
    /// co-partitioned and so on. `None` when nothing is wrong with the worker as a whole.
    pub trouble: Option<Trouble>,
    /// Everything that is wrong with the worker as a whole, `trouble` included.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
    /// In the order of their numbers.
    pub shards: Vec<ShardStatus>,
}

/// What is wrong, as a name for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// In CamelCase, as in a condition of Kubernetes: `BrokerUnreachable`.
    pub reason: String,
    /// What happened and what to do about it.
    pub message: String,
    /// What it means; earlier versions told only of what keeps a worker from its work.
    #[serde(default)]
    pub severity: Severity,
}

/// What a trouble means for readiness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The worker cannot do its work: `/readyz` answers 503 with the message.
    #[default]
    Unready,
    /// It works, but somebody should look: the object is Degraded.
    Degraded,
}

/// What a worker is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkerState {
    /// Not yet in the group.
    Joining,
    /// In the group, with or without shards.
    Joined,
    /// Told to stay out of the group.
    Paused,
    /// Giving its shards up.
    Stopping,
}

/// One shard of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardStatus {
    /// The partition that it stands for.
    pub shard: u32,
    pub state: Phase,
    /// Why it does not run, with the remedy.
    pub reason: Option<String>,
    /// By input topic, the expected one first.
    pub inputs: Vec<InputStatus>,
    /// What it has done since its worker runs; `None` before it first ran here.
    pub totals: Option<ShardTotals>,
    /// Its rows by state; `None` while it opens.
    pub rows: Option<RowCounts>,
    /// How far restoring is; `None` when it is not restoring.
    pub restore: Option<RestoreStatus>,
    /// When it last committed a completion: RFC 3339, UTC.
    pub last_completion_at: Option<String>,
}

/// Where a shard stands in its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Older owners are fenced and rows restored.
    Opening,
    Running,
    /// It failed and is opened again soon.
    Waiting,
    /// It needs someone to mend what the reason says.
    Stopped,
}

/// How far one input partition is processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputStatus {
    pub topic: String,
    /// First offset not yet processed.
    pub next_offset: Option<i64>,
    /// Offsets still to read.
    pub lag_records: Option<i64>,
    /// Age of the newest record processed, in seconds, while there are offsets to read; else 0.
    pub lag_seconds: Option<f64>,
    /// Since when an open transaction of a producer hides what follows, if one does: RFC 3339, UTC.
    #[serde(default)]
    pub open_transaction_since: Option<String>,
}

/// What a shard has done while this worker had it; counts only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardTotals {
    /// Input records processed.
    pub records: u64,
    pub completions: u64,
    /// Completions of keys that were reported overdue before.
    pub late_completions: u64,
    pub dead_letters: u64,
}

/// How far a shard's restoring is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreStatus {
    /// Changelog offsets still to read.
    pub remaining_offsets: i64,
    /// Changelog records read so far.
    pub restored_records: u64,
}
