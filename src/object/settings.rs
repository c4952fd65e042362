//! The validated settings of a reconciliation, which every other part of Rollcall works with.
//!
//! Promise: a [`Settings`] can only come from [`validate`](super::validate), so its names are
//! legal, its topics distinct, its numbers within bounds, and its paths compile.

use std::time::Duration;

use super::Kafka;
use super::registry::{InputFormat, Registry};
use super::resource::{FactsSpec, OnTruncation, OutputTimestamp, StartFrom};
use super::secret::Secret;
use rollcall_core::codec::Decoder;
use rollcall_core::codec::input::{self, Entry, Formats};
use rollcall_core::codec::output::Constant;
use rollcall_core::record::Sink;
use rollcall_core::shard::{KeysAre, Partitioning};
use rollcall_core::{
    matching::{Counting, FailedWhen, Rules, Times},
    record::{Timestamp, millis},
};

/// The settings of one reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The object's namespace in Kubernetes; `None` if it is not given.
    pub namespace: Option<String>,
    /// The object's uid in Kubernetes; `None` outside of it.
    pub uid: Option<String>,
    /// The object's name.
    pub name: String,
    pub kafka: Kafka,
    /// Where the schemas of records are that name them.
    pub registry: Option<Registry>,
    pub expected: Expected,
    /// At least one, in the order of their topics, and for each topic in that of the object.
    pub observed: Vec<Observed>,
    pub completed: Completed,
    pub overdue_topic: String,
    /// What becomes of keys of which items failed; `None` if none can fail.
    pub failed: Option<FailedKeys>,
    /// The topic of cancelled keys; `None` if they are not reported.
    pub cancelled_topic: Option<String>,
    pub dead_letter_topic: String,
    pub deadlines: Deadlines,
    pub counting: Counting,
    /// Longest time from processing a record to committing its effects.
    pub commit_interval: Duration,
    /// How many partitions the transactions of one worker may touch in a second.
    pub commit_budget: u32,
    pub start_from: StartFrom,
    pub on_truncation: OnTruncation,
    pub output_timestamp: OutputTimestamp,
    pub partitioning: Partitioning,
    pub topics: TopicCreation,
    pub limits: Limits,
    /// Bytes that one worker may use; `None` if derived from the container's limit.
    pub memory_budget_bytes: Option<u64>,
    /// Whether each step of each record is logged.
    pub log_records: bool,
    pub tracing: Tracing,
    /// Whether processing is paused.
    pub paused: bool,
    /// How many workers Kubernetes should run.
    pub replicas: u32,
}

/// The topic of the expectations, which of its records they are, and what those hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Where it is in the object.
    pub place: String,
    pub topic: String,
    pub format: InputFormat,
    /// How record keys are written of which a part is the key.
    pub key_format: InputFormat,
    pub entry: Entry,
    /// An expectation without items completes at once.
    pub allow_empty: bool,
}

/// A topic of observations, which of its records they are, and what those hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Where it is in the object, such as `spec.observed[0]`.
    pub place: String,
    pub topic: String,
    pub format: InputFormat,
    /// How record keys are written of which a part is the key.
    pub key_format: InputFormat,
    pub entry: Entry,
}

/// The topic of the completions and the format of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    pub topic: String,
    /// The field that carries the key.
    pub key_field: String,
    /// The field that lists the items; `None` if they are not listed.
    pub items_field: Option<String>,
    /// Fields that are the same in all completions.
    pub fields: Vec<Constant>,
    pub facts: FactsSpec,
}

/// What becomes of keys of which items failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedKeys {
    pub topic: String,
    pub when: FailedWhen,
    /// Fields that are the same in all failed records.
    pub fields: Vec<Constant>,
}

/// When something happens because nothing else arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlines {
    /// From the arrival of the expectation to its report; `None` for never.
    pub overdue_after: Option<Duration>,
    /// From the last observation of a key without an expectation until it is forgotten.
    pub orphans_after: Duration,
    /// From the arrival of the expectation to its cancellation; `None` for never.
    pub expire_after: Option<Duration>,
    /// How long a finished key is remembered.
    pub memory: Duration,
}

/// How topics are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCreation {
    /// Creates missing outputs and a missing changelog; otherwise they are only checked.
    pub manage: bool,
    /// Also creates missing inputs.
    pub create_inputs: bool,
    /// Partitions if no input exists yet; `None` for the broker's default.
    pub partitions: Option<i32>,
    /// Replication factor; `None` for the broker's default.
    pub replication_factor: Option<i32>,
    /// How long the changelog keeps tombstones.
    pub changelog_delete_retention: Duration,
    pub changelog_segment_bytes: u64,
}

/// Sizes beyond which a record is a dead letter, and times beyond which its timestamp is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub row_bytes_max: usize,
    pub items_per_expectation_max: usize,
    pub key_bytes_max: usize,
    /// In milliseconds since the epoch.
    pub timestamp_min_ms: Timestamp,
    pub timestamp_ahead_max: Duration,
}

/// What is sent to a collector.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tracing {
    /// Base URL; `None` if only the command line or the environment may set one.
    pub endpoint: Option<String>,
    /// HTTP headers to send, as `name=value,name=value`.
    pub headers: Option<Secret>,
    pub keys: Keys,
}

