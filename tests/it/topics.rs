//! Writes and reads topics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};

/// A record as seen by a reader of committed records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<String>,
    pub value: Option<String>,
    pub headers: BTreeMap<String, String>,
}

impl Record {
    /// Returns a header's value.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {self:?}"))
    }
}

/// Writes records as a Java producer does: the key determines the partition.
pub struct Writer {
    producer: ThreadedProducer<Refusals>,
}

/// Counts the records that the broker rejected.
#[derive(Default)]
struct Refusals(AtomicU64);

impl ClientContext for Refusals {}

impl ProducerContext for Refusals {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            eprintln!("not delivered: {error}");
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    pub fn new(broker: &Broker) -> Self {
        Self::by(broker, "murmur2_random")
    }

    /// Returns a writer with another one of librdkafka's partitioners.
    pub fn by(broker: &Broker, partitioner: &str) -> Self {
        let producer = broker
            .client()
            .set("enable.idempotence", "true")
            .set("partitioner", partitioner)
            .set("linger.ms", "5")
            .create_with_context(Refusals::default())
            .expect("the settings are valid");
        Self { producer }
    }

    /// Queues a record; see [`Self::flush`].
    pub fn send(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) {
        let record = BaseRecord::to(topic);
        self.hand_over(with(record, key, value));
    }

    /// Like [`Self::send`], with a given partition.
    pub fn send_to(&self, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        let record = BaseRecord::to(topic).partition(partition);
        self.hand_over(with(record, key, value));
    }

    /// Like [`Self::send`], with a timestamp in milliseconds; −1 for none.
    pub fn send_at(&self, topic: &str, key: &[u8], value: &[u8], timestamp_ms: i64) {
        let record = BaseRecord::to(topic).timestamp(timestamp_ms);
        self.hand_over(with(record, Some(key), Some(value)));
    }

    /// Like [`Self::send`], with headers.
    pub fn send_with(&self, topic: &str, key: &[u8], value: &[u8], headers: &[(&str, &str)]) {
        let insert = |all: OwnedHeaders, (key, value): &(&str, &str)| {
            all.insert(Header { key, value: Some(*value) })
        };
        let headers = headers.iter().fold(OwnedHeaders::new(), insert);
        let record = BaseRecord::to(topic).headers(headers);
        self.hand_over(with(record, Some(key), Some(value)));
    }

    fn hand_over(&self, mut record: BaseRecord<'_, [u8], [u8]>) {
        while let Err((error, refused)) = self.producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full, "the record is valid");
            self.producer.poll(Duration::from_millis(10));
            record = refused;
        }
    }

    /// Waits until the broker has everything.
    pub fn flush(&self) {
        self.producer.flush(WAIT_TIMEOUT).expect("the broker takes the records");
        let refused = self.producer.context().0.load(Ordering::Relaxed);
        assert_eq!(refused, 0, "the broker takes the records");
    }
}

fn with<'a>(
    mut record: BaseRecord<'a, [u8], [u8]>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
) -> BaseRecord<'a, [u8], [u8]> {
    record.key = key;
    record.payload = value;
    record
}

/// Returns all committed records of a topic; empty if there is no such topic.
pub fn read(broker: &Broker, topic: &str) -> Vec<Record> {
    let consumer = reader(broker, "none");
    let partitions = partitions(&consumer, topic);
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&list).expect("the partitions exist");
    let (mut ended, mut records) = (0, Vec::new());
    while ended < partitions {
        match consumer.poll(WAIT_TIMEOUT) {
            Some(Ok(message)) => records.push(record(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => eprintln!("still reading {topic}: {error}"),
            None => panic!("{topic} cannot be read to its end"),
        }
    }
    records
}

/// Returns the end of each partition of a topic that is not empty.
pub fn ends(broker: &Broker, topic: &str) -> BTreeMap<i32, i64> {
    let consumer = reader(broker, "none");
    let end = |partition| {
        let watermarks = || consumer.fetch_watermarks(topic, partition, WAIT_TIMEOUT).ok();
        // Brokers may be going away.
        let what = format!("{topic}-{partition} has watermarks");
        let (start, end) = eventually(&what, WAIT_TIMEOUT, watermarks);
        (start < end).then_some((partition, end))
    };
    (0..partitions(&consumer, topic)).filter_map(end).collect()
}

/// Returns the offsets that a group has committed in a topic, excluding open transactions.
pub fn committed(broker: &Broker, group: &str, topic: &str) -> BTreeMap<i32, i64> {
    let consumer = reader(broker, group);
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions(&consumer, topic) {
        list.add_partition(topic, partition);
    }
    let Ok(list) = consumer.committed_offsets(list, WAIT_TIMEOUT) else { return BTreeMap::new() };
    let offsets = list.elements().into_iter().filter_map(|part| {
        let Offset::Offset(offset) = part.offset() else { return None };
        Some((part.partition(), offset))
    });
    offsets.collect()
}

/// Returns the transactional ids that the committed offsets of a topic name, by partition.
pub fn owners(broker: &Broker, group: &str, topic: &str) -> BTreeMap<i32, String> {
    let consumer = reader(broker, group);
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions(&consumer, topic) {
        list.add_partition(topic, partition);
    }
    let list = consumer.committed_offsets(list, WAIT_TIMEOUT).expect("the broker answers");
    let owners = list.elements().into_iter().filter_map(|part| {
        let owner = part.metadata().split(' ').find_map(|word| word.strip_prefix("owner="))?;
        Some((part.partition(), owner.to_owned()))
    });
    owners.collect()
}

fn reader(broker: &Broker, group: &str) -> BaseConsumer {
    broker
        .client()
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "10")
        .create()
        .expect("the settings are valid")
}

/// Returns how many partitions a topic has, 0 when it does not exist.
pub fn partition_count(broker: &Broker, topic: &str) -> i32 {
    partitions(&reader(broker, "none"), topic)
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let metadata = consumer.fetch_metadata(Some(topic), WAIT_TIMEOUT).expect("the broker answers");
    i32::try_from(metadata.topics()[0].partitions().len()).expect("Kafka counts them in an i32")
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().expect("brokers set it"),
        key: message.key().map(text),
        value: message.payload().map(text),
        headers: headers
            .map(|header| (header.key.to_owned(), header.value.map(text).unwrap_or_default()))
            .collect(),
    }
}
