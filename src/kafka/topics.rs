//! The topics of a reconciliation: created when missing and managed, checked always.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{NewTopic, TopicReplication},
    error::RDKafkaErrorCode,
};

use super::{
    Connection,
    admin::{Admin, TIMEOUT, options},
    client::RECORD_OVERHEAD_BYTES,
    flaw::{self, Flaw},
    native,
    unfit::Unfit,
};
use crate::shard::Error;

/// The brokers' setting for how long they keep offsets that nobody renews.
const OFFSETS_RETENTION: &str = "offsets.retention.minutes";

type Result<T> = std::result::Result<T, Unfit>;

/// The topics that a reconciliation wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The expected topic, then the observed ones.
    pub inputs: Vec<String>,
    pub completed: String,
    pub overdue: String,
    pub dead_letter: String,
    pub manage: bool,
    /// For topics that are created; `None` takes the inputs' number, or one that the cluster
    /// chooses.
    pub partitions: Option<i32>,
    /// `None` takes the cluster's default.
    pub replication_factor: Option<i32>,
    /// Settings of a changelog that is created, beside `cleanup.policy`.
    pub changelog_config: BTreeMap<String, String>,
}

/// The topics as they are there, checked.
#[derive(Debug, Clone)]
pub struct Topics {
    pub inputs: Vec<String>,
    pub completed: String,
    pub overdue: String,
    pub dead_letter: String,
    /// How many partitions the completed topic has.
    pub completed_partitions: i32,
    /// How many shards there are.
    pub partitions: i32,
    pub cluster_id: String,
    pub changelog_id: String,
    /// Topic ids of `inputs`, in their order: a recreated topic has another one.
    pub input_ids: Vec<String>,
    /// Largest record that any topic we write to takes, in bytes.
    pub message_bytes_max: usize,
    /// Largest batch of records that every topic we write to takes, in bytes.
    pub batch_bytes_max: usize,
    /// Largest key and value together that the dead-letter topic takes, in bytes.
    pub dead_letter_bytes_max: usize,
    /// Largest row that the changelog takes, in bytes.
    pub row_bytes_max: usize,
    /// How long the changelog keeps tombstones.
    pub tombstones_kept: Duration,
    /// How long the brokers keep offsets of topics that no member subscribes to; `None` when that
    /// may not be read.
    pub offsets_retention: Option<Duration>,
}

/// Creates what is missing, as far as `wanted` says that topics are managed, and checks the rest.
///
/// # Errors
/// [`Error::Interrupted`] while no broker answers; [`Error::Misconfigured`] for topics that are
/// missing or do not fit together, with the remedy.
pub async fn ensure(connection: &Connection, wanted: &Wanted) -> Result<Topics> {
    let admin = Admin::connect(connection)?;
    prepare(&admin, connection, wanted).await.map_err(|unfit| admin.judge(unfit))
}

async fn prepare(admin: &Admin, connection: &Connection, wanted: &Wanted) -> Result<Topics> {
    let mut counts = admin.partition_counts()?;
    // After the metadata, which brings it; asked first, librdkafka waits a second for it.
    let cluster_id = admin.cluster_id()?;
    let partitions = admin.inputs(&mut counts, wanted).await?;
    let changelog = connection.changelog();
    let outputs = [&wanted.completed, &wanted.overdue, &wanted.dead_letter];
    for output in outputs {
        if !counts.contains_key(output) {
            admin.missing(wanted, output, partitions, &BTreeMap::new()).await?;
        }
    }
    match counts.get(&changelog) {
        None => {
            let mut config = wanted.changelog_config.clone();
            config.insert("cleanup.policy".to_owned(), "compact".to_owned());
            admin.missing(wanted, &changelog, partitions, &config).await?;
        }
        Some(&count) => flaw::check_sharding(&changelog, count, partitions)?,
    }
    let config = admin.config(&changelog).await?;
    flaw::check_changelog(&changelog, &config)?;
    // What the client may not send is refused by itself, whatever the topics take.
    let sent_max = connection.message_bytes_max().unwrap_or(usize::MAX);
    let row_bytes_max = bytes_max(&config).min(sent_max).saturating_sub(RECORD_OVERHEAD_BYTES);
    let dead_letter_config = admin.config(&wanted.dead_letter).await?;
    flaw::check_dead_letters(&wanted.dead_letter, &dead_letter_config)?;
    let dead_letter_max = bytes_max(&dead_letter_config);
    let mut batch_bytes_max = bytes_max(&config).min(dead_letter_max);
    for output in [&wanted.completed, &wanted.overdue] {
        batch_bytes_max = batch_bytes_max.min(bytes_max(&admin.config(output).await?));
    }
    let kept_ms = config.get("delete.retention.ms").and_then(|text| text.parse().ok());
    let (input_ids, changelog_id) = admin.ids(&wanted.inputs, &changelog)?;
    let broker_config = admin.broker_config(&changelog).await;
    let offsets_retention = broker_config.get(OFFSETS_RETENTION).and_then(minutes);
    Ok(Topics {
        inputs: wanted.inputs.clone(),
        completed: wanted.completed.clone(),
        completed_partitions: counts.get(&wanted.completed).copied().unwrap_or(partitions),
        overdue: wanted.overdue.clone(),
        dead_letter: wanted.dead_letter.clone(),
        partitions,
        cluster_id,
        changelog_id,
        input_ids,
        message_bytes_max: bytes_max(&config).max(dead_letter_max),
        batch_bytes_max,
        dead_letter_bytes_max: dead_letter_max.min(sent_max).saturating_sub(RECORD_OVERHEAD_BYTES),
        row_bytes_max,
        tombstones_kept: Duration::from_millis(kept_ms.unwrap_or(86_400_000)),
        offsets_retention,
    })
}

