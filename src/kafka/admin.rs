//! Asking the cluster about topics and groups, and changing them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigEntry, ResourceSpecifier},
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::MetadataPartition,
};

use super::{Connection, Kept, context::Context, native, unfit::Unfit};
use crate::shard::{Error, Result};

pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a change of topics may take to be seen by the broker that we ask.
const SETTLE: Duration = Duration::from_secs(20);
/// How long a client is given to tell why a broker was not reached.
const CAUSE_WAIT: Duration = Duration::from_millis(400);
const SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// A client for questions, and one for changes.
pub(super) struct Admin {
    pub(super) client: Kept<AdminClient<Context>>,
    pub(super) consumer: Kept<BaseConsumer<Context>>,
    servers: String,
}

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    pub partitions: i32,
    /// Copies of the partition that has the fewest.
    pub replication: usize,
    /// Partitions that nobody can read or write now.
    pub leaderless: Vec<i32>,
}

impl Admin {
    pub(super) fn connect(connection: &Connection) -> std::result::Result<Self, Unfit> {
        let refused = |error: KafkaError| Error::Misconfigured(format!("kafka client: {error}"));
        let context = Context::default();
        let client = AdminClient::from_config_and_context(&connection.admin(), context.sibling());
        let client = client.map_err(refused)?;
        native::lead_logs(&client);
        let client = connection.login.keep(client)?;
        let consumer = connection.consumer(&connection.reader(), context)?;
        let servers = connection.base.get("bootstrap.servers").unwrap_or_default().to_owned();
        Ok(Self { client, consumer, servers })
    }

    /// Names the cause where the brokers have told one: librdkafka's calls only say that there was
    /// no answer.
    pub(super) fn judge(&self, unfit: Unfit) -> Unfit {
        if !matches!(unfit.error, Error::Interrupted(_)) {
            return unfit;
        }
        // Serves what the client has to tell its context; nothing is subscribed to. The call that
        // failed may return a moment before the client tells why.
        let context = self.consumer.client().context();
        let deadline = Instant::now() + CAUSE_WAIT;
        while context.last_refusal().is_none() && Instant::now() < deadline {
            self.consumer.poll(CAUSE_WAIT / 20);
        }
        let told = context.last_refusal();
        let refusal = told.and_then(|(code, text)| Unfit::refusal(code, &self.servers, &text));
        refusal.unwrap_or(unfit)
    }

    pub(super) fn cluster_id(&self) -> Result<String> {
        native::cluster_id(&self.consumer, TIMEOUT).ok_or_else(|| {
            Error::Interrupted(format!(
                "no broker answers at {}: check spec.kafka.bootstrapServers and the network",
                self.servers
            ))
        })
    }

    /// Returns all topics that are there and may be seen.
    pub(super) fn topics(&self) -> Result<BTreeMap<String, Described>> {
        let metadata = self.consumer.fetch_metadata(None, TIMEOUT).map_err(|error| {
            Error::Interrupted(format!(
                "no broker answers at {}: {error}: check spec.kafka.bootstrapServers and the \
                 network",
                self.servers
            ))
        })?;
        let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let described = there.map(|topic| {
            let partitions = topic.partitions();
            let copies = partitions.iter().map(|partition| partition.replicas().len()).min();
            let leaderless = partitions.iter().filter(|partition| partition.leader() < 0);
            let described = Described {
                partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
                replication: copies.unwrap_or_default(),
                leaderless: leaderless.map(MetadataPartition::id).collect(),
            };
            (topic.name().to_owned(), described)
        });
        Ok(described.collect())
    }

    pub(super) fn partition_counts(&self) -> Result<BTreeMap<String, i32>> {
        let topics = self.topics()?.into_iter();
        Ok(topics.map(|(name, described)| (name, described.partitions)).collect())
    }

    /// Waits until a change of topics is seen, and returns the partitions of all.
    pub(super) async fn settled(
        &self,
        is_settled: impl Fn(&BTreeMap<String, i32>) -> bool,
    ) -> Result<BTreeMap<String, i32>> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let counts = self.partition_counts()?;
            if is_settled(&counts) {
                return Ok(counts);
            }
            if Instant::now() > deadline {
                return Err(Error::Interrupted(
                    "changed topics are not seen as they should be: try again".to_owned(),
                ));
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    /// Returns a topic's settings; none when they may not be read.
    pub(super) async fn config(&self, topic: &str) -> Result<BTreeMap<String, String>> {
        let wanted = [ResourceSpecifier::Topic(topic)];
        let failed = |error: String| Error::Interrupted(format!("topic {topic}: {error}"));
        let results = self.client.describe_configs(&wanted, &options()).await;
        let first = results.map_err(|error| failed(error.to_string()))?.into_iter().next();
        match first {
            Some(Ok(resource)) => Ok(settings(resource.entries)),
            // Not all are allowed to read settings; then the defaults are assumed.
            Some(Err(RDKafkaErrorCode::TopicAuthorizationFailed)) => Ok(BTreeMap::new()),
            Some(Err(code)) => Err(failed(code.to_string())),
            None => Err(failed("no answer".to_owned())),
        }
    }

    /// Returns the settings of one of the brokers, those that it does not share with the others
    /// too; none when they may not be read, as in many managed clusters.
    ///
    /// The broker is the one that answers about `topic`.
    pub(super) async fn broker_config(&self, topic: &str) -> BTreeMap<String, String> {
        let metadata = self.consumer.fetch_metadata(Some(topic), TIMEOUT);
        let Ok(broker) = metadata.map(|metadata| metadata.orig_broker_id()) else {
            return BTreeMap::new();
        };
        let wanted = [ResourceSpecifier::Broker(broker)];
        let results = self.client.describe_configs(&wanted, &options()).await;
        match results.map(|results| results.into_iter().next()) {
            Ok(Some(Ok(resource))) => settings(resource.entries),
            Ok(Some(Err(_)) | None) | Err(_) => BTreeMap::new(),
        }
    }
}

fn settings(entries: Vec<ConfigEntry>) -> BTreeMap<String, String> {
    entries.into_iter().filter_map(|ConfigEntry { name, value, .. }| Some((name, value?))).collect()
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}
