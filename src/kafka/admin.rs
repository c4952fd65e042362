//! Queries and changes of the cluster's topics and groups.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigEntry, ConfigResourceResult, ResourceSpecifier},
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    metadata::MetadataTopic,
};

use super::{
    Connection, TokenClient, context::Context, limits, native, topic_error::TopicError,
    topic_problem::TopicProblem,
};
use rollcall_core::shard::{Error, Result};

pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a change of topics may take to reach the broker that we ask.
pub(super) const SETTLE: Duration = Duration::from_secs(20);
/// How long to wait for a client to report why a broker could not be reached.
const CAUSE_WAIT: Duration = Duration::from_millis(400);
pub(super) const SETTLE_PAUSE: Duration = Duration::from_millis(100);

/// One client for queries and one for changes.
pub(super) struct Admin {
    pub(super) client: TokenClient<AdminClient<Context>>,
    pub(super) consumer: TokenClient<BaseConsumer<Context>>,
    servers: String,
}

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    /// Identifies the incarnation of the topic.
    pub id: String,
    pub partitions: i32,
    /// Replication factor of the partition with the fewest replicas.
    pub replication: usize,
    /// Partitions without a leader, which cannot be read or written now.
    pub leaderless: Vec<i32>,
}

/// The cluster's answer to a query about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    There(Described),
    Missing,
    /// We are not allowed to describe it; it may not exist either.
    Forbidden,
}

/// The cluster as one of its brokers describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cluster {
    /// The number of brokers.
    pub brokers: usize,
    /// The settings of the broker that was asked; empty when we may not read them.
    pub config: BTreeMap<String, String>,
}

impl Admin {
    pub(super) fn connect(connection: &Connection) -> std::result::Result<Self, TopicError> {
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

    /// Names the cause if the brokers have reported one: librdkafka's calls only say that there was
    /// no answer.
    pub(super) fn judge(&self, unfit: TopicError) -> TopicError {
        if !matches!(unfit.error, Error::Interrupted(_)) {
            return unfit;
        }
        // Delivers the client's reports to its context; there is no subscription. The call that
        // failed may return a moment before the client reports why.
        let context = self.consumer.client().context();
        let deadline = Instant::now() + CAUSE_WAIT;
        while context.last_refusal().is_none() && Instant::now() < deadline {
            self.consumer.poll(CAUSE_WAIT / 20);
        }
        let told = context.last_refusal();
        let refusal = told.and_then(|(code, text)| TopicError::refusal(code, &self.servers, &text));
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

    /// Returns what the brokers say about themselves; `topic` is described in the same requests.
    pub(super) async fn cluster(&self, topic: &str) -> Result<Cluster> {
        let metadata = self.consumer.fetch_metadata(Some(topic), TIMEOUT);
        let metadata = metadata.map_err(|error| self.unanswered(&error))?;
        let brokers = metadata.brokers();
        // The one that has just answered, unless its id is not known yet.
        let answered = brokers.iter().find(|broker| broker.id() == metadata.orig_broker_id());
        let config = match answered.or(brokers.first()) {
            Some(broker) => self.broker_config(broker.id()).await?,
            None => BTreeMap::new(),
        };
        Ok(Cluster { brokers: brokers.len(), config })
    }

    /// Returns the problems with topics that the brokers need for groups and transactions, which
    /// are missing and cannot be created.
    pub(super) fn internal(&self, cluster: &Cluster) -> Result<Vec<TopicProblem>> {
        let topics = limits::INTERNAL.map(|(topic, _)| topic);
        let answers = self.ask(&topics)?.into_iter().zip(limits::INTERNAL);
        let missing = answers.filter(|(answer, _)| *answer == Answer::Missing);
        let problem = |(_, (topic, setting))| limits::of_internal(topic, setting, cluster);
        Ok(missing.filter_map(problem).collect())
    }

    /// Returns the names of all topics visible to us.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        Ok(self.partition_counts()?.into_keys().collect())
    }

    /// Returns the number of partitions of each topic that exists and is visible to us.
    pub(super) fn partition_counts(&self) -> Result<BTreeMap<String, i32>> {
        let metadata = self.consumer.fetch_metadata(None, TIMEOUT);
        let metadata = metadata.map_err(|error| self.unanswered(&error))?;
        let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let count = |topic: &MetadataTopic| {
            let partitions = i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX);
            (topic.name().to_owned(), partitions)
        };
        Ok(there.map(count).collect())
    }