fn minutes(text: &String) -> Option<Duration> {
    Some(Duration::from_secs(text.parse::<u64>().ok()?.saturating_mul(60)))
}

fn bytes_max(config: &BTreeMap<String, String>) -> usize {
    config.get("max.message.bytes").and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

impl Admin {
    /// Makes sure that all inputs are there with one number of partitions, and returns it.
    async fn inputs(&self, counts: &mut BTreeMap<String, i32>, wanted: &Wanted) -> Result<i32> {
        let existing = wanted.inputs.iter().find_map(|input| counts.get(input).copied());
        let partitions = existing.or(wanted.partitions).unwrap_or(-1);
        for input in &wanted.inputs {
            if !counts.contains_key(input) {
                self.missing(wanted, input, partitions, &BTreeMap::new()).await?;
            }
        }
        if wanted.inputs.iter().any(|input| !counts.contains_key(input)) {
            let all = |counts: &BTreeMap<String, i32>| {
                wanted.inputs.iter().all(|input| counts.contains_key(input))
            };
            *counts = self.settled(all).await?;
        }
        flaw::check_co_partitioned(&wanted.inputs, counts)?;
        Ok(counts[&wanted.inputs[0]])
    }

    /// Returns the ids of the inputs, in their order, and of the changelog.
    fn ids(&self, inputs: &[String], changelog: &str) -> Result<(Vec<String>, String)> {
        let all: Vec<&str> = inputs.iter().map(String::as_str).chain([changelog]).collect();
        let mut ids = native::topic_ids(&self.consumer, &all, TIMEOUT)
            .map_err(|failure| Error::Interrupted(failure.to_string()))?;
        let changelog_id = ids.pop().unwrap_or_default();
        Ok((ids, changelog_id))
    }

    async fn missing(
        &self,
        wanted: &Wanted,
        topic: &str,
        partitions: i32,
        config: &BTreeMap<String, String>,
    ) -> Result<()> {
        if !wanted.manage {
            return Err(Flaw::Missing { topic: topic.to_owned() }.into());
        }
        let replication = TopicReplication::Fixed(wanted.replication_factor.unwrap_or(-1));
        let mut new = NewTopic::new(topic, partitions, replication);
        for (name, value) in config {
            new = new.set(name, value);
        }
        let results = self.client.create_topics([&new], &options()).await;
        let result = results
            .map_err(|error| Error::Interrupted(format!("topic {topic} was not created: {error}")))?
            .into_iter()
            .next();
        match result {
            Some(Ok(_)) => {
                tracing::info!(topic, partitions, "created topic");
                self.settled(|counts| counts.contains_key(topic)).await?;
                Ok(())
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | None => Ok(()),
            Some(Err((_, code))) => Err(Unfit {
                reason: match code {
                    RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::ClusterAuthorizationFailed => "Unauthorized",
                    _ => "TopicNotCreated",
                },
                error: Error::Misconfigured(format!(
                    "topic {topic} could not be created: {code}: create it yourself, or mend \
                     spec.topics (partitions, replicationFactor) or the ACLs"
                )),
            }),
        }
    }
}
