//! How to reach Kafka, and the names of the topics there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::warn;

use super::quiet::Quiet;
use super::stop::Stop;
use super::{Error, Result};
use rollcall_core::record::Sink;
use rollcall_kafka::{Login, Native, TokenClient};
use rollcall_object::Settings;

const METADATA_TIMEOUT: Duration = Duration::from_secs(2);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// How to reach Kafka: the brokers themselves, or the object that names them.
#[derive(Debug, Clone, clap::Args)]
pub struct Connection {
    /// Kafka brokers, as host:port, separated by commas
    #[arg(long, env = "ROLLCALL_BOOTSTRAP_SERVERS", default_value = "localhost:9092")]
    pub bootstrap_servers: String,
    /// Reconciliation whose brokers and topics to use instead
    #[arg(short, long, conflicts_with = "bootstrap_servers")]
    pub file: Option<PathBuf>,
    /// Topic of the orders [default: orders]
    #[arg(long)]
    pub orders_topic: Option<String>,
    /// Topic of the products made [default: manufactured]
    #[arg(long)]
    pub manufactured_topic: Option<String>,
}

/// A Kafka cluster and the order example's topics in it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Settings that every client shares; this is not a client yet.
    pub client: ClientConfig,
    /// Tokens, if clients log in with tokens.
    login: Login,
    pub topics: TopicNames,
    bootstrap_servers: String,
}

/// The names of a reconciliation's topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicNames {
    pub orders: String,
    pub manufactured: String,
    pub completed: String,
    pub overdue: String,
    pub dead_letter: String,
    /// Only some objects have these two.
    pub failed: Option<String>,
    pub cancelled: Option<String>,
}

impl Default for TopicNames {
    fn default() -> Self {
        Self {
            orders: "orders".into(),
            manufactured: "manufactured".into(),
            completed: "shipping".into(),
            overdue: "shipping-overdue".into(),
            dead_letter: "shipping-dead-letter".into(),
            failed: None,
            cancelled: None,
        }
    }
}

impl Connection {
    /// Returns the cluster that the options name.
    ///
    /// # Errors
    /// When the object cannot be read.
    pub fn cluster(&self) -> Result<Cluster> {
        let mut cluster = match &self.file {
            Some(file) => Cluster::of_file(file)?,
            None => Cluster::at(&self.bootstrap_servers, TopicNames::default()),
        };
        if let Some(orders) = &self.orders_topic {
            cluster.topics.orders.clone_from(orders);
        }
        if let Some(manufactured) = &self.manufactured_topic {
            cluster.topics.manufactured.clone_from(manufactured);
        }
        Ok(cluster)
    }
}

impl Cluster {
    /// Returns the cluster with these brokers.
    pub fn at(bootstrap_servers: &str, topics: TopicNames) -> Self {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", bootstrap_servers)
            .set("client.id", "rollcall-demo")
            // Otherwise an unreachable broker would fill the log with one line per attempt.
            .set("reconnect.backoff.max.ms", "2000");
        Self {
            client,
            login: Login::default(),
            topics,
            bootstrap_servers: bootstrap_servers.into(),
        }
    }

    /// Returns the cluster and the topics of the Reconciliation in `file`.
    ///
    /// # Errors
    /// When the file cannot be read, holds a mistake, or names a secret that cannot be read.
    pub fn of_file(file: &Path) -> Result<Self> {
        let settings =
            rollcall_object::load(file).map_err(|error| Error::Misconfigured(error.to_string()))?;
        Self::of(&settings)
    }

    /// Returns the cluster and the topics of a reconciliation.
    ///
    /// # Errors
    /// When it names a secret that cannot be read.
    pub fn of(settings: &Settings) -> Result<Self> {
        let topics = TopicNames {
            orders: settings.expected.topic.clone(),
            manufactured: settings.observed[0].topic.clone(),
            completed: settings.completed.topic.clone(),
            overdue: settings.overdue_topic.clone(),
            dead_letter: settings.dead_letter_topic.clone(),
            failed: settings.output(Sink::Failed).map(str::to_owned),
            cancelled: settings.output(Sink::Cancelled).map(str::to_owned),
        };
        let mut cluster = Self::at(&settings.kafka.bootstrap_servers, topics);
        let properties = settings.kafka.client_properties();
        let properties = properties.map_err(|error| Error::Misconfigured(error.to_string()))?;
        for (name, value) in properties {
            cluster.client.set(name, value);
        }
        cluster.login = Login::of(&settings.kafka);
        Ok(cluster)
    }