    fn unanswered(&self, error: &impl fmt::Display) -> Error {
        Error::Interrupted(format!(
            "no broker answers at {}: {error}: check spec.kafka.bootstrapServers and the network",
            self.servers
        ))
    }

    /// Describes topics; the answers are in the order of `topics`.
    pub(super) fn ask(&self, topics: &[&str]) -> Result<Vec<Answer>> {
        let described = native::describe(&self.consumer, topics, TIMEOUT);
        let described = described.map_err(|failure| self.unanswered(&failure))?;
        described
            .into_iter()
            .zip(topics)
            .map(|(described, topic)| answer(described, topic))
            .collect()
    }

    /// Waits until a change of topics is visible, and returns the partition counts of all topics.
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

    /// Returns the settings of existing topics, in their order; empty for a topic whose settings we
    /// may not read.
    pub(super) async fn configs(&self, topics: &[&str]) -> Result<Vec<BTreeMap<String, String>>> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
        let results = self.client.describe_configs(&wanted, &options()).await;
        let failed = |error: String| Error::Interrupted(format!("settings of topics: {error}"));
        let results = results.map_err(|error| failed(error.to_string()))?;
        if results.len() != topics.len() {
            return Err(failed("no answer".to_owned()));
        }
        let config = |(result, topic): (ConfigResourceResult, &&str)| match result {
            Ok(resource) => Ok(settings(resource.entries)),
            // Not every client may read settings; the defaults are assumed then.
            Err(RDKafkaErrorCode::TopicAuthorizationFailed) => Ok(BTreeMap::new()),
            Err(code) => Err(Error::Interrupted(format!("topic {topic}: {code}"))),
        };
        results.into_iter().zip(topics).map(config).collect()
    }

    /// Returns the settings of a broker; empty when we may not read them, as in many managed
    /// clusters. Brokers that do not answer are an error: what they allow is not known then, which
    /// is no reason to say that a problem is gone.
    async fn broker_config(&self, broker: i32) -> Result<BTreeMap<String, String>> {
        let wanted = [ResourceSpecifier::Broker(broker)];
        match self.client.describe_configs(&wanted, &options()).await {
            Ok(results) => {
                let resource = results.into_iter().next().and_then(std::result::Result::ok);
                Ok(resource.map(|resource| settings(resource.entries)).unwrap_or_default())
            }
            // Brokers of an API without this request.
            Err(error)
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnsupportedFeature) =>
            {
                Ok(BTreeMap::new())
            }
            Err(error) => Err(self.unanswered(&error)),
        }
    }
}

fn answer(
    described: std::result::Result<native::Description, native::Failure>,
    topic: &str,
) -> Result<Answer> {
    match described {
        Ok(native::Description { id, partitions }) => {
            let leaderless = partitions.iter().filter(|partition| !partition.has_leader);
            let copies = partitions.iter().map(|partition| partition.replicas).min();
            Ok(Answer::There(Described {
                id,
                partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
                replication: copies.unwrap_or_default(),
                leaderless: leaderless.map(|partition| partition.number).collect(),
            }))
        }
        Err(failure) => match failure.code {
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => {
                Ok(Answer::Missing)
            }
            RDKafkaErrorCode::TopicAuthorizationFailed => Ok(Answer::Forbidden),
            _ => Err(Error::Interrupted(format!("topic {topic}: {failure}"))),
        },
    }
}

fn settings(entries: Vec<ConfigEntry>) -> BTreeMap<String, String> {
    entries.into_iter().filter_map(|ConfigEntry { name, value, .. }| Some((name, value?))).collect()
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}
