//! The last records of topics, read with a plain consumer that joins no group and commits nothing.
//!
//! Promise: bounded in records, memory and time; records are shown one by one and not kept.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message},
};

use super::{Connection, TokenClient, admin::TIMEOUT, context::Context, topic_error::TopicError};
use rollcall_core::{
    record::{Header, Offset},
    shard::{Error, Result},
};

/// Transaction markers and compaction leave holes, so a partition is read again further back this
/// often at most.
const ROUNDS_MAX: usize = 8;
const POLL: Duration = Duration::from_millis(100);

/// Reads the ends of topics.
pub struct Tail {
    consumer: TokenClient<BaseConsumer<Context>>,
    servers: String,
    until: Instant,
}

/// A record at the end of a topic.
#[derive(Debug)]
pub struct TailRecord<'a> {
    pub partition: i32,
    pub offset: Offset,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Vec<Header>,
}

/// Offsets of a partition that are still to be read: from the first to before the second.
#[derive(Debug, Clone, Copy)]
struct Range {
    from: Offset,
    to: Offset,
}

/// What was read of a partition.
#[derive(Debug, Clone, Copy)]
struct Read {
    start: Offset,
    /// Everything from here on was read.
    from: Offset,
    records: usize,
}

impl Tail {
    /// Connects, to read for at most this time.
    ///
    /// # Errors
    /// When librdkafka rejects the settings, or there is no token.
    pub fn connect(connection: &Connection, time: Duration) -> Result<Self> {
        let mut config = connection.reader();
        // Retention may delete what is about to be read.
        config.set("auto.offset.reset", "earliest");
        let consumer = connection.consumer(&config, Context::default())?;
        let servers = connection.base.get("bootstrap.servers").unwrap_or_default().to_owned();
        Ok(Self { consumer, servers, until: Instant::now() + time })
    }

    /// Calls `show` with up to `most` of the last committed records of each partition.
    ///
    /// # Errors
    /// When the topic may not be read, brokers do not answer, or time runs out.
    pub fn read(
        &self,
        topic: &str,
        partitions: i32,
        most: usize,
        show: &mut dyn FnMut(TailRecord<'_>),
    ) -> Result<()> {
        let (mut done, mut ranges) = (BTreeMap::new(), BTreeMap::new());
        for partition in 0..partitions {
            let ends = self.consumer.fetch_watermarks(topic, partition, TIMEOUT);
            let (start, end) = ends.map_err(|error| self.refused(topic, &error))?;
            done.insert(partition, Read { start, from: end, records: 0 });
        }
        for _ in 0..ROUNDS_MAX {
            for (partition, Read { start, from, records }) in &mut done {
                let missing = i64::try_from(most - *records).unwrap_or(i64::MAX);
                let range = Range { from: from.saturating_sub(missing).max(*start), to: *from };
                if range.from < range.to {
                    ranges.insert(*partition, range);
                    *from = range.from;
                }
            }
            if ranges.is_empty() {
                break;
            }
            self.read_ranges(topic, &mut ranges, &mut |record| {
                if let Some(read) = done.get_mut(&record.partition) {
                    read.records += 1;
                }
                show(record);
            })?;
        }
        Ok(())
    }

    /// Reads offsets, and removes what was read to its end.
    fn read_ranges(
        &self,
        topic: &str,
        ranges: &mut BTreeMap<i32, Range>,
        show: &mut dyn FnMut(TailRecord<'_>),
    ) -> Result<()> {
        let failed = |error: KafkaError| self.refused(topic, &error);
        let mut list = TopicPartitionList::new();
        for (partition, Range { from, .. }) in &*ranges {
            list.add_partition_offset(topic, *partition, KafkaOffset::Offset(*from))
                .map_err(failed)?;
        }
        self.consumer.assign(&list).map_err(failed)?;
        let mut trouble = None;
        while !ranges.is_empty() {
            if Instant::now() > self.until {
                return Err(self.too_slow(topic, trouble));
            }
            match self.consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(range) = ranges.get(&partition) else { continue };
                    if offset < range.to {
                        show(record(&message));
                    }
                    if offset + 1 >= range.to {
                        ranges.remove(&partition);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ranges.remove(&partition);
                }
                Some(Err(error)) if is_final(&error) => return Err(failed(error)),
                Some(Err(error)) => trouble = Some(error),
            }
        }
        Ok(())
    }

    fn refused(&self, topic: &str, error: &KafkaError) -> Error {
        // Reports that are waiting say why brokers refuse us.
        let told = self.consumer.client().context().last_refusal();
        let refusal = told.and_then(|(code, text)| TopicError::refusal(code, &self.servers, &text));
        match error.rdkafka_error_code() {
            _ if refusal.is_some() => refusal.expect("it is there").error,
            Some(
                RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed,
            ) => Error::Misconfigured(format!(
                "topic {topic}: we may not read it: {error}; grant what docs/operations.md lists \
                 under Permissions"
            )),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Error::Misconfigured(format!(
                    "topic {topic} was deleted meanwhile: create it again, or correct its name"
                ))
            }
            _ => Error::Interrupted(format!("topic {topic} cannot be read: {error}: try again")),
        }
    }

    fn too_slow(&self, topic: &str, trouble: Option<KafkaError>) -> Error {
        match trouble {
            Some(error) => self.refused(topic, &error),
            None => Error::Interrupted(format!(
                "topic {topic}: the brokers have not sent all of its last records in time: ask for \
                 fewer, or try again"
            )),
        }
    }
}

/// Returns whether trying again cannot help; the client itself tries again after everything else.
fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
        )
    )
}

fn record<'a>(message: &'a BorrowedMessage<'_>) -> TailRecord<'a> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
    TailRecord {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key(),
        value: message.payload(),
        headers: headers.collect(),
    }
}
