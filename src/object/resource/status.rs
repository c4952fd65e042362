//! What the operator tells about an object: the status subresource.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator tells about the object. Numbers may be half a minute old.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ReconciliationStatus {
    /// The generation of the object that this status tells about. While it is smaller than
    /// metadata.generation, the last change has not been looked at yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: what the object asks for is the case. `Progressing`: it is on the way there.
    /// `Degraded`: something needs a look. `Stalled`: nothing goes on until someone changes
    /// something. The reasons and their remedies are in docs/operations.md.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"]
    ))]
    pub conditions: Vec<Condition>,
    /// Workers that exist.
    pub replicas: i32,
    /// Workers that have restored all their shards and process them.
    pub ready_replicas: i32,
    /// Selects the pods of the workers, for autoscalers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Partitions of every topic, which is the number of shards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,
    /// How producers choose the partition of a key: as the object says, or as the records have
    /// shown. Left out while that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitioner: Option<String>,
    /// How many shards run, such as 8/8; `paused` while the object is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<String>,
    /// Which worker has which shards; at most the first 100 workers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"]
    ))]
    pub workers: Vec<WorkerShards>,
    /// Keys that are expected and not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_keys: Option<i64>,
    /// Those of the open keys that were reported as overdue.
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
