//! Starts a reconciliation over: finds what its changelog and its group hold, and deletes that.
//!
//! Promise: nothing is deleted while a worker runs, and wherever a reset stops, what remains is
//! either the complete state, a state on which a worker refuses to run, or nothing. Ban: inputs and
//! outputs are never touched.

use std::{collections::BTreeSet, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::Consumer,
    error::{KafkaError, RDKafkaErrorCode},
    topic_partition_list::TopicPartitionListElem,
};

use super::{
    Connection,
    admin::{Admin, TIMEOUT, options},
    context::Context,
    native, producer,
};
use rollcall_core::{
    record::ShardId,
    shard::{Error, Metadata, Result},
};

/// How long brokers may take to end transactions: their timeout, and the interval of the check.
const TRANSACTIONS_TIMEOUT: Duration = Duration::from_secs(40);

/// What a reset deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    pub cluster_id: String,
    /// `None` if there is no such topic.
    pub changelog: Option<Changelog>,
    /// The number of partitions of each input that have committed offsets, if any do.
    pub offsets: Vec<(String, usize)>,
    /// The transactional ids that may have left a transaction open.
    pub owners: BTreeSet<String>,
}

/// An existing changelog topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changelog {
    pub topic: String,
    pub partitions: i32,
    /// Includes transaction markers and records that were compacted away.
    pub records_max: i64,
}

impl Remains {
    /// Returns whether Kafka holds nothing of the reconciliation.
    pub fn is_empty(&self) -> bool {
        self.changelog.is_none() && self.offsets.is_empty()
    }
}

/// Finds what a reset would delete.
///
/// # Errors
/// [`Error::Misconfigured`] while the group has live members, which are named, or when something
/// may not be read; [`Error::Interrupted`] when Kafka does not answer.
pub fn remains(connection: &Connection, inputs: &[String]) -> Result<Remains> {
    let admin = Admin::connect(connection)?;
    let cluster_id = admin.cluster_id()?;
    admin.refuse_members(&connection.group)?;
    let counts = admin.partition_counts()?;
    let topic = connection.changelog();
    let changelog = match counts.get(&topic) {
        Some(&partitions) => Some(admin.changelog(topic, partitions)?),
        None => None,
    };
    let there = inputs.iter().filter_map(|input| Some((input.as_str(), *counts.get(input)?)));
    let there: Vec<_> = there.collect();
    let found = committed(connection, &there, "read_uncommitted", TIMEOUT)?;
    let count = |input: &str| {
        let of_input = found.elements_for_topic(input).into_iter();
        of_input.filter(|entry| matches!(entry.offset(), Offset::Offset(_))).count()
    };
    let counts = there.iter().map(|(input, _)| ((*input).to_owned(), count(input)));
    let offsets = counts.filter(|(_, partitions)| *partitions > 0).collect();
    let first = found.elements_for_topic(inputs.first().map_or("", String::as_str));
    let owners = first.iter().map(|entry| owner(connection, entry)).collect();
    Ok(Remains { cluster_id, changelog, offsets, owners })
}

/// Returns the transactional id under which a partition's offset was committed.
fn owner(connection: &Connection, entry: &TopicPartitionListElem<'_>) -> String {
    let metadata: Metadata = entry.metadata().parse().unwrap_or_default();
    let shard = ShardId(entry.partition());
    metadata.owner.unwrap_or_else(|| connection.former_transactional_id(shard))
}

/// Deletes what remains of the reconciliation in Kafka.
///
/// # Errors
/// As for [`remains`]. A reset that failed half-way is finished by the next one.
pub async fn reset(connection: &Connection, inputs: &[String], remains: &Remains) -> Result<()> {
    let admin = Admin::connect(connection)?;
    admin.refuse_members(&connection.group)?;
    // A transaction that is still open could bring offsets back. Most name their owner, and the
    // brokers end all others after a while.
    for owner in &remains.owners {
        producer::fence(connection, owner)?;
    }
    let counts = admin.partition_counts()?;
    let there = inputs.iter().filter_map(|input| Some((input.as_str(), *counts.get(input)?)));
    committed(connection, &there.collect::<Vec<_>>(), "read_committed", TRANSACTIONS_TIMEOUT)?;
    // The changelog first: offsets without it are rejected by every worker. Rows without offsets
    // would be taken for the rows of a replay.
    if let Some(changelog) = &remains.changelog {
        admin.delete_topic(&changelog.topic).await?;
    }
    admin.delete_group(&connection.group).await
}

