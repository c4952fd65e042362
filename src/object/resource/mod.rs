//! The `Reconciliation` object as written by users: what serde reads and the API server stores.
//!
//! Promise: every field has its description, default and bounds here, and the custom resource
//! definition and `docs/reconciliation.md` are generated from them. Ban: nothing here decides
//! whether values make sense together; see [`super::Validated`].

mod connection;
mod constants;
mod format;
mod kubernetes;
mod oauth;
mod operation;
mod records;
mod registry;
mod selection;
mod status;
mod tracing;
mod wrapping;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use connection::{
    CaSecretRef, CertificateSecretRef, GroupProtocol, KafkaSpec, SaslMechanism, SaslSecretRef,
    SaslSpec, TlsSpec,
};
pub use constants::Constants;
pub use format::{AvroSpec, FormatSpec, ProtobufSpec};
pub use kubernetes::{ConsoleSpec, NetworkPolicySpec, PodSpec, TokenSecretRef};
pub use oauth::{OauthSecretRef, OauthSpec};
pub use operation::{
    ChangelogSpec, DeletionPolicy, LimitsSpec, OnTruncation, OutputTimestamp, PartitionerSpec,
    StartFrom, StorageSpec, TopicsSpec,
};
pub use records::{
    CancelledSpec, CompletedSpec, CountingSpec, DeadLetterSpec, ExpectedSpec, ExpireSpec,
    FactsSpec, FailedSpec, FailedWhenSpec, ObservedSpec, OrphansSpec, OverdueSpec, UnitSpec,
};
pub use registry::RegistrySpec;
pub use selection::{
    ConditionSpec, FixedItem, FixedItems, ItemSpec, ItemsSpec, LastSpec, OutcomeSpec,
};
pub use status::{ReconciliationStatus, WorkerShards};
pub use tracing::{HeadersSecretRef, TracingSpec};
pub use wrapping::{EnvelopeSpec, RecordKeySpec};

use super::{bounds, cel};

