//! The topics of a run. Names are never reused, so that none has to wait for a deletion.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::MetadataTopic;

use crate::Failure;

/// Partitions of every topic, unless a scenario is about another number.
pub(crate) const PARTITIONS: i32 = 4;

const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The two topics that a system under test reads.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    pub orders: String,
    pub manufactured: String,
    /// Of each of them, and of the topic with the completions.
    pub partitions: i32,
}

impl Inputs {
    /// Creates both topics. The broker sets their records' timestamps on arrival: latency is
    /// counted from then.
    pub(crate) fn create(bootstrap: &str, name: &str, partitions: i32) -> Result<Self, Failure> {
        let (orders, manufactured) = (format!("{name}-orders"), format!("{name}-manufactured"));
        create(bootstrap, &[&orders, &manufactured], partitions)?;
        Ok(Self { orders, manufactured, partitions })
    }
}

/// Creates topics and waits until their partitions can be used.
pub(crate) fn create(bootstrap: &str, names: &[&str], partitions: i32) -> Result<(), Failure> {
    let config = config(bootstrap);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| {
            NewTopic::new(name, partitions, TopicReplication::Fixed(1))
                .set("message.timestamp.type", "LogAppendTime")
        })
        .collect();
    for result in wait_for(admin.create_topics(&topics, &options()))?? {
        result.map_err(|(topic, code)| format!("could not create topic {topic}: {code}"))?;
    }
    names.iter().try_for_each(|name| wait_until_usable(&config, name, partitions))
}

/// Deletes the topics whose names begin with `prefix` and waits until they are gone. Thousands of
/// partitions from earlier runs would cost the broker time in the next one.
pub(crate) fn delete(bootstrap: &str, prefix: &str) -> Result<(), Failure> {
    let config = config(bootstrap);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let start = Instant::now();
    while start.elapsed() < WAIT_TIMEOUT {
        let metadata = admin.inner().fetch_metadata(None, WAIT_TIMEOUT)?;
        let topics = metadata.topics().iter().map(MetadataTopic::name);
        let topics: Vec<&str> = topics.filter(|topic| topic.starts_with(prefix)).collect();
        if topics.is_empty() {
            return Ok(());
        }
        // A topic that the metadata still list may be gone already, so the next look decides.
        let _ = wait_for(admin.delete_topics(&topics, &options()))??;
        std::thread::sleep(Duration::from_millis(200));
    }
    Err(format!("topics of {prefix} are there after {} s", WAIT_TIMEOUT.as_secs()).into())
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(WAIT_TIMEOUT))
}

fn wait_for<T>(answer: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(answer))
}

/// Waits until the partitions of a topic that another program creates can be used.
pub(crate) fn wait_until_usable_at(bootstrap: &str, name: &str) -> Result<(), Failure> {
    wait_until_usable(&config(bootstrap), name, PARTITIONS)
}

fn wait_until_usable(config: &ClientConfig, name: &str, expected: i32) -> Result<(), Failure> {
    let consumer: BaseConsumer = config.create()?;
    let start = Instant::now();
    while start.elapsed() < WAIT_TIMEOUT {
        let metadata = consumer.fetch_metadata(Some(name), WAIT_TIMEOUT)?;
        let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
        if partitions.len() == expected as usize && partitions.iter().all(|p| p.leader() >= 0) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("topic {name} has no leaders after {} s", WAIT_TIMEOUT.as_secs()).into())
}

/// Returns the number of records and markers in a group's changelogs, whatever their names.
pub(crate) fn changelog_offsets(bootstrap: &str, group: &str) -> Result<i64, Failure> {
    let consumer: BaseConsumer = config(bootstrap).create()?;
    let metadata = consumer.fetch_metadata(None, WAIT_TIMEOUT)?;
    let mut offsets = 0;
    for topic in metadata.topics() {
        if topic.name().starts_with(group) && topic.name().ends_with("changelog") {
            for partition in topic.partitions() {
                let (low, high) =
                    consumer.fetch_watermarks(topic.name(), partition.id(), WAIT_TIMEOUT)?;
                offsets += high - low;
            }
        }
    }
    Ok(offsets)
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}
