//! How a reconciliation is run: where it starts, how topics are created, and its limits.

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
    /// Detects it from the records.
    #[default]
    Auto,
    /// Like the Java producer.
    Murmur2,
    /// Like librdkafka by default.
    Crc32,
    /// Like Sarama by default.
    Fnv1a,
    /// By a custom rule, which must be the same for all inputs.
    Unchecked,
}

/// What to do if Kafka has deleted input that was not processed yet.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum OnTruncation {
    /// Stop the partition and report it, because completions may be missing.
    #[default]
    Stop,
    /// Accept the loss, count it, and go on with the oldest record that is left.
    Continue,
}

/// The timestamp of the records that Rollcall writes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum OutputTimestamp {
    /// The time of the commit.
    #[default]
    Commit,
    /// That of the record from which they result.
    Source,
}

/// What happens to the changelog topic and the consumer group when the object is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// They are kept, and a new object of the same name continues where this one stopped.
    #[default]
    Retain,
    /// They are deleted, and with them all memory of what was completed.
    DeleteTopics,
}

/// How topics are created.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TopicsSpec {
    /// Creates missing output and state topics. When false, they are only checked.
    pub manage: bool,
    /// Also creates missing input topics. When false, they must already exist: otherwise a misspelt
    /// name would become an empty topic, and Rollcall would wait for its records forever.
    pub create_inputs: bool,
    /// Number of partitions of created topics, if none of the inputs exists yet; otherwise they get
    /// as many as the inputs have. Left out, the broker's default. Between 1 and 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = bounds::PARTITIONS.min, max = bounds::PARTITIONS.max))]
    pub partitions: Option<i32>,
    /// Replication factor of created topics. Left out, the broker's default. Between 1 and 100.
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
    /// How long the changelog keeps the tombstones of forgotten keys (Kafka's
    /// `delete.retention.ms`). Local state that was out of use for longer is discarded and restored
    /// from scratch. Between 1h and 90d.
    #[schemars(extend("pattern" = duration::PATTERN, "maxLength" = 32))]
    pub delete_retention: String,
    /// Size of the changelog's segment files (Kafka's `segment.bytes`). Kafka compacts only closed
    /// segments, so smaller segments make restoring faster. Between 1Mi and 1Gi.
    #[schemars(extend("nullable" = false))]
    pub segment_bytes: Quantity,
}

impl Default for ChangelogSpec {
    fn default() -> Self {
        Self { delete_retention: "1d".to_owned(), segment_bytes: Quantity("64Mi".to_owned()) }
    }
}

/// Sizes beyond which a record is a dead letter, and times beyond which its timestamp is ignored.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Maximum size of the state of one key. Between 1Ki and 16Mi; it has to fit into a Kafka
    /// message.
    #[schemars(extend("nullable" = false))]
    pub row_bytes: Quantity,
    /// Maximum number of items in one expectation. Between 1 and 1000000.
    #[schemars(range(min = bounds::ITEMS.min, max = bounds::ITEMS.max))]
    pub items_per_expectation: i32,
    /// Maximum length of a key. Between 16 and 32Ki.
    #[schemars(extend("nullable" = false))]
    pub key_bytes: Quantity,
    /// Earliest plausible timestamp of a record, as RFC 3339 in UTC. For records with an earlier
    /// timestamp or none, the wall clock is used, and they are counted. Between
    /// 1970-01-01T00:00:00Z and 2100-01-01T00:00:00Z.
    #[schemars(extend("pattern" = instant::PATTERN, "maxLength" = 32))]
    pub timestamp_min: String,
    /// How far ahead of the worker's clock a record's timestamp may be. For records that are
    /// further ahead, such as those with timestamps in microseconds, the wall clock is used, and
    /// they are counted. Between 1s and 3650d.
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