/// Which records belong together, when they are complete, and how that is run.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[kube(
    group = "rollcall.dev",
    version = "v1alpha1",
    kind = "Reconciliation",
    plural = "reconciliations",
    shortname = "recon",
    category = "streaming",
    namespaced,
    derive = "PartialEq",
    status = "ReconciliationStatus",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether the object is in the state that it asks for"
    ),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        json_path = ".status.readyReplicas",
        description = "Workers that are ready"
    ),
    printcolumn(
        name = "Shards",
        type_ = "string",
        json_path = ".status.shards",
        description = "Running shards, out of all"
    ),
    printcolumn(
        name = "Open",
        type_ = "integer",
        json_path = ".status.openKeys",
        description = "Keys that are expected and not complete"
    ),
    printcolumn(
        name = "Lag",
        type_ = "integer",
        json_path = ".status.lagRecords",
        description = "Input records still to process"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why it is ready or not",
        priority = 1
    ),
    printcolumn(
        name = "Overdue",
        type_ = "integer",
        json_path = ".status.overdueKeys",
        description = "Open keys that were reported as overdue",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        description = "The current state, and what to do about it",
        priority = 1
    ),
    validation = cel::name_rule(),
    doc = "A completeness reconciliation: emits one record when everything that was expected for a \
           key has been observed."
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::spec_rules()))]
pub struct ReconciliationSpec {
    /// How to reach the Kafka cluster.
    pub kafka: KafkaSpec,
    /// How to reach the schema registry, if values name their schemas there; see
    /// `expected.format`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistrySpec>,
    /// The records that say which items a key needs.
    pub expected: ExpectedSpec,
    /// The records that say which items have arrived. At least 1 entry, at most 16. Adding,
    /// removing or renaming a topic is refused, because offsets and state belong to it: create an
    /// object with another name instead. Everything else about the entries may change.
    #[schemars(
        length(min = 1, max = bounds::OBSERVED_MAX),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub observed: Vec<ObservedSpec>,
    /// The record emitted once per key, when every expected item was observed.
    pub completed: CompletedSpec,
    /// The record emitted once per key of which items failed, instead of the completion; see
    /// `observed[].outcome`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedSpec>,
    /// Emits a record when a null value cancels an open key with an expectation. Left out, nothing
    /// is emitted then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<CancelledSpec>,
    /// Reports keys that are not complete in time.
    #[serde(default)]
    pub overdue: OverdueSpec,
    /// Forgets keys that were observed but never expected, so that they do not pile up.
    #[serde(default)]
    pub orphans: OrphansSpec,
    /// Cancels expected keys that are still incomplete after a hard limit. Left out, an incomplete
    /// key stays open until it completes or is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<ExpireSpec>,
    /// What happens to records that cannot be used.
    #[serde(default)]
    pub dead_letter: DeadLetterSpec,
    /// How long a finished key is remembered. During this time no replay can complete the key
    /// again, so choose it longer than the longest replay. Between 1s and 3650d.
    #[serde(default = "default_memory")]
    #[schemars(extend("pattern" = super::duration::PATTERN, "maxLength" = 32))]
    pub memory: String,
    /// How often an item has to be observed. `distinct`: once, however often it is listed or
    /// arrives. `quantity`: as often as it is listed, or as its quantity says. Changes are refused,
    /// because arrived items were already counted this way: create an object with another name
    /// instead.
    #[serde(default)]
    pub counting: CountingSpec,
    /// How many workers divide the partitions among themselves, in Kubernetes. Between 0 and 1000;
    /// workers beyond the number of partitions stand by.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = bounds::REPLICAS.min, max = bounds::REPLICAS.max))]
    pub replicas: i32,
    /// How long a partition with a backlog waits between two commits. A longer time means fewer and
    /// larger transactions while it catches up. A partition that keeps up commits sooner, every
    /// 10ms to 40ms with few partitions. Between 1ms and 10s.
    #[serde(default = "default_commit_interval")]
    #[schemars(extend("pattern" = super::duration::PATTERN, "maxLength" = 32))]
    pub commit_interval: String,
    /// How many partitions the transactions of one worker may touch in a second: it commits about
    /// this number divided by the number of its busy partitions times a second. A smaller number
    /// means fewer and larger transactions, which cost the brokers less and take longer. Between 1
    /// and 1000000.
    #[serde(default = "default_commit_budget")]
    #[schemars(range(min = bounds::COMMIT_BUDGET.min, max = bounds::COMMIT_BUDGET.max))]
    pub commit_budget: i32,
    /// Where a consumer group without committed offsets begins. `earliest`: with the oldest record
    /// that Kafka still has. `latest`: with the first record that arrives from then on.
    #[serde(default)]
    pub start_from: StartFrom,
    /// What to do if Kafka has deleted input that was not processed yet. `stop`: stop the partition
    /// and report it, because completions may be missing. `continue`: accept the loss, count it,
    /// and go on with the oldest record that is left.
    #[serde(default)]
    pub on_truncation: OnTruncation,
    /// The timestamp of completions, overdue records and dead letters, which decides when Kafka
    /// deletes them. `commit`: the time of the commit; the timestamp of the record from which they
    /// result is in a header `rollcall-source-timestamp`. `source`: that timestamp itself, as in
    /// versions before this field existed; with old input, records may be deleted before they are
    /// read.
    #[serde(default)]
    pub output_timestamp: OutputTimestamp,
    /// How producers choose the partition of a record key. It must be the same for all inputs,
    /// because the records of a key meet only if they have the same partition number. `murmur2`:
    /// like the Java producer and all compatible ones. `crc32`: like librdkafka by default (Python,
    /// Go, .NET, Rust, kcat). `fnv1a`: like Sarama by default. `auto`: one of these, detected from
    /// the records. Records in another partition than their key belongs to become dead letters.
    /// `unchecked`: a custom rule, which is not checked.
    #[serde(default)]
    pub partitioner: PartitionerSpec,
    /// How topics are created.
    #[serde(default)]
    pub topics: TopicsSpec,
    /// Sizes beyond which a record is a dead letter, and times beyond which its timestamp is
    /// ignored.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// Memory that one worker may use, such as 512Mi. Left out, it is derived from the container's
    /// memory limit. Between 16Mi and 1Ti.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_budget: Option<Quantity>,
    /// Logs each step of each record. This costs more than the processing itself, so it is meant
    /// for demonstrations.
    #[serde(default)]
    pub log_records: bool,
    /// While true, no record is processed: in Kubernetes no worker runs, and a worker started
    /// elsewhere owns nothing and waits until it is stopped. Topics, state and offsets stay as they
    /// are.
    #[serde(default)]
    pub paused: bool,
    /// CPU and memory of each worker, in Kubernetes. Left out, the container has no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// A volume for each worker's state, in Kubernetes. Left out, the state is lost with the pod
    /// and is then restored from the changelog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageSpec>,
    /// Where and how the workers' pods run, in Kubernetes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pod: PodSpec,
    /// A web page that shows keys, shards and dead letters, in Kubernetes: the Service
    /// `<name>-console`. Left out, there is none; `{}` is enough to get one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<ConsoleSpec>,
    /// Allows connections to workers and console only from Rollcall's own pods and from those
    /// listed here, in Kubernetes. Left out, connections are not restricted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicySpec>,
    /// Exports what workers do as spans to an OpenTelemetry collector, by OTLP over HTTP. Left out,
    /// nothing is exported, unless the workers' environment says so. In either case, completions
    /// continue the trace context of their records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracing: Option<TracingSpec>,
    /// What happens to the changelog topic and the consumer group when the object is deleted.
    /// `Retain`: they are kept, and a new object of the same name continues where this one stopped.
    /// `DeleteTopics`: they are deleted, and with them all memory of what was completed. Inputs and
    /// outputs are never deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

fn default_memory() -> String {
    "7d".to_owned()
}

fn default_replicas() -> i32 {
    1
}

fn default_commit_interval() -> String {
    "100ms".to_owned()
}

fn default_commit_budget() -> i32 {
    2_000
}

fn is_default(pod: &PodSpec) -> bool {
    *pod == PodSpec::default()
}
