//! The last records of the reconciliation's topics, read with a plain consumer that joins no group
//! and commits nothing.
//! Promise: bounded in records, bytes and time. At most two readers run at a time, and each counts
//! until it has ended, even if nobody waits for it any more.

use std::{
    cmp::Reverse,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, DefaultConsumerContext},
    error::KafkaError,
    message::{BorrowedMessage, Headers, Message},
    metadata::{MetadataPartition, MetadataTopic},
};
use serde::Serialize;

use super::record::Record;
use rollcall_core::record::Sink;
use rollcall_kafka::{Connection, HeadersOf};
use rollcall_object::Settings;
use rollcall_registry::{SchemaTimeout, Shown, Viewer};
use rollcall_service::{
    http::{self, Gone, NoTurn, Turns},
    state_api::Problem,
};

const READERS_MAX: usize = 2;
const WAITING_MAX: usize = 16;
const KAFKA_TIMEOUT: Duration = Duration::from_secs(5);
/// How long reading one page may take.
const READ_TIMEOUT: Duration = Duration::from_secs(8);
/// How many records are fetched for one page at most, over all partitions.
const FETCHED_MAX: usize = 2_000;
/// How long schemas may be waited for by all records of a page together.
const SCHEMAS_TIMEOUT: Duration = Duration::from_secs(3);

/// Reads records of a reconciliation's topics.
pub struct TopicReader {
    connection: Connection,
    viewer: Arc<Viewer>,
    topics: Vec<Topic>,
    readers: Turns,
}

/// A topic and its purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    pub name: String,
    pub role: &'static str,
}

/// Which records of a topic to show.
#[derive(Debug, Clone)]
pub struct RecordQuery {
    pub seek: Seek,
    pub limit: usize,
    /// Only records whose key, value or headers contain this text.
    pub text: Option<String>,
}

/// Where in a topic to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// At the end of all partitions, the newest first.
    Last,
    /// At the end of one partition, the newest first.
    LastOf(i32),
    /// In one partition from an offset on, in offset order.
    From(i32, i64),
}

/// Some of a topic's records.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    pub topic: String,
    pub partitions: Vec<Partition>,
    pub records: Vec<Record>,
    /// How many records were read.
    pub looked_at: usize,
    /// `false` when time ran out before the end of every partition was reached.
    pub complete: bool,
    /// `true` if there are fewer records than were asked for because they are so large.
    pub shortened: bool,
}

/// First offset and end of a partition.
#[derive(Debug, Serialize)]
pub struct Partition {
    pub partition: i32,
    pub start: i64,
    pub end: i64,
}

impl TopicReader {
    /// Returns a reader that shows the values of inputs as `viewer` does.
    pub fn new(settings: &Settings, connection: Connection, viewer: Viewer) -> Self {
        let mut topics = Vec::new();
        for (index, input) in settings.inputs().into_iter().enumerate() {
            let role = if index == 0 { "expected" } else { "observed" };
            topics.push(Topic { name: input.to_owned(), role });
        }
        for (sink, role) in [
            (Sink::Completed, "completed"),
            (Sink::Overdue, "overdue"),
            (Sink::DeadLetter, "deadLetter"),
            (Sink::Failed, "failed"),
            (Sink::Cancelled, "cancelled"),
        ] {
            let name = settings.output(sink).map(str::to_owned);
            topics.extend(name.map(|name| Topic { name, role }));
        }
        let readers = Turns::new(READERS_MAX, WAITING_MAX);
        Self { connection, viewer: Arc::new(viewer), topics, readers }
    }

    /// Returns the topics whose records may be shown.
    pub fn all(&self) -> &[Topic] {
        &self.topics
    }

    /// Returns the records of a topic that `query` asks for.
    pub async fn page(&self, topic: &str, query: RecordQuery) -> Result<Page, Problem> {
        if !self.topics.iter().any(|known| known.name == topic) {
            return Err(Problem::new(
                404,
                "UnknownTopic",
                "it is none of the reconciliation's",
                None,
            ));
        }
        let (connection, topic) = (self.connection.clone(), topic.to_owned());
        let viewer = Arc::clone(&self.viewer);
        let read = self.readers.run(move |gone| {
            // The request has waited for its turn.
            if gone.is_gone() {
                return Err(Problem::new(503, "Busy", "nobody waits for it any more", None));
            }
            let config = connection.reader();
            // The client's log says nothing that its errors do not say.
            let unavailable = |error: String| Problem::new(502, "KafkaUnavailable", &error, None);
            let consumer = connection
                .consumer(&config, DefaultConsumerContext)
                .map_err(|error| unavailable(error.to_string()))?;
            let page = read(&consumer, &viewer, topic, &query, gone);
            page.map_err(|error| unavailable(error.to_string()))
        });
        read.await.map_err(|error| match error {
            NoTurn::Busy => Problem::new(503, "Busy", &error.to_string(), None),
            NoTurn::Failed(why) => Problem::new(500, "Failed", &why, None),
        })?
    }
}