/// Whether spans include the keys that they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    Told,
    #[default]
    Withheld,
}

impl Settings {
    /// Returns the settings that decide what a record means.
    pub fn rules(&self) -> Rules {
        let Deadlines { overdue_after, orphans_after, expire_after, memory } = self.deadlines;
        Rules {
            counting: self.counting,
            allow_empty: self.expected.allow_empty,
            failed: self.failed.as_ref().map(|failed| failed.when),
            reports_cancelled: self.cancelled_topic.is_some(),
            overdue_after_ms: overdue_after.map(millis),
            orphans_after_ms: Some(millis(orphans_after)),
            expire_after_ms: expire_after.map(millis),
            memory_ms: millis(memory),
            row_bytes_max: self.limits.row_bytes_max,
            // As large as the topic takes, which only the topic knows.
            list_bytes_max: self.completed.items_field.as_ref().map(|_| usize::MAX),
        }
    }

    /// Returns whether outputs carry anything of the records of their key.
    pub fn keeps(&self) -> bool {
        let observed = self.observed.iter().map(|observed| &observed.entry);
        observed.chain([&self.expected.entry]).any(|entry| !entry.keep.is_empty())
    }

    /// Returns whether keys are record keys or parts of them.
    pub fn keys_are(&self) -> KeysAre {
        let observed = self.observed.iter().map(|observed| &observed.entry);
        let mut entries = observed.chain([&self.expected.entry]);
        match entries.any(|entry| entry.record_key.is_some()) {
            true => KeysAre::Parts,
            false => KeysAre::RecordKeys,
        }
    }

    /// Returns the range of usable record timestamps.
    pub fn times(&self) -> Times {
        let Limits { timestamp_min_ms, timestamp_ahead_max, .. } = self.limits;
        Times { min_ms: timestamp_min_ms, ahead_max_ms: millis(timestamp_ahead_max) }
    }

    /// Returns the consumer group.
    pub fn group_id(&self) -> &str {
        &self.kafka.group_id
    }

    /// Returns the compacted topic that holds the state.
    pub fn changelog_topic(&self) -> String {
        changelog_topic(self.group_id())
    }

    /// Returns the topic whose partitions decide who owns which shard.
    pub fn lead_topic(&self) -> &str {
        &self.expected.topic
    }

    /// Returns the input topics in the order of their indices: the lead topic, then the others.
    pub fn inputs(&self) -> Vec<&str> {
        let mut inputs = vec![self.lead_topic()];
        // Observations are in the order of their topics.
        for Observed { topic, .. } in &self.observed {
            if *topic != self.expected.topic && inputs.last().is_none_or(|last| last != topic) {
                inputs.push(topic);
            }
        }
        inputs
    }

    /// Returns the entries of an input topic with their places in the object, in the order in which
    /// they take records.
    pub fn entries(&self, topic: &str) -> Vec<(&str, &Entry)> {
        let Expected { place, topic: lead, entry, .. } = &self.expected;
        let expected = (lead == topic).then_some((place.as_str(), entry));
        let observed = self.observed.iter().filter(|observed| observed.topic == topic);
        let observed = observed.map(|observed| (observed.place.as_str(), &observed.entry));
        expected.into_iter().chain(observed).collect()
    }

    /// Returns the decoder of an input topic's records, which are written in `formats`.
    pub fn decoder(&self, topic: &str, formats: Formats) -> Decoder {
        let limits = input::Limits {
            key_bytes_max: self.limits.key_bytes_max,
            items_max: self.limits.items_per_expectation_max,
        };
        let entries = self.entries(topic).into_iter().map(|(_, entry)| entry.clone());
        let entries: Vec<Entry> = entries.collect();
        let decoder = Decoder::new(&entries, self.counting, limits);
        let decoder = decoder.expect("validation has compiled the same entries");
        decoder.reading(formats.value).reading_keys(formats.key)
    }

    /// Returns the topic of a kind of output; `None` if the object has none.
    pub fn output(&self, sink: Sink) -> Option<&str> {
        match sink {
            Sink::Completed => Some(&self.completed.topic),
            Sink::Overdue => Some(&self.overdue_topic),
            Sink::DeadLetter => Some(&self.dead_letter_topic),
            Sink::Failed => self.failed.as_ref().map(|failed| failed.topic.as_str()),
            Sink::Cancelled => self.cancelled_topic.as_deref(),
        }
    }

    /// Returns the output topics, in the order of [`Sink::ALL`].
    pub fn outputs(&self) -> Vec<&str> {
        Sink::ALL.into_iter().filter_map(|sink| self.output(sink)).collect()
    }

    /// Returns a text that changes whenever the index of due rows has to be rebuilt.
    pub fn deadlines_fingerprint(&self) -> String {
        let Deadlines { overdue_after, orphans_after, expire_after, memory } = self.deadlines;
        let text =
            |after: Option<Duration>| after.map_or("-".to_owned(), |d| millis(d).to_string());
        format!(
            "overdue={} orphans={} expire={} memory={}",
            text(overdue_after),
            text(Some(orphans_after)),
            text(expire_after),
            text(Some(memory))
        )
    }
}

pub(super) fn changelog_topic(group_id: &str) -> String {
    format!("{group_id}-changelog")
}
