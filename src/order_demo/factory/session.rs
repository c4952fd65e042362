//! One run of the factory on Kafka, until the first failure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tracing::{debug, info, warn};

use super::membership::Membership;
use super::workbench::ORDER_PRODUCTS_MAX;
use super::{Event, Options, Workbench};
use crate::connection::Cluster;
use crate::event::{Manufactured, Order, json};
use crate::quiet::Quiet;
use crate::stop::Stop;
use crate::{Error, Result};
use rollcall_kafka::TokenClient;

/// How long to take orders before making what is due.
const TAKE: Duration = Duration::from_millis(50);
/// Bounds one round, and thus the events in one transaction.
const TAKE_RECORDS_MAX: usize = 2_000;
const COMMIT_TIMEOUT: Duration = Duration::from_secs(20);
const INIT_TIMEOUT: Duration = Duration::from_secs(30);
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes products until asked to stop or something fails.
pub(super) fn run(cluster: &Cluster, options: &Options, stop: &Stop) -> Result<()> {
    let (orders, manufactured) = (&cluster.topics.orders, &cluster.topics.manufactured);
    cluster.await_topics(&[orders, manufactured], stop)?;
    let producer = producer(cluster, options)?;
    // Ends the transaction that this instance may have left open, before the progress is read.
    producer.init_transactions(INIT_TIMEOUT).map_err(|error| reaction(&error, options))?;
    let consumer = consumer(cluster, options)?;
    consumer.subscribe(&[orders]).map_err(|error| reaction(&error, options))?;
    let mut session =
        Session { cluster, options, producer, consumer, authority: None, benches: BTreeMap::new() };
    while !stop.is_raised() {
        session.take()?;
        session.make()?;
    }
    session.leave();
    Ok(())
}

struct Session<'a> {
    cluster: &'a Cluster,
    options: &'a Options,
    producer: TokenClient<BaseProducer<Quiet>>,
    consumer: TokenClient<BaseConsumer<Membership>>,
    /// Belongs to `benches`: both change together.
    authority: Option<ConsumerGroupMetadata>,
    benches: BTreeMap<i32, Bench>,
}

struct Bench {
    work: Workbench,
    paused: bool,
}

impl Session<'_> {
    /// Accepts new orders for a moment.
    fn take(&mut self) -> Result<()> {
        let until = Instant::now() + TAKE;
        for _ in 0..TAKE_RECORDS_MAX {
            let left = until.saturating_duration_since(Instant::now());
            let polled = self.consumer.poll(left);
            // Before the message, because its partition may have been assigned in this very poll.
            if let Some(news) = self.consumer.context().news() {
                let news = news?;
                let bench = |progress| Bench { work: Workbench::resume(progress), paused: false };
                self.benches =
                    news.partitions.into_iter().map(|(id, at)| (id, bench(at))).collect();
                self.authority = news.authority;
            }
            match polled {
                Some(Ok(message)) => {
                    let partition = message.partition();
                    if let Some(bench) = self.benches.get_mut(&partition) {
                        accept(&mut bench.work, &message, &self.options.delay);
                    }
                    self.hold_back(partition)?;
                }
                Some(Err(error)) => tolerate(&error, self.options)?,
                None => break,
            }
        }
        Ok(())
    }

    /// Pauses a partition whose bench is full, and resumes it once there is room.
    fn hold_back(&mut self, partition: i32) -> Result<()> {
        let Some(bench) = self.benches.get_mut(&partition) else { return Ok(()) };
        if bench.work.is_full() == bench.paused {
            return Ok(());
        }
        bench.paused = !bench.paused;
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.cluster.topics.orders, partition);
        let done = match bench.paused {
            true => self.consumer.pause(&list),
            false => self.consumer.resume(&list),
        };
        done.map_err(|error| Error::kafka("cannot hold a partition back", &error))
    }

    /// Makes what is due: the events and the progress of their orders are one transaction.
    fn make(&mut self) -> Result<()> {
        let Some(authority) = &self.authority else { return Ok(()) };
        let now = Instant::now();
        let mut events = Vec::new();
        let mut offsets = TopicPartitionList::new();
        for (&partition, bench) in &mut self.benches {
            events.append(&mut bench.work.make(now));
            let Some(progress) = bench.work.progress() else { continue };
            let Some(offset) = progress.offset else { continue };
            let mut part = offsets.add_partition(&self.cluster.topics.orders, partition);
            part.set_offset(Offset::Offset(offset))
                .map_err(|error| Error::kafka("cannot commit", &error))?;
            part.set_metadata(progress.metadata());
        }
        if offsets.count() > 0 {
            commit(&self.producer, &self.cluster.topics.manufactured, &events, &offsets, authority)
                .map_err(|error| reaction(&error, self.options))?;
            debug!("committed {} products", events.len());
        }
        for event in events {
            info!("manufactured product {} of order {}", event.product_id, event.order_id);
        }
        let partitions: Vec<i32> = self.benches.keys().copied().collect();
        partitions.into_iter().try_for_each(|partition| self.hold_back(partition))
    }

    /// Leaves the group, so that others need not wait for the session to time out. Orders in
    /// progress are not lost: the progress is committed.
    fn leave(self) {
        self.consumer.unsubscribe();
        let until = Instant::now() + LEAVE_TIMEOUT;
        while Instant::now() < until {
            self.consumer.poll(TAKE);
            if let Some(news) = self.consumer.context().news()
                && news.is_ok_and(|news| news.authority.is_none())
            {
                return;
            }
        }
    }
}

