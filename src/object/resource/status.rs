//! What the operator reports about an object: the status subresource.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator reports about the object. Numbers may be up to half a minute old.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ReconciliationStatus {
    /// The generation of the object that this status describes. While it is smaller than
    /// metadata.generation, the last change has not been processed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the object is in the state that it asks for. `Progressing`: it is on the way there.
    /// `Degraded`: something needs attention. `Stalled`: nothing will happen until someone changes
    /// something. docs/operations.md lists the reasons and what to do about them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"]
    ))]
    pub conditions: Vec<Condition>,
    /// Number of workers that exist.
    pub replicas: i32,
    /// Number of workers that have restored all their shards and process them.
    pub ready_replicas: i32,
    /// Selector of the workers' pods, for autoscalers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Number of partitions of every topic, which is the number of shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,
    /// How producers choose the partition of a key: as the object says, or as detected from the
    /// records. Left out while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitioner: Option<String>,
    /// How many shards are running, such as 8/8; `paused` while the object is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<String>,
    /// Which worker has which shards; at most the first 100 workers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"]
    ))]
    pub workers: Vec<WorkerShards>,
    /// Number of keys that are expected and not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_keys: Option<i64>,
    /// Number of open keys that were reported as overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue_keys: Option<i64>,
    /// Input records still to process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_records: Option<i64>,
    /// How far the slowest shard is behind, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// When the last completion was committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_completion_at: Option<String>,
}

/// The shards of one worker.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct WorkerShards {
    /// Name of the worker's pod.
    pub name: String,
    /// Its shards, such as 0-3,7.
    #[serde(default)]
    pub shards: String,
}
