//! Possible problems with a reconciliation's topics: one text, with the remedy, for the worker that
//! refuses to start and for a check before the start.

use super::survey::Role;

/// What a changelog must accept at least.
pub(super) const NO_ROW: &str = "the smallest state of a key";

/// A problem with a topic, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicProblem {
    #[error("{}", missing(.topic, *.role, .near.as_deref()))]
    Missing {
        topic: String,
        role: Role,
        /// The name of a topic that may have been meant.
        near: Option<String>,
    },
    #[error(
        "topic {topic} does not exist, or may not be described: check its name, and grant what \
         docs/operations.md lists under Permissions"
    )]
    Forbidden { topic: String },
    #[error(
        "topics are not co-partitioned: {first} has {count} partitions, {other} has \
         {other_count}: a key's records would be in different shards; give both the same number \
         of partitions and the same partitioner, by recreating the smaller one or by copying it \
         to a topic with {} partitions", count.max(other_count)
    )]
    NotCoPartitioned { first: String, count: i32, other: String, other_count: i32 },
    #[error(
        "topic {changelog} has {count} partitions, the inputs have {partitions}: a changelog \
         cannot be repartitioned; put the inputs back, or start over under another \
         spec.kafka.groupId"
    )]
    Repartitioned { changelog: String, count: i32, partitions: i32 },
    #[error(
        "topic {changelog} has cleanup.policy={policy}, so rows would be lost: set \
         cleanup.policy=compact"
    )]
    ChangelogNotCompacted { changelog: String, policy: String },
    #[error(
        "topic {topic} has cleanup.policy={policy}, which refuses dead letters without a key: set \
         cleanup.policy=delete"
    )]
    DeadLettersCompacted { topic: String, policy: String },
    #[error(
        "topic {topic} has cleanup.policy={policy}, which keeps only the last observation of each \
         key, so keys may never complete: set cleanup.policy=delete"
    )]
    ObservationsCompacted { topic: String, policy: String },
    #[error(
        "topic {topic} has {replication} copies of a partition and min.insync.replicas={needed}, \
         so nothing can be written: add replicas, or lower min.insync.replicas"
    )]
    TooFewReplicas { topic: String, replication: usize, needed: usize },
    #[error(
        "topic {topic} has no leader for its partitions {}: start the brokers that have them",
        list(.partitions)
    )]
    Leaderless { topic: String, partitions: Vec<i32> },
    #[error(
        "topic {topic} would be created with {replication} copies of a partition, and there are \
         {brokers} brokers: set spec.topics.replicationFactor to at most {brokers}, or create it \
         yourself"
    )]
    TooFewBrokers { topic: String, replication: usize, brokers: usize },
    #[error(
        "topic {changelog} has delete.retention.ms={kept_ms}, within which neither a restart nor a \
         restore can be relied on: set it to {least_ms} or more (as \
         spec.topics.changelog.deleteRetention, 1d by default, does for a new one)"
    )]
    TombstonesTooShort { changelog: String, kept_ms: u64, least_ms: u64 },
    #[error(
        "topic {topic} has {setting}={bytes}, and {what} may take {least} bytes: raise it to \
         {least} or more"
    )]
    RecordsTooSmall {
        topic: String,
        setting: &'static str,
        bytes: usize,
        /// What would not fit.
        what: &'static str,
        least: usize,
    },
    #[error(
        "topic {topic} has {setting}={bytes}, so a key's state is limited to {row_bytes} \
         bytes, not to spec.limits.rowBytes ({wanted_bytes}): raise {setting}, or lower \
         spec.limits.rowBytes"
    )]
    RowsLimited {
        topic: String,
        setting: &'static str,
        bytes: usize,
        row_bytes: usize,
        wanted_bytes: usize,
    },
    #[error(
        "topic {topic} has {setting}={limit_ms}, so it refuses records when clocks differ or a \
         broker was away for longer: set it to {least_ms} or more"
    )]
    TimesLimited { topic: String, setting: &'static str, limit_ms: u64, least_ms: u64 },
    #[error(
        "topic {topic} keeps records for longer ({kept}) than finished keys are remembered \
         (spec.memory: {memory}): if it is read again from its beginning, keys that were forgotten \
         complete again; give spec.memory the longest replay that you may need"
    )]
    ReplayBeyondMemory { topic: String, kept: String, memory: String },
    #[error(
        "the brokers have transaction.max.timeout.ms={theirs_ms}, and Rollcall's transactions have \
         {ours_ms}: raise it to {ours_ms} or more"
    )]
    TransactionsTooShort { ours_ms: u64, theirs_ms: u64 },
    #[error(
        "the brokers have {setting}={theirs_ms}, and members of this group have \
         session.timeout.ms={ours_ms}: change either, ours in spec.kafka.properties"
    )]
    SessionRefused { setting: &'static str, theirs_ms: u64, ours_ms: u64 },
    #[error(
        "topic {topic} of the brokers does not exist yet and cannot be made: {setting}={needed}, \
         and there are {brokers} brokers: start the others, or lower {setting} in the brokers' \
         configuration"
    )]
    InternalTopicImpossible {
        topic: &'static str,
        setting: &'static str,
        needed: usize,
        brokers: usize,
    },
    #[error("{}", deleted(.topic, *.role))]
    Deleted { topic: String, role: Role },
    #[error("{}", recreated(.topic, *.role))]
    Recreated { topic: String, role: Role, id: String },
    #[error(
        "the inputs ({first} and all others) have {count} partitions, and had {started_with} when \
         this worker started: keys are in other partitions than their rows from then on, and \
         nothing is read from the new ones; Kafka cannot take partitions away, so recreate the \
         inputs with {started_with} and send again what was sent since, or start over under \
         another spec.kafka.groupId"
    )]
    Grown { first: String, count: i32, started_with: i32 },
    #[error(
        "topic {topic}: {setting} was lowered while this worker runs, which goes by the value that \
         it found at its start: raise it again, or restart the workers"
    )]
    Lowered { topic: String, setting: &'static str },
}