/// Returns the offsets that are committed for the inputs.
fn committed(
    connection: &Connection,
    inputs: &[(&str, i32)],
    isolation_level: &str,
    timeout: Duration,
) -> Result<TopicPartitionList> {
    let mut config = connection.reader();
    config.set("isolation.level", isolation_level);
    let consumer = connection.consumer(&config, Context::default())?;
    let mut wanted = TopicPartitionList::new();
    for (input, partitions) in inputs {
        wanted.add_partition_range(input, 0, partitions - 1);
    }
    if inputs.is_empty() {
        return Ok(wanted);
    }
    let refused = |error: KafkaError| refusal("committed offsets", error.rdkafka_error_code());
    consumer.committed_offsets(wanted, timeout).map_err(refused)
}

impl Admin {
    fn refuse_members(&self, group: &str) -> Result<()> {
        let refused =
            |failure: native::Failure| refusal(&format!("group {group}"), Some(failure.code));
        let members = native::group_members(&self.consumer, group, TIMEOUT).map_err(refused)?;
        if members.is_empty()
            && !native::group_is_live(&self.consumer, group, TIMEOUT).map_err(refused)?
        {
            return Ok(());
        }
        let names: Vec<_> = members.iter().map(|member| format!(" {member}")).collect();
        Err(Error::Misconfigured(format!(
            "group {group} has live members:{}: stop these workers first; one that was killed \
             counts until its session has ended, after 10 s unless set otherwise",
            if names.is_empty() { " they cannot be named".to_owned() } else { names.join(",") }
        )))
    }

    fn changelog(&self, topic: String, partitions: i32) -> Result<Changelog> {
        let mut records_max = 0;
        for partition in 0..partitions {
            let watermarks = self.consumer.fetch_watermarks(&topic, partition, TIMEOUT);
            let (start, end) = watermarks
                .map_err(|error| refusal(&format!("topic {topic}"), error.rdkafka_error_code()))?;
            records_max += end - start;
        }
        Ok(Changelog { topic, partitions, records_max })
    }

    async fn delete_topic(&self, topic: &str) -> Result<()> {
        let results = self.client.delete_topics(&[topic], &options()).await;
        let first = results
            .map_err(|error| Error::Interrupted(format!("topic {topic} was not deleted: {error}")))?
            .into_iter()
            .next();
        match first {
            Some(Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition))) | None => {
                // The next worker to start must not find the old one.
                self.settled(|counts| !counts.contains_key(topic)).await.map(|_| ())
            }
            Some(Err((_, code))) => Err(refusal(&format!("deleting topic {topic}"), Some(code))),
        }
    }

    async fn delete_group(&self, group: &str) -> Result<()> {
        let results = self.client.delete_groups(&[group], &options()).await;
        let first = results
            .map_err(|error| Error::Interrupted(format!("group {group} was not deleted: {error}")))?
            .into_iter()
            .next();
        match first {
            Some(Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound))) | None => Ok(()),
            Some(Err((_, RDKafkaErrorCode::NonEmptyGroup))) => Err(Error::Misconfigured(format!(
                "a worker has joined group {group} meanwhile: stop it and reset again"
            ))),
            Some(Err((_, code))) => Err(refusal(&format!("deleting group {group}"), Some(code))),
        }
    }
}

fn refusal(what: &str, code: Option<RDKafkaErrorCode>) -> Error {
    let code = code.unwrap_or(RDKafkaErrorCode::Fail);
    match code {
        RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::GroupAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed => Error::Misconfigured(format!(
            "{what}: not authorized: {code}; see docs/operations.md for the ACLs that are needed"
        )),
        RDKafkaErrorCode::TopicDeletionDisabled => Error::Misconfigured(format!(
            "{what}: {code}: set delete.topic.enable=true at the brokers, or start over under \
             another spec.kafka.groupId"
        )),
        _ => Error::Interrupted(format!("{what}: {code}: try again")),
    }
}