    /// Keeps a client of the cluster logged in.
    ///
    /// # Errors
    /// When a token is needed and cannot be obtained.
    pub fn keep<T: Native>(&self, client: T) -> Result<TokenClient<T>> {
        self.login.keep(client).map_err(|refusal| Error::Misconfigured(refusal.to_string()))
    }

    /// Waits until a broker answers, and returns how many partitions each of `topics` has.
    ///
    /// Logs that none answers, and retries with growing pauses.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] when a topic is missing or may not be seen, [`Error::Stopped`]
    /// when asked to stop.
    pub fn await_topics(&self, topics: &[&str], stop: &Stop) -> Result<Vec<i32>> {
        // A consumer, because a producer's metadata request may create the topic.
        let client: BaseConsumer<Quiet> = self
            .client
            .create_with_context(Quiet::default())
            .map_err(|error| Error::Misconfigured(error.to_string()))?;
        let client = self.keep(client)?;
        topics.iter().map(|topic| self.await_topic(&client, topic, stop)).collect()
    }

    fn await_topic(&self, client: &BaseConsumer<Quiet>, topic: &str, stop: &Stop) -> Result<i32> {
        let mut backoff = Duration::from_millis(500);
        loop {
            if stop.is_raised() {
                return Err(Error::Stopped);
            }
            let reason = match partitions_of(client, topic) {
                Ok(partitions) => return Ok(partitions),
                Err(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                    return Err(self.missing(topic));
                }
                Err(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    return Err(self.forbidden(topic));
                }
                Err(reason) => reason,
            };
            client.poll(Duration::ZERO);
            let reason = client.context().complaint().unwrap_or_else(|| reason.to_string());
            warn!(
                "no answer from {} ({reason}); trying again in {} s: is the broker running there?",
                self.bootstrap_servers,
                backoff.as_secs_f32()
            );
            stop.sleep_until(Instant::now() + backoff);
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    fn missing(&self, topic: &str) -> Error {
        Error::Misconfigured(format!(
            "topic {topic} does not exist at {}: create it, or start `rollcall worker` with an \
             object whose topics.createInputs is true, which creates its topics",
            self.bootstrap_servers
        ))
    }

    fn forbidden(&self, topic: &str) -> Error {
        Error::Misconfigured(format!(
            "no access to topic {topic} at {}: allow this user to describe, read and write it",
            self.bootstrap_servers
        ))
    }
}

fn partitions_of(
    client: &BaseConsumer<Quiet>,
    topic: &str,
) -> std::result::Result<i32, RDKafkaErrorCode> {
    let metadata = client.fetch_metadata(Some(topic), METADATA_TIMEOUT).map_err(|error| {
        let KafkaError::MetadataFetch(code) = error else { return RDKafkaErrorCode::Fail };
        code
    })?;
    let topic = metadata.topics().first().ok_or(RDKafkaErrorCode::UnknownTopic)?;
    match topic.error() {
        Some(error) => Err(error.into()),
        None => Ok(i32::try_from(topic.partitions().len()).expect("Kafka counts them in an i32")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn cluster(spec: &str) -> Result<Cluster> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        let head = "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\nmetadata: {name: x}";
        write!(file, "{head}\nspec:\n{spec}").expect("written");
        Cluster::of_file(file.path())
    }

    #[test]
    fn brokers_settings_and_topics_come_from_the_object() {
        let cluster = cluster(
            "  kafka: {bootstrapServers: 'b:1', tls: {}}
  expected: {topic: o, items: '$.items[*].id'}
  observed: [{topic: m, item: $.productId}]
  completed: {topic: c}
  overdue: {topic: late}
",
        );
        let cluster = cluster.expect("a valid object");
        assert_eq!(cluster.client.get("bootstrap.servers"), Some("b:1"));
        assert_eq!(cluster.client.get("security.protocol"), Some("ssl"));
        let expected = TopicNames {
            orders: "o".into(),
            manufactured: "m".into(),
            completed: "c".into(),
            overdue: "late".into(),
            dead_letter: "x-dead-letter".into(),
            failed: None,
            cancelled: None,
        };
        assert_eq!(cluster.topics, expected);
    }

    #[test]
    fn a_mistake_in_the_object_is_named_by_its_path() {
        let error = cluster("  kafka: {bootstrapServers: 'b:1'}\n  expected: {items: $.items}\n");
        let error = error.expect_err("much is missing").to_string();
        assert!(error.contains("spec.expected.topic"), "{error}");
    }
}