/// The effect of a problem on a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// It does not start.
    Refuses,
    /// It runs, but somebody has to check.
    Degrades,
    /// It runs normally; somebody may want to know.
    Advises,
}

impl TopicProblem {
    /// Returns the effect of the problem on a worker.
    pub fn gravity(&self) -> Gravity {
        match self {
            Self::Missing { .. }
            | Self::Forbidden { .. }
            | Self::NotCoPartitioned { .. }
            | Self::Repartitioned { .. }
            | Self::ChangelogNotCompacted { .. }
            | Self::DeadLettersCompacted { .. }
            | Self::TooFewBrokers { .. }
            | Self::TombstonesTooShort { .. } => Gravity::Refuses,
            Self::RecordsTooSmall { what, .. } if *what == NO_ROW => Gravity::Refuses,
            Self::ObservationsCompacted { .. }
            | Self::TooFewReplicas { .. }
            | Self::Leaderless { .. }
            | Self::RecordsTooSmall { .. }
            | Self::TimesLimited { .. }
            | Self::InternalTopicImpossible { .. }
            | Self::TransactionsTooShort { .. }
            | Self::SessionRefused { .. }
            | Self::Deleted { .. }
            | Self::Recreated { .. }
            | Self::Grown { .. }
            | Self::Lowered { .. } => Gravity::Degrades,
            Self::RowsLimited { .. } | Self::ReplayBeyondMemory { .. } => Gravity::Advises,
        }
    }

    /// Returns the problem as one word, for conditions and responses.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "TopicMissing",
            Self::Forbidden { .. } => "Unauthorized",
            Self::NotCoPartitioned { .. } => "TopicsNotCoPartitioned",
            Self::Repartitioned { .. } => "ChangelogRepartitioned",
            Self::ChangelogNotCompacted { .. } => "ChangelogNotCompacted",
            Self::DeadLettersCompacted { .. } => "DeadLettersCompacted",
            Self::ObservationsCompacted { .. } => "ObservationsCompacted",
            Self::TooFewReplicas { .. } => "TooFewReplicas",
            Self::Leaderless { .. } => "PartitionsLeaderless",
            Self::TooFewBrokers { .. } => "TooFewBrokers",
            Self::TombstonesTooShort { .. } => "TombstonesTooShort",
            Self::RecordsTooSmall { .. } | Self::RowsLimited { .. } => "TopicLimitTooSmall",
            Self::TimesLimited { .. } => "TopicTimesLimited",
            Self::ReplayBeyondMemory { .. } => "ReplayBeyondMemory",
            Self::TransactionsTooShort { .. } => "TransactionTimeoutRefused",
            Self::SessionRefused { .. } => "SessionTimeoutRefused",
            Self::InternalTopicImpossible { .. } => "InternalTopicImpossible",
            Self::Deleted { .. } => "TopicDeleted",
            Self::Recreated { .. } => "TopicRecreated",
            Self::Grown { .. } => "TopicsRepartitioned",
            Self::Lowered { .. } => "TopicLimitLowered",
        }
    }
}

fn missing(topic: &str, role: Role, near: Option<&str>) -> String {
    let meant = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let field = role.field();
    if role.is_input() {
        return format!(
            "topic {topic} ({field}) does not exist{meant}: correct its name, or create it with as \
             many partitions as the other inputs; Rollcall makes inputs only with \
             spec.topics.createInputs: true or `rollcall topics --create-inputs`"
        );
    }
    format!(
        "topic {topic} ({field}) does not exist{meant}: create it, or let Rollcall create it with \
         spec.topics.manage: true or `rollcall topics --create`"
    )
}

fn deleted(topic: &str, role: Role) -> String {
    let field = role.field();
    let remedy = match role {
        Role::Expected | Role::Observed => {
            "what it held and was not read is lost: create it again with as many partitions as the \
             other inputs, or correct the object"
        }
        Role::Completed | Role::Overdue | Role::DeadLetter | Role::Failed | Role::Cancelled => {
            "what is to go there waits: create it again, as `rollcall topics --create` does"
        }
        Role::Changelog => {
            "the state is only in memory and on the workers' disks: restore it from a backup, or \
             accept that open keys are lost and start over with `rollcall reset`"
        }
    };
    format!("topic {topic} ({field}) was deleted while this worker runs; {remedy}")
}

fn recreated(topic: &str, role: Role) -> String {
    let field = role.field();
    let remedy = match role {
        Role::Changelog => {
            "restore the one that was there from a backup, or accept that open keys are lost and \
             start over with `rollcall reset`"
        }
        _ => {
            "offsets in it mean other records than those that were read: restart the workers, so \
             that every shard stops, or goes on with its beginning, as spec.onTruncation says"
        }
    };
    format!(
        "topic {topic} ({field}) was deleted and created again while this worker runs; {remedy}"
    )
}

fn list(partitions: &[i32]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
