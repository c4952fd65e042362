//! Compares the limits of topics, brokers and client settings with each other and with the object.
//!
//! Promise: what passes here works. If a setting may not be read, Kafka's default is assumed.

use std::time::Duration;

use super::{
    Connection, Wanted,
    admin::Cluster,
    client::{MESSAGE_BYTES_MAX, RECORD_OVERHEAD_BYTES},
    fit::{Config, policy},
    survey::Role,
    topic_problem::{NO_ROW, TopicProblem},
};
use rollcall_object::{bounds, duration};

/// Kafka's default of a topic's `max.message.bytes`, rounded down to be safe.
const MESSAGE_BYTES_DEFAULT: usize = 1_000_000;
/// Kafka's default of `delete.retention.ms`.
const DELETE_RETENTION_DEFAULT_MS: u64 = 24 * 3_600 * 1_000;
/// Clock differences and broker outages are expected to be shorter than this.
const TIMES_LEAST_MS: u64 = 3_600 * 1_000;
/// The limit of topics that accept records of any age.
const ANY_AGE_MS: u64 = i64::MAX.unsigned_abs();
/// Settings that make topics reject records by their timestamp; the last one until Kafka 4.
const TIME_LIMITS: [&str; 3] = [
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
    "message.timestamp.difference.max.ms",
];
/// Size of an overdue record besides its key: two lists of a hundred items of 255 bytes each.
const OVERDUE_BYTES: usize = 2 * 100 * (255 + 64);
/// Room for the names of a completion's fields, its facts and its headers, if items are listed.
const LIST_BYTES: usize = 1 << 10;
/// Room for a dead letter's own headers and the beginning of its value.
const DEAD_LETTER_BYTES: usize = 4 << 10;

/// The largest record that a topic accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    pub bytes: usize,
    /// The setting that limits it.
    pub setting: &'static str,
}

impl Room {
    /// Returns the smallest of the limits of the topic, its segments and our own client.
    pub fn of(config: &Config, connection: &Connection) -> Self {
        let topic = number(config, "max.message.bytes").unwrap_or(MESSAGE_BYTES_DEFAULT);
        let ours = connection.base.get("message.max.bytes").and_then(|text| text.parse().ok());
        let limits = [
            (topic, "max.message.bytes"),
            (number(config, "segment.bytes").unwrap_or(usize::MAX), "segment.bytes"),
            (ours.unwrap_or(MESSAGE_BYTES_MAX), "message.max.bytes in spec.kafka.properties"),
        ];
        let (bytes, setting) = limits.into_iter().min().expect("there are three");
        Self { bytes, setting }
    }

    /// Returns what remains for a record's key, value and headers.
    pub fn payload(self) -> usize {
        self.bytes.saturating_sub(RECORD_OVERHEAD_BYTES)
    }
}

/// Returns how long a changelog keeps tombstones.
pub(super) fn tombstones_kept(config: &Config) -> Duration {
    Duration::from_millis(delete_retention_ms(config))
}

fn delete_retention_ms(config: &Config) -> u64 {
    number(config, "delete.retention.ms").unwrap_or(DELETE_RETENTION_DEFAULT_MS)
}

/// Returns the problems with the limits of a topic that is written to or read.
pub(super) fn of_topic(
    topic: &str,
    role: Role,
    config: &Config,
    connection: &Connection,
    wanted: &Wanted,
) -> Vec<TopicProblem> {
    if role.is_input() {
        return replay(topic, config, wanted).into_iter().collect();
    }
    let mut problems: Vec<TopicProblem> =
        records(topic, role, Room::of(config, connection), wanted);
    // Rows always have the timestamp of their commit.
    let is_old = wanted.source_times && role != Role::Changelog;
    problems.extend(TIME_LIMITS.iter().filter_map(|setting| {
        let limit_ms = number(config, setting)?;
        let of_age = *setting != "message.timestamp.after.max.ms";
        let least_ms = if is_old && of_age { ANY_AGE_MS } else { TIMES_LEAST_MS };
        let topic = topic.to_owned();
        (limit_ms < least_ms).then_some(TopicProblem::TimesLimited {
            topic,
            setting,
            limit_ms,
            least_ms,
        })
    }));
    if role == Role::Changelog {
        problems.extend(tombstones(topic, config));
    }
    problems
}

