//! One changelog partition, read from a position to its end.

use std::time::Duration;

use rdkafka::{Offset as KafkaOffset, TopicPartitionList, consumer::Consumer};

use super::{
    context::Context,
    native::{Fetched, Queue},
};
use crate::shard::{Bounds, Change, ChangelogReader, Error, Offset, Result, ShardId};

/// Records taken at a time.
const READ_RECORDS: usize = 10_000;
/// How long a read waits for the first record, and then for more to share its cost.
const READ_WAIT: Duration = Duration::from_millis(1_000);
const FILL_WAIT: Duration = Duration::from_millis(5);

/// Reads one changelog partition; closed when dropped.
pub struct Reader {
    pub(super) queue: Queue<Context>,
    pub(super) topic: String,
    pub(super) topic_id: String,
    pub(super) shard: ShardId,
    pub(super) bounds: Bounds,
    position: Offset,
}

impl Reader {
    pub(super) fn new(
        consumer: rdkafka::consumer::BaseConsumer<Context>,
        topic: String,
        topic_id: String,
        shard: ShardId,
        bounds: Bounds,
    ) -> Self {
        let queue = Queue::new(consumer, READ_RECORDS);
        Self { queue, topic, topic_id, shard, bounds, position: bounds.start }
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
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.shard.0, KafkaOffset::Offset(from))
            .and_then(|()| self.queue.consumer().assign(&list))
            .map_err(|error| Error::Interrupted(format!("{}: {error}", self.topic)))?;
        self.position = from;
        Ok(())
    }

    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset> {
        self.queue.poll(READ_WAIT, FILL_WAIT);
        for fetched in self.queue.iter() {
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
