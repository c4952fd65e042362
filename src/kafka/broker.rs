//! A shard's access to Kafka while it opens.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    Connection, Member, Reader, ShardProducer, TokenClient, Topics, context::Context, native,
    producer::LetterRoom,
};
use rollcall_core::{
    record::ShardId,
    shard::{Bounds, Broker, CommittedOffset, Error, InputLog, Result},
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long to ask for offsets. If brokers do not answer, or an open transaction holds some of the
/// offsets, the shard is opened again, which ends such a transaction. The shard's store is in use
/// meanwhile.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);

/// A consumer that reads nothing.
type Asker = TokenClient<BaseConsumer<Context>>;

/// Opens shards of one reconciliation.
#[derive(Clone)]
pub struct KafkaBroker {
    connection: Arc<Connection>,
    topics: Arc<Topics>,
    letters: Arc<LetterRoom>,
    /// Queries offsets and bounds, for all shards: connecting again would cost each shard a tenth
    /// of a second each time.
    client: Arc<Mutex<Option<Arc<Asker>>>>,
}

impl KafkaBroker {
    pub fn new(connection: Arc<Connection>, topics: Arc<Topics>) -> Self {
        Self { connection, topics, letters: Arc::default(), client: Arc::default() }
    }

    fn client(&self) -> Result<Arc<Asker>> {
        let mut shared = self.client.lock().expect("nothing panics under this lock");
        if shared.is_none() {
            let client = self.connection.consumer(&self.connection.reader(), Context::default())?;
            *shared = Some(Arc::new(client));
        }
        let client = Arc::clone(shared.as_ref().expect("it was just made"));
        // It reads nothing, so this only handles what librdkafka has reported since.
        drop(client.poll(Duration::ZERO));
        Ok(client)
    }

    /// Replaces the client for queries, for example after a change of certificates.
    ///
    /// # Errors
    /// When the new client cannot be created; the old one stays in use.
    pub fn reconnect(&self) -> Result<()> {
        let client = self.connection.consumer(&self.connection.reader(), Context::default())?;
        let mut shared = self.client.lock().expect("nothing panics under this lock");
        *shared = Some(Arc::new(client));
        Ok(())
    }

    /// Returns the current members of the group; none for a KIP-848 group.
    ///
    /// # Errors
    /// What the coordinator refuses, or no answer in time.
    pub fn members(&self, timeout: Duration) -> Result<Vec<Member>> {
        let client = self.client()?;
        let members = native::group_members(&client, &self.connection.group, timeout);
        members.map_err(|failure| Error::Interrupted(format!("members of the group: {failure}")))
    }

    /// Returns whether a broker answers within `timeout`.
    pub fn answers(&self, timeout: Duration) -> bool {
        let topic = &self.topics.inputs[0];
        self.client().is_ok_and(|client| client.fetch_metadata(Some(topic), timeout).is_ok())
    }

    fn bounds(consumer: &BaseConsumer<Context>, topic: &str, shard: ShardId) -> Result<Bounds> {
        let (start, end) = consumer
            .fetch_watermarks(topic, shard.0, TIMEOUT)
            .map_err(|error| interrupted(topic, &error))?;
        Ok(Bounds { start, end })
    }
}

fn interrupted(what: &str, error: &KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed,
        ) => Error::Misconfigured(format!(
            "{what}: not authorized: {error}; see docs/operations.md for the ACLs that are needed"
        )),
        _ => Error::Interrupted(format!("{what}: {error}")),
    }
}

impl Broker for KafkaBroker {
    type Producer = ShardProducer;
    type Changelog = Reader;

    fn fence(&self, shard: ShardId) -> Result<ShardProducer> {
        let partitions = self.topics.partitions;
        if shard.0 >= partitions {
            return Err(Error::Misconfigured(format!(
                "{} has more partitions than the {partitions} it had at the start: keys have \
                 moved to other partitions than their rows; recreate the inputs with a fixed \
                 number of partitions, or start over under another spec.kafka.groupId",
                self.topics.inputs[0]
            )));
        }
        ShardProducer::fence(&self.connection, &self.topics, &self.letters, shard)
    }

    fn committed(&self, shard: ShardId) -> Result<Vec<Option<CommittedOffset>>> {
        let client = self.client()?;
        let mut wanted = TopicPartitionList::new();
        for input in &self.topics.inputs {
            wanted.add_partition(input, shard.0);
        }
        let committed = client
            .committed_offsets(wanted, OFFSETS_TIMEOUT)
            .map_err(|error| interrupted("committed offsets", &error))?;
        let mut offsets = vec![None; self.topics.inputs.len()];
        for entry in committed.elements() {
            entry.error().map_err(|error| interrupted("committed offsets", &error))?;
            let input = self.topics.inputs.iter().position(|input| input == entry.topic());
            if let (Some(input), KafkaOffset::Offset(next)) = (input, entry.offset()) {
                let metadata = entry.metadata().parse().unwrap_or_default();
                offsets[input] = Some(CommittedOffset { next, metadata });
            }
        }
        Ok(offsets)
    }

    fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>> {
        let client = self.client()?;
        let names: Vec<&str> = self.topics.inputs.iter().map(String::as_str).collect();
        let ids = native::topic_ids(&client, &names, TIMEOUT).map_err(|failure| {
            Error::Interrupted(format!("input topics {}: {failure}", names.join(", ")))
        })?;
        let log = |(name, topic_id): (&&str, String)| {
            Ok(InputLog { topic_id, bounds: Self::bounds(&client, name, shard)? })
        };
        names.iter().zip(ids).map(log).collect()
    }

    fn changelog(&self, shard: ShardId) -> Result<Reader> {
        let client = self.client()?;
        let topic = self.connection.changelog();
        let ids = native::topic_ids(&client, &[&topic], TIMEOUT).map_err(
            |failure| match failure.code {
                RDKafkaErrorCode::UnknownTopicOrPartition => Error::Misconfigured(format!(
                    "the changelog topic {topic} was deleted: restore it from a backup, or accept \
                     that open keys are lost and start over with `rollcall reset`"
                )),
                _ => Error::Interrupted(format!("{topic}: {failure}")),
            },
        )?;
        let topic_id = ids.into_iter().next().unwrap_or_default();
        let bounds = Self::bounds(&client, &topic, shard)?;
        let connection = Arc::clone(&self.connection);
        Ok(Reader::new(connection, topic, topic_id, shard, bounds))
    }
}