fn records(topic: &str, role: Role, room: Room, wanted: &Wanted) -> Vec<TopicProblem> {
    let key = wanted.key_bytes_max;
    let least_row = usize::try_from(bounds::ROW_BYTES.min).unwrap_or(usize::MAX);
    let carried_row = if carries(role, wanted) { 2 * least_row } else { 0 };
    // The key is also part of the value in records written as JSON.
    let (what, payload) = match role {
        Role::Changelog => (NO_ROW, key + least_row),
        Role::Completed => ("a completion", completion_bytes(wanted) + carried_row),
        Role::Overdue => ("an overdue record", report_bytes(role, wanted) + carried_row),
        Role::Failed => ("a failed record", report_bytes(role, wanted) + carried_row),
        Role::Cancelled => ("a cancelled record", report_bytes(role, wanted) + carried_row),
        Role::DeadLetter => ("a dead letter with its reason", key + DEAD_LETTER_BYTES),
        Role::Expected | Role::Observed => return Vec::new(),
    };
    let least = payload + RECORD_OVERHEAD_BYTES;
    let Room { bytes, setting } = room;
    if bytes < least {
        let topic = topic.to_owned();
        return vec![TopicProblem::RecordsTooSmall { topic, setting, bytes, what, least }];
    }
    let row_bytes = match role {
        Role::Changelog => Some(room.payload() - key),
        _ => carried_row_bytes(role, room, wanted),
    };
    if let Some(row_bytes) = row_bytes.filter(|bytes| *bytes < wanted.row_bytes_max) {
        let (topic, wanted_bytes) = (topic.to_owned(), wanted.row_bytes_max);
        return vec![TopicProblem::RowsLimited { topic, setting, bytes, row_bytes, wanted_bytes }];
    }
    Vec::new()
}

/// Returns whether a topic's records carry what a row keeps, or its items.
fn carries(role: Role, wanted: &Wanted) -> bool {
    match role {
        Role::Completed => wanted.carried.kept || wanted.carried.list,
        Role::Overdue | Role::Failed | Role::Cancelled => wanted.carried.kept,
        Role::Expected | Role::Observed | Role::DeadLetter | Role::Changelog => false,
    }
}

/// Returns the largest row of which a topic accepts what its records carry; `None` if they carry
/// nothing.
pub(super) fn carried_row_bytes(role: Role, room: Room, wanted: &Wanted) -> Option<usize> {
    let others = match role {
        Role::Completed => completion_bytes(wanted),
        _ => report_bytes(role, wanted),
    };
    let bytes = room.payload().saturating_sub(others);
    // A list takes more room in a completion than its items take in the row.
    let has_list = role == Role::Completed && wanted.carried.list;
    carries(role, wanted).then(|| if has_list { bytes / 4 * 3 } else { bytes })
}

/// Returns the size of a completion's key and value, without what is kept and listed. The key is
/// also part of the value.
pub(super) fn completion_bytes(wanted: &Wanted) -> usize {
    let list = if wanted.carried.list { LIST_BYTES } else { 0 };
    2 * wanted.key_bytes_max + wanted.carried.completed_bytes + list
}

/// Returns the size of the key and value of another output in JSON, without what is kept.
fn report_bytes(role: Role, wanted: &Wanted) -> usize {
    let constants = if role == Role::Failed { wanted.carried.failed_bytes } else { 0 };
    2 * wanted.key_bytes_max + OVERDUE_BYTES + constants
}

fn tombstones(changelog: &str, config: &Config) -> Option<TopicProblem> {
    let least_ms = millis(bounds::DELETE_RETENTION.min);
    let kept_ms = delete_retention_ms(config);
    let changelog = changelog.to_owned();
    (kept_ms < least_ms).then_some(TopicProblem::TombstonesTooShort {
        changelog,
        kept_ms,
        least_ms,
    })
}