fn read(
    consumer: &BaseConsumer,
    viewer: &Viewer,
    topic: String,
    query: &RecordQuery,
    gone: &Gone,
) -> Result<Page, KafkaError> {
    let RecordQuery { seek, limit, ref text } = *query;
    let metadata = consumer.fetch_metadata(Some(&topic), KAFKA_TIMEOUT)?;
    let found = metadata.topics().first().map(MetadataTopic::partitions);
    let mut ids: Vec<i32> = found.unwrap_or_default().iter().map(MetadataPartition::id).collect();
    ids.sort_unstable();
    let is_asked_for = |id: &i32| match seek {
        Seek::Last => true,
        Seek::LastOf(partition) | Seek::From(partition, _) => *id == partition,
    };
    let most = FETCHED_MAX / ids.iter().filter(|id| is_asked_for(id)).count().max(1);
    // A search looks back as far as may be read.
    let each = if text.is_some() { most } else { limit.min(most) };
    let each = each.max(1);
    let (mut partitions, mut list, mut open) = (Vec::new(), TopicPartitionList::new(), 0);
    for partition in ids {
        let (start, end) = consumer.fetch_watermarks(&topic, partition, KAFKA_TIMEOUT)?;
        partitions.push(Partition { partition, start, end });
        let from = match seek {
            // Transaction markers take offsets, too: about one for each record of ours.
            Seek::Last | Seek::LastOf(_) => end.saturating_sub_unsigned(each as u64 * 2),
            Seek::From(_, offset) => offset,
        };
        let from = from.max(start);
        if from < end && is_asked_for(&partition) {
            list.add_partition_offset(&topic, partition, Offset::Offset(from))?;
            open += 1;
        }
    }
    consumer.assign(&list)?;
    let (mut records, mut looked_at) = (Vec::new(), 0);
    let until = Instant::now() + READ_TIMEOUT;
    let mut timeout = SchemaTimeout::new(SCHEMAS_TIMEOUT);
    let is_from = matches!(seek, Seek::From(..));
    while open > 0 && Instant::now() < until && !gone.is_gone() {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => {
                looked_at += 1;
                let shown = shown(&message, viewer, &mut timeout);
                if text.as_ref().is_none_or(|text| contains(&message, shown.as_ref(), text)) {
                    records.push(Record::of(&message, shown.as_ref()));
                }
                if !is_from && records.len() > 2 * limit {
                    newest(&mut records, limit);
                }
                if is_from && (records.len() == limit || looked_at == most) {
                    open = 0;
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => return Err(error),
        }
    }
    let complete = open == 0;
    if !is_from {
        newest(&mut records, limit);
    }
    let shortened = !http::fit(&mut records);
    Ok(Page { topic, partitions, records, looked_at, complete, shortened })
}

/// Returns the value of an input's record as people read it.
fn shown<'m>(
    message: &'m BorrowedMessage<'_>,
    viewer: &Viewer,
    timeout: &mut SchemaTimeout,
) -> Option<Shown<'m>> {
    viewer.show(message.topic(), message.payload()?, &HeadersOf(message), timeout)
}

/// Keeps only the newest records, the newest first.
fn newest(records: &mut Vec<Record>, limit: usize) {
    records.sort_by_key(|record| Reverse((record.timestamp_ms, record.offset)));
    records.truncate(limit);
}

/// Returns whether the record contains `text` anywhere, ignoring case.
fn contains(message: &BorrowedMessage<'_>, shown: Option<&Shown<'_>>, text: &str) -> bool {
    let text = text.to_lowercase();
    let says = |bytes: Option<&[u8]>| {
        bytes.is_some_and(|bytes| String::from_utf8_lossy(bytes).to_lowercase().contains(&text))
    };
    let mut headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let json = shown.and_then(|shown| shown.json.as_deref().ok()).map(str::as_bytes);
    says(message.key())
        || says(json.or(message.payload()))
        || headers.any(|header| says(header.value))
}