fn accept(bench: &mut Workbench, message: &BorrowedMessage<'_>, delay: &RangeInclusive<Duration>) {
    let order = message.payload().and_then(|value| match serde_json::from_slice::<Order>(value) {
        Ok(order) if order.items.len() <= ORDER_PRODUCTS_MAX => Some(order),
        Ok(order) => {
            warn!("order {} is left out: more than {ORDER_PRODUCTS_MAX} products", order.id);
            None
        }
        Err(error) => {
            warn!(
                "no order in {} partition {} offset {}: {error}",
                message.topic(),
                message.partition(),
                message.offset()
            );
            None
        }
    });
    bench
        .accept(message.offset(), order, Instant::now(), &mut || rand::random_range(delay.clone()));
}

fn commit(
    producer: &BaseProducer<Quiet>,
    topic: &str,
    events: &[Event],
    offsets: &TopicPartitionList,
    authority: &ConsumerGroupMetadata,
) -> std::result::Result<(), KafkaError> {
    producer.begin_transaction()?;
    for event in events {
        let value = json(&Manufactured::new(event.order_id.clone(), event.product_id));
        let mut record = BaseRecord::to(topic).key(&event.order_id).payload(&value);
        while let Err((error, refused)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            producer.poll(TAKE);
            record = refused;
        }
    }
    producer.send_offsets_to_transaction(offsets, authority, COMMIT_TIMEOUT)?;
    producer.commit_transaction(COMMIT_TIMEOUT)
}

fn producer(cluster: &Cluster, options: &Options) -> Result<TokenClient<BaseProducer<Quiet>>> {
    let producer = cluster
        .client
        .clone()
        .set("transactional.id", format!("{}-{}", options.group, options.instance_id))
        // Others have to wait for the transactions that a dead instance has left open.
        .set("transaction.timeout.ms", "10000")
        // The Java client's partitioner: all records of a key must be in the same partition number.
        .set("partitioner", "murmur2_random")
        .create_with_context(Quiet::default())
        .map_err(|error| Error::Misconfigured(error.to_string()))?;
    cluster.keep(producer)
}

fn consumer(cluster: &Cluster, options: &Options) -> Result<TokenClient<BaseConsumer<Membership>>> {
    let consumer = cluster
        .client
        .clone()
        .set("group.id", &options.group)
        // A restarted process gets its partitions back at once, even after kill -9.
        .set("group.instance.id", &options.instance_id)
        .set("session.timeout.ms", "10000")
        .set("heartbeat.interval.ms", "1000")
        // All partitions are revoked before the generation changes, so one proof covers all of
        // them.
        .set("partition.assignment.strategy", "range")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "50")
        .create_with_context(Membership::new(&cluster.topics.orders))
        .map_err(|error| Error::Misconfigured(error.to_string()))?;
    cluster.keep(consumer)
}

/// Returns the reaction that a failure of the client demands.
fn reaction(error: &KafkaError, options: &Options) -> Error {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::InvalidProducerEpoch,
        ) => Error::Misconfigured(format!(
            "another manufacturer of group {} has started as instance {}: give each its own \
             --instance-id",
            options.group, options.instance_id
        )),
        _ => Error::kafka("Kafka", error),
    }
}

/// Passes over errors that the client recovers from by itself.
fn tolerate(error: &KafkaError, options: &Options) -> Result<()> {
    match error {
        KafkaError::MessageConsumptionFatal(_) => Err(reaction(error, options)),
        KafkaError::MessageConsumption(
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic,
        ) => Err(Error::kafka("orders topic", error)),
        _ => {
            warn!("still trying: {error}");
            Ok(())
        }
    }
}
