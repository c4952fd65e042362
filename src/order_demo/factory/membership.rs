//! The partitions that the group assigns to this process, each with its committed progress.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tracing::info;

use super::Progress;
use crate::{Error, Result, quiet};

const COMMITTED_TIMEOUT: Duration = Duration::from_secs(15);

/// The group's last decision, until the session takes it.
pub(super) struct Membership {
    topic: String,
    news: Mutex<Option<Result<Assignment>>>,
}

/// Partitions and the proof that we own them, as one value: the proof of a newer generation must
/// never commit for the partitions of an older one.
pub(super) struct Assignment {
    pub(super) partitions: BTreeMap<i32, Progress>,
    /// `None` between two generations, when we own nothing.
    pub(super) authority: Option<ConsumerGroupMetadata>,
}

impl Membership {
    pub(super) fn new(topic: &str) -> Self {
        Self { topic: topic.into(), news: Mutex::default() }
    }

    /// Returns what the group has decided since the last call.
    pub(super) fn news(&self) -> Option<Result<Assignment>> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Result<Assignment>>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts reading at the committed progress. No transaction can change it any more, because it
    /// is read after the open ones have ended.
    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        given: &TopicPartitionList,
    ) -> Result<Assignment> {
        let kafka = |error| Error::kafka("cannot take the assignment", &error);
        let mut list = TopicPartitionList::new();
        // Not the list itself: it carries offsets, and the answer would keep them.
        for part in given.elements() {
            list.add_partition(&self.topic, part.partition());
        }
        let committed = consumer.committed_offsets(list, COMMITTED_TIMEOUT).map_err(kafka)?;
        let mut partitions = BTreeMap::new();
        let mut start = TopicPartitionList::new();
        for part in committed.elements() {
            part.error().map_err(kafka)?;
            let (progress, from) = match part.offset() {
                Offset::Offset(offset) => {
                    let progress = Progress::parse(offset, part.metadata());
                    (progress.ok_or_else(|| self.foreign(part.partition()))?, part.offset())
                }
                _ => (Progress::default(), Offset::Beginning),
            };
            start.add_partition_offset(&self.topic, part.partition(), from).map_err(kafka)?;
            partitions.insert(part.partition(), progress);
        }
        consumer.assign(&start).map_err(kafka)?;
        Ok(Assignment { partitions, authority: consumer.group_metadata() })
    }

    fn foreign(&self, partition: i32) -> Error {
        Error::Misconfigured(format!(
            "the offset that the group has committed for {} partition {partition} is not a \
             manufacturer's: name another group with --group",
            self.topic
        ))
    }
}

impl ClientContext for Membership {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        quiet::log(facility, message);
    }

    fn error(&self, code: KafkaError, reason: &str) {
        quiet::error(&code, reason);
    }
}

impl ConsumerContext for Membership {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let news = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            let news = self.assign(consumer, list);
            if let Ok(assignment) = &news {
                info!("makes the products of partitions {:?}", assignment.partitions.keys());
            }
            news
        } else {
            release(consumer, list)
                .map(|()| Assignment { partitions: BTreeMap::new(), authority: None })
                .map_err(|error| Error::kafka("cannot give the assignment back", &error))
        };
        *self.lock() = Some(news);
    }
}

fn release(consumer: &BaseConsumer<Membership>, list: &TopicPartitionList) -> KafkaResult<()> {
    // Otherwise the client would remain paused after the assignment.
    consumer.resume(list)?;
    consumer.unassign()
}
