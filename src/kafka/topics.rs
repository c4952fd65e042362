//! The topics of a reconciliation: created when missing and managed, checked always.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication,
    },
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{Connection, client::RECORD_OVERHEAD_BYTES, context::Context, native};
use crate::shard::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a topic that was just created may take to be seen by the broker that we ask.
const SETTLE: Duration = Duration::from_secs(20);

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
    /// How many shards there are.
    pub partitions: i32,
    pub cluster_id: String,
    pub changelog_id: String,
    /// Largest record that any topic we write to takes, in bytes.
    pub message_bytes_max: usize,
    /// Largest key and value together that the dead-letter topic takes, in bytes.
    pub dead_letter_bytes_max: usize,
    /// Largest row that the changelog takes, in bytes.
    pub row_bytes_max: usize,
    /// How long the changelog keeps tombstones.
    pub tombstones_kept: Duration,
}

/// Creates what is missing, as far as `wanted` says that topics are managed, and checks the rest.
///
/// # Errors
/// [`Error::Interrupted`] while no broker answers; [`Error::Misconfigured`] for topics that are
/// missing or do not fit together, with the remedy.
pub async fn ensure(connection: &Connection, wanted: &Wanted) -> Result<Topics> {
    let admin = Admin::connect(connection)?;
    let cluster_id = admin.cluster_id()?;
    let mut counts = admin.partition_counts()?;
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
        Some(&count) if count != partitions => {
            return Err(Error::Misconfigured(format!(
                "topic {changelog} has {count} partitions, the inputs have {partitions}: a \
                 changelog cannot be repartitioned; put the inputs back, or start over under \
                 another spec.kafka.groupId"
            )));
        }
        Some(_) => {}
    }
    let config = admin.config(&changelog).await?;
    check_policy(&changelog, &config)?;
    let row_bytes_max = bytes_max(&config).saturating_sub(RECORD_OVERHEAD_BYTES);
    let dead_letter_max = bytes_max(&admin.config(&wanted.dead_letter).await?);
    let kept_ms = config.get("delete.retention.ms").and_then(|text| text.parse().ok());
    let ids = native::topic_ids(&admin.consumer, &[&changelog], TIMEOUT)
        .map_err(|failure| Error::Interrupted(format!("topic {changelog}: {failure}")))?;
    Ok(Topics {
        inputs: wanted.inputs.clone(),
        completed: wanted.completed.clone(),
        overdue: wanted.overdue.clone(),
        dead_letter: wanted.dead_letter.clone(),
        partitions,
        cluster_id,
        changelog_id: ids.into_iter().next().unwrap_or_default(),
        message_bytes_max: bytes_max(&config).max(dead_letter_max),
        dead_letter_bytes_max: dead_letter_max.saturating_sub(RECORD_OVERHEAD_BYTES),
        row_bytes_max,
        tombstones_kept: Duration::from_millis(kept_ms.unwrap_or(86_400_000)),
    })
}

fn check_policy(changelog: &str, config: &BTreeMap<String, String>) -> Result<()> {
    match config.get("cleanup.policy").map(String::as_str) {
        Some("compact") | None => Ok(()),
        Some(policy) => Err(Error::Misconfigured(format!(
            "topic {changelog} has cleanup.policy={policy}, so rows would be lost: set \
             cleanup.policy=compact"
        ))),
    }
}

fn bytes_max(config: &BTreeMap<String, String>) -> usize {
    config.get("max.message.bytes").and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

struct Admin {
    client: AdminClient<Context>,
    consumer: BaseConsumer<Context>,
    servers: String,
}

impl Admin {
    fn connect(connection: &Connection) -> Result<Self> {
        let refused = |error: KafkaError| Error::Misconfigured(format!("kafka client: {error}"));
        let client = AdminClient::from_config_and_context(&connection.admin(), Context::default());
        let consumer = connection.reader().create_with_context(Context::default());
        let servers = connection.base.get("bootstrap.servers").unwrap_or_default().to_owned();
        Ok(Self { client: client.map_err(refused)?, consumer: consumer.map_err(refused)?, servers })
    }

    fn cluster_id(&self) -> Result<String> {
        native::cluster_id(&self.consumer, TIMEOUT).ok_or_else(|| {
            Error::Interrupted(format!(
                "no broker answers at {}: check spec.kafka.bootstrapServers and the network",
                self.servers
            ))
        })
    }

    fn partition_counts(&self) -> Result<BTreeMap<String, i32>> {
        let metadata = self.consumer.fetch_metadata(None, TIMEOUT).map_err(|error| {
            Error::Interrupted(format!("no metadata from {}: {error}", self.servers))
        })?;
        let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let count = |partitions: usize| i32::try_from(partitions).unwrap_or(i32::MAX);
        Ok(there.map(|topic| (topic.name().to_owned(), count(topic.partitions().len()))).collect())
    }

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
            *counts = self.settled(&wanted.inputs).await?;
        }
        let (first, count) = (&wanted.inputs[0], counts[&wanted.inputs[0]]);
        match wanted.inputs.iter().find(|input| counts[*input] != count) {
            None => Ok(count),
            Some(other) => Err(Error::Misconfigured(format!(
                "topics are not co-partitioned: {first} has {count} partitions, {other} has {}: \
                 a key's records would be in different shards; give both the same number of \
                 partitions and the same partitioner, by recreating the smaller one or by copying \
                 it to a topic with {} partitions",
                counts[other],
                count.max(counts[other]),
            ))),
        }
    }

    async fn settled(&self, topics: &[String]) -> Result<BTreeMap<String, i32>> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let counts = self.partition_counts()?;
            if topics.iter().all(|topic| counts.contains_key(topic)) {
                return Ok(counts);
            }
            if Instant::now() > deadline {
                return Err(Error::Interrupted("created topics do not show up".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn missing(
        &self,
        wanted: &Wanted,
        topic: &str,
        partitions: i32,
        config: &BTreeMap<String, String>,
    ) -> Result<()> {
        if !wanted.manage {
            return Err(Error::Misconfigured(format!(
                "topic {topic} does not exist: create it, or let rollcall create it with \
                 spec.topics.manage: true"
            )));
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
                self.settled(&[topic.to_owned()]).await.map(|_| ())
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | None => Ok(()),
            Some(Err((_, code))) => Err(Error::Misconfigured(format!(
                "topic {topic} could not be created: {code}: create it yourself, or mend \
                 spec.topics (partitions, replicationFactor) or the ACLs"
            ))),
        }
    }

    async fn config(&self, topic: &str) -> Result<BTreeMap<String, String>> {
        let wanted = [ResourceSpecifier::Topic(topic)];
        let failed = |error: String| Error::Interrupted(format!("topic {topic}: {error}"));
        let results = self.client.describe_configs(&wanted, &options()).await;
        let first = results.map_err(|error| failed(error.to_string()))?.into_iter().next();
        match first {
            Some(Ok(resource)) => Ok(resource
                .entries
                .into_iter()
                .filter_map(|ConfigEntry { name, value, .. }| Some((name, value?)))
                .collect()),
            // Not all are allowed to read settings; then the defaults are assumed.
            Some(Err(RDKafkaErrorCode::TopicAuthorizationFailed)) => Ok(BTreeMap::new()),
            Some(Err(code)) => Err(failed(code.to_string())),
            None => Err(failed("no answer".to_owned())),
        }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}
