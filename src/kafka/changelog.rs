//! Reads one changelog partition from a position to its end.

use std::{sync::Arc, time::Duration};

use rdkafka::{Offset as KafkaOffset, TopicPartitionList, consumer::Consumer};

use super::{
    Connection,
    context::Context,
    native::{Fetched, Queue},
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{Bounds, Change, ChangelogReader, Error, Result},
};

/// Records read at a time.
const READ_RECORDS: usize = 10_000;
/// How long a read waits for the first record, and then for more records to share its cost.
const READ_WAIT: Duration = Duration::from_millis(1_000);
const FILL_WAIT: Duration = Duration::from_millis(5);
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads one changelog partition; closed when dropped. It connects only when given a start
/// position, since most shards have nothing to read.
pub struct Reader {
    connection: Arc<Connection>,
    queue: Option<Queue<Context>>,
    topic: String,
    topic_id: String,
    shard: ShardId,
    bounds: Bounds,
    position: Offset,
}

impl Reader {
    pub(super) fn new(
        connection: Arc<Connection>,
        topic: String,
        topic_id: String,
        shard: ShardId,
        bounds: Bounds,
    ) -> Self {
        Self { connection, queue: None, topic, topic_id, shard, bounds, position: bounds.start }
    }

    fn failed(&self, error: impl std::fmt::Display) -> Error {
        Error::Interrupted(format!("{}: {error}", self.topic))
    }
}

impl ChangelogReader for Reader {
    fn topic_id(&self) -> String {
        self.topic_id.clone()
    }

    fn bounds(&mut self) -> Result<Bounds> {
        Ok(self.bounds)
    }

    fn seek(&mut self, from: Offset) -> Result<()> {
        let consumer = self.connection.consumer(&self.connection.reader(), Context::default())?;
        // Fetching the metadata before assigning saves half a second until the first record.
        consumer
            .fetch_metadata(Some(&self.topic), METADATA_TIMEOUT)
            .map_err(|error| self.failed(error))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.shard.0, KafkaOffset::Offset(from))
            .and_then(|()| consumer.assign(&list))
            .map_err(|error| self.failed(error))?;
        self.queue = Some(Queue::new(consumer, READ_RECORDS));
        self.position = from;
        Ok(())
    }

    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset> {
        let queue = self.queue.as_mut().expect("it was told where to start");
        queue.poll(READ_WAIT, FILL_WAIT);
        for fetched in queue.iter() {
            match fetched {
                Fetched::Record { offset, key, value, .. } => {
                    self.position = offset + 1;
                    change(Change { key: key.unwrap_or_default(), row: value });
                }
                Fetched::End { position, .. } => self.position = self.position.max(position),
                Fetched::Failed { code, .. } => {
                    return Err(Error::Interrupted(format!("{}: {code}", self.topic)));
                }
            }
        }
        Ok(self.position)
    }
}