/// An input that is not deleted within `memory` can be replayed beyond it.
fn replay(topic: &str, config: &Config, wanted: &Wanted) -> Option<TopicProblem> {
    // A size limit may delete it earlier, but at an unknown time; compaction prevents a full
    // replay.
    if policy(config).is_some_and(|policy| policy.contains("compact")) {
        return None;
    }
    let kept_ms: i64 = number(config, "retention.ms")?;
    let kept = u64::try_from(kept_ms).ok().map(Duration::from_millis);
    if kept.is_some_and(|kept| kept <= wanted.memory) {
        return None;
    }
    Some(TopicProblem::ReplayBeyondMemory {
        topic: topic.to_owned(),
        kept: kept.map_or_else(|| "for ever".to_owned(), duration::format),
        memory: duration::format(wanted.memory),
    })
}

/// Returns why the brokers would reject Rollcall's requests.
pub(super) fn of_cluster(cluster: &Cluster, connection: &Connection) -> Vec<TopicProblem> {
    let config = &cluster.config;
    let mut problems = Vec::new();
    let ours_ms = client_ms(&connection.producer("", 0, 1), "transaction.timeout.ms");
    if let (Some(ours_ms), Some(theirs_ms)) =
        (ours_ms, number(config, "transaction.max.timeout.ms"))
        && ours_ms > theirs_ms
    {
        problems.push(TopicProblem::TransactionsTooShort { ours_ms, theirs_ms });
    }
    // Under KIP-848 the client has no such setting.
    if let Some(ours_ms) = client_ms(&connection.member(), "session.timeout.ms") {
        let refuses = |setting: &'static str, is_refused: fn(u64, u64) -> bool| {
            let theirs_ms = number(config, setting)?;
            let problem = TopicProblem::SessionRefused { setting, theirs_ms, ours_ms };
            is_refused(ours_ms, theirs_ms).then_some(problem)
        };
        problems.extend(refuses("group.min.session.timeout.ms", |ours, theirs| ours < theirs));
        problems.extend(refuses("group.max.session.timeout.ms", |ours, theirs| ours > theirs));
    }
    problems
}

/// Internal topics of the brokers that groups and transactions need, each with the setting for its
/// replication factor.
pub(super) const INTERNAL: [(&str, &str); 2] = [
    ("__consumer_offsets", "offsets.topic.replication.factor"),
    ("__transaction_state", "transaction.state.log.replication.factor"),
];

/// Returns why an internal topic that does not exist yet cannot be created.
pub(super) fn of_internal(
    topic: &'static str,
    setting: &'static str,
    cluster: &Cluster,
) -> Option<TopicProblem> {
    let (needed, brokers) = (number(&cluster.config, setting)?, cluster.brokers);
    let problem = TopicProblem::InternalTopicImpossible { topic, setting, needed, brokers };
    (needed > brokers).then_some(problem)
}

/// Returns the settings that a topic gets when it is created.
pub(super) fn of_made(role: Role, cluster: &Cluster, wanted: &Wanted) -> Config {
    let names = [
        ("message.max.bytes", "max.message.bytes"),
        ("min.insync.replicas", "min.insync.replicas"),
        ("log.cleanup.policy", "cleanup.policy"),
        ("log.segment.bytes", "segment.bytes"),
        ("log.message.timestamp.before.max.ms", "message.timestamp.before.max.ms"),
        ("log.message.timestamp.after.max.ms", "message.timestamp.after.max.ms"),
    ];
    let inherited = names.into_iter().filter_map(|(broker, topic)| {
        Some((topic.to_owned(), cluster.config.get(broker)?.clone()))
    });
    let mut config: Config = inherited.collect();
    if role == Role::Changelog {
        config.extend(wanted.changelog_config.clone());
        config.insert("cleanup.policy".to_owned(), "compact".to_owned());
    }
    config
}

/// Returns the replication factor that a topic gets when it is created, if it can be known.
pub(super) fn copies_of_made(cluster: &Cluster, wanted: &Wanted) -> Option<usize> {
    let given = wanted.replication_factor.and_then(|factor| usize::try_from(factor).ok());
    given.or_else(|| number(&cluster.config, "default.replication.factor"))
}

fn client_ms(config: &rdkafka::ClientConfig, name: &str) -> Option<u64> {
    config.get(name)?.parse().ok()
}

fn number<T: std::str::FromStr>(config: &Config, name: &str) -> Option<T> {
    config.get(name)?.parse().ok()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
