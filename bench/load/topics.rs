//! The topics of a run. Names are never reused, so that nothing has to be deleted.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::Failure;

/// Partitions of every topic.
pub(crate) const PARTITIONS: i32 = 4;

const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The two topics that a system under test reads.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    pub orders: String,
    pub manufactured: String,
}

impl Inputs {
    /// Creates both topics. The broker sets their records' timestamps on arrival: latency is
    /// counted from then.
    pub(crate) fn create(bootstrap: &str, name: &str) -> Result<Self, Failure> {
        let inputs =
            Self { orders: format!("{name}-orders"), manufactured: format!("{name}-manufactured") };
        create(bootstrap, &[&inputs.orders, &inputs.manufactured])?;
        Ok(inputs)
    }
}

/// Creates topics and waits until their partitions can be used.
pub(crate) fn create(bootstrap: &str, names: &[&str]) -> Result<(), Failure> {
    let config = config(bootstrap);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| {
            NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1))
                .set("message.timestamp.type", "LogAppendTime")
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let options = AdminOptions::new().operation_timeout(Some(WAIT_TIMEOUT));
    for result in runtime.block_on(admin.create_topics(&topics, &options))? {
        result.map_err(|(topic, code)| format!("could not create topic {topic}: {code}"))?;
    }
    names.iter().try_for_each(|name| wait_until_usable(&config, name))
}

/// Waits until the partitions of a topic that another program creates can be used.
pub(crate) fn wait_until_usable_at(bootstrap: &str, name: &str) -> Result<(), Failure> {
    wait_until_usable(&config(bootstrap), name)
}

fn wait_until_usable(config: &ClientConfig, name: &str) -> Result<(), Failure> {
    let consumer: BaseConsumer = config.create()?;
    let start = Instant::now();
    while start.elapsed() < WAIT_TIMEOUT {
        let metadata = consumer.fetch_metadata(Some(name), WAIT_TIMEOUT)?;
        let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
        if partitions.len() == PARTITIONS as usize && partitions.iter().all(|p| p.leader() >= 0) {
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
