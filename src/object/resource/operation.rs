//! How a reconciliation is run: where it starts, how topics are made, what it may use.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{bounds, duration, instant};

/// Where a consumer group without committed offsets begins.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum StartFrom {
    /// With the oldest record that Kafka still has.
    #[default]
    Earliest,
    /// With the first record that arrives from then on.
    Latest,
}

/// How producers choose the partition of a key.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum PartitionerSpec {
    /// As the records show.
    #[default]
    Auto,
    /// As Java's producer does.
    Murmur2,
    /// As librdkafka does by default.
    Crc32,
    /// As Sarama does by default.
    Fnv1a,
    /// By a rule of their own, the same for all inputs.
    Unchecked,
}

/// What to do when Kafka has deleted input that was not processed yet.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum OnTruncation {
    /// Stop the partition and say so: completions may be missing.
    #[default]
    Stop,
    /// Accept the loss, count it, and go on with the oldest record that is left.
    Continue,
}

/// Which timestamp the records that Rollcall writes bear.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum OutputTimestamp {
    /// The time of the commit.
    #[default]
    Commit,
    /// That of the record which they come from.
    Source,
}

/// What becomes of the changelog topic and the consumer group when the object is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// They stay, and an object of the same name goes on where this one stopped.
    #[default]
    Retain,
    /// They are deleted, and with them all memory of what was completed.
    DeleteTopics,
}

/// How topics are made.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TopicsSpec {
    /// Makes the topics of outputs and state that are missing. When false, they are only checked.
    pub manage: bool,
    /// Makes the input topics that are missing, too. When false, they have to be there: a name that
    /// is misspelt would become an empty topic, which is waited at for ever.
    pub create_inputs: bool,
    /// Number of partitions of topics that are made, if none of the inputs exists yet; otherwise
    /// they get as many as the inputs have. Left out, the broker's default. Between 1 and 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = bounds::PARTITIONS.min, max = bounds::PARTITIONS.max))]
    pub partitions: Option<i32>,
    /// Copies of each partition of topics that are made. Left out, the broker's default. Between
    /// 1 and 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = bounds::REPLICATION.min, max = bounds::REPLICATION.max))]
    pub replication_factor: Option<i32>,
    /// The compacted topic that holds the state.
    pub changelog: ChangelogSpec,
}

impl Default for TopicsSpec {
    fn default() -> Self {
        Self {
            manage: true,
            create_inputs: false,
            partitions: None,
            replication_factor: None,
            changelog: ChangelogSpec::default(),
        }
    }
}

/// The compacted topic that holds the state.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChangelogSpec {
    /// How long the changelog keeps the news that a key was forgotten (Kafka's
    /// `delete.retention.ms`). A worker's local state that was away for longer is restored from
    /// nothing. Between 1h and 90d.
    #[schemars(extend("pattern" = duration::PATTERN, "maxLength" = 32))]
    pub delete_retention: String,
    /// Size of the changelog's segment files (Kafka's `segment.bytes`). Kafka compacts closed
    /// segments only, so smaller ones make restoring shorter. Between 1Mi and 1Gi.
    #[schemars(extend("nullable" = false))]
    pub segment_bytes: Quantity,
}

impl Default for ChangelogSpec {
    fn default() -> Self {
        Self { delete_retention: "1d".to_owned(), segment_bytes: Quantity("64Mi".to_owned()) }
    }
}

/// Sizes beyond which a record is a dead letter, and times beyond which its timestamp does not
/// count.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Largest state of one key. Between 1Ki and 16Mi; it has to fit into a Kafka message.
    #[schemars(extend("nullable" = false))]
    pub row_bytes: Quantity,
    /// Most items in one expectation. Between 1 and 1000000.
    #[schemars(range(min = bounds::ITEMS.min, max = bounds::ITEMS.max))]
    pub items_per_expectation: i32,
    /// Longest key. Between 16 and 32Ki.
    #[schemars(extend("nullable" = false))]
    pub key_bytes: Quantity,
    /// Earliest timestamp of a record that can be meant, as RFC 3339 in UTC. The wall clock counts
    /// for records with an earlier one or none, and they are counted. Between 1970-01-01T00:00:00Z
    /// and 2100-01-01T00:00:00Z.
    #[schemars(extend("pattern" = instant::PATTERN, "maxLength" = 32))]
    pub timestamp_min: String,
    /// How far ahead of the worker's clock a record's timestamp may be. The wall clock counts for
    /// records that are further ahead, such as those in microseconds, and they are counted.
    /// Between 1s and 3650d.
    #[schemars(extend("pattern" = duration::PATTERN, "maxLength" = 32))]
    pub timestamp_ahead: String,
}

impl Default for LimitsSpec {
    fn default() -> Self {
        Self {
            row_bytes: Quantity("512Ki".to_owned()),
            items_per_expectation: 10_000,
            key_bytes: Quantity("1Ki".to_owned()),
            timestamp_min: "2000-01-01T00:00:00Z".to_owned(),
            timestamp_ahead: "1d".to_owned(),
        }
    }
}

/// A volume for each worker's state, in Kubernetes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StorageSpec {
    /// Size of each volume, such as 10Gi. Between 64Mi and 1Pi.
    pub size: Quantity,
    /// Storage class of the volumes. Left out, the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}
