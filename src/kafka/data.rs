//! Reads the records of a lane's shards.

use std::{
    ffi::{CStr, CString},
    time::Duration,
};

use rdkafka::{Offset as KafkaOffset, TopicPartitionList, consumer::Consumer};

use super::{
    Client, Connection, Topics,
    context::Context,
    native::{Events, Fetched, Queue},
};
use rollcall_core::{
    record::{Headers, InputIndex, Offset, ShardId, Timestamp},
    shard::{Error, Record, Result},
};

/// Records read at a time: enough to share the cost of a batch, few enough to stay in cache.
const BATCH_RECORDS: usize = 4_000;
/// After the first record, filling the batch takes all of this time if there are fewer records.
const FILL_WAIT: Duration = Duration::from_millis(1);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the inputs of the shards assigned to it.
pub struct DataConsumer {
    // Before the queue, which closes the consumer.
    events: Events,
    queue: Queue<Context>,
    topics: Vec<String>,
    names: Vec<CString>,
}

/// What a poll returned for one shard.
#[derive(Debug)]
pub enum Input<'a> {
    Record(Record<'a>),
    /// The input has been read to its end at this position.
    End {
        input: InputIndex,
        position: Offset,
    },
    /// Reading cannot continue, for example after truncation: the shard must be opened again.
    Failed(Error),
}

impl DataConsumer {
    /// Connects; `fetch_kbytes` bounds how much is prefetched.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
    pub fn connect(connection: &Connection, topics: &Topics, fetch_kbytes: usize) -> Result<Self> {
        let config = connection.data(fetch_kbytes);
        let consumer = connection.consumer(&config, connection.context(Client::Data))?;
        for topic in &topics.inputs {
            // Fetching the metadata before assigning saves half a second until the first record.
            let _ = consumer.fetch_metadata(Some(topic), TIMEOUT);
        }
        let names = topics.inputs.iter().map(|topic| CString::new(topic.as_str()));
        let names = names.collect::<std::result::Result<_, _>>();
        Ok(Self {
            events: Events::of(&consumer),
            queue: Queue::new(consumer, BATCH_RECORDS),
            topics: topics.inputs.clone(),
            names: names.expect("validated topic names hold no NUL"),
        })
    }

    /// Starts reading the inputs of shards, each at these offsets.
    ///
    /// # Errors
    /// When librdkafka fails.
    pub fn assign(&mut self, shards: &[(ShardId, Vec<Offset>)]) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (shard, next) in shards {
            for (topic, next) in self.topics.iter().zip(next) {
                list.add_partition_offset(topic, shard.0, KafkaOffset::Offset(*next))
                    .map_err(|error| failed(*shard, &error))?;
            }
        }
        let Some((first, _)) = shards.first() else { return Ok(()) };
        self.queue.consumer().incremental_assign(&list).map_err(|error| failed(*first, &error))
    }

    /// Reads a shard's inputs again from these offsets, so that their ends are reported again.
    ///
    /// # Errors
    /// When librdkafka fails.
    pub fn reassign(&mut self, shard: ShardId, next: &[Offset]) -> Result<()> {
        self.unassign(shard)?;
        self.assign(&[(shard, next.to_vec())])
    }

    /// Stops reading a shard's inputs.
    ///
    /// # Errors
    /// When librdkafka fails.
    pub fn unassign(&mut self, shard: ShardId) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for topic in &self.topics {
            list.add_partition(topic, shard.0);
        }
        self.queue.consumer().incremental_unassign(&list).map_err(|error| failed(shard, &error))
    }

    /// Returns whether all brokers have been unreachable since the last call.
    pub fn take_brokers_lost(&self) -> bool {
        self.serve();
        self.queue.consumer().context().take_brokers_lost()
    }

    /// Handles what the client reports: errors, logs and measurements.
    fn serve(&self) {
        self.events.serve(&**self.queue.consumer().context());
    }

    /// Returns the end of the input as of the last fetch: its high watermark, which is past what
    /// can be read while a transaction is open.
    pub fn end(&self, shard: ShardId, input: InputIndex) -> Option<Offset> {
        self.queue.cached_end(&self.names[input], shard.0)
    }

    /// Returns the offsets between `next` and [`Self::end`].
    pub fn lag(&self, shard: ShardId, input: InputIndex, next: Offset) -> Option<i64> {
        self.end(shard, input).map(|end| (end - next).max(0))
    }

    /// Fetches the next batch and returns its size; waits up to `first` for the first record.
    pub fn poll(&mut self, first: Duration) -> usize {
        let got = self.queue.poll(first, FILL_WAIT);
        if got == 0 {
            self.serve();
        }
        got
    }

    /// Returns the batch, read at `wall_ms`: each input with its shard, in order within a
    /// partition.
    pub fn batch(&self, wall_ms: Timestamp) -> impl Iterator<Item = (ShardId, Input<'_>)> {
        let input_of = |topic: &CStr| {
            let name = topic.to_bytes();
            let input = self.topics.iter().position(|topic| topic.as_bytes() == name);
            input.expect("only inputs are assigned")
        };
        self.queue.iter().filter_map(move |fetched| match fetched {
            Fetched::Record { topic, partition, offset, timestamp_ms, key, value, headers } => {
                let input = input_of(topic);
                let (headers, read_at_ms) = (Some(headers as &dyn Headers), wall_ms);
                let record =
                    Record { input, offset, timestamp_ms, key, value, headers, read_at_ms };
                Some((ShardId(partition), Input::Record(record)))
            }
            Fetched::End { topic, partition, position } => {
                Some((ShardId(partition), Input::End { input: input_of(topic), position }))
            }
            Fetched::Failed { partition: Some(partition), code } => {
                let error = Error::Interrupted(format!("input cannot be read: {code}"));
                Some((ShardId(partition), Input::Failed(error)))
            }
            Fetched::Failed { partition: None, .. } => None,
        })
    }
}

fn failed(shard: ShardId, error: &rdkafka::error::KafkaError) -> Error {
    Error::Interrupted(format!("shard {shard}: {error}"))
}
