//! Reads one changelog partition from a position to its end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

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

/// How long a client is kept for the next shard.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// Clients that have read a changelog and may read the next one. Even a store that was closed in
/// order is followed by the marker of its last transaction, so nearly every shard has something to
/// read, and a new client would take longer than reading that.
#[derive(Default)]
struct Idle {
    clients: Vec<Queue<Context>>,
    used_at: Option<Instant>,
}

/// The clients of all readers of a process.
#[derive(Clone, Default)]
pub(super) struct ReaderClients(Arc<Mutex<Arc<Mutex<Idle>>>>);

impl ReaderClients {
    fn idle(&self) -> Arc<Mutex<Idle>> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Uses none of the present clients any more, for example after a change of certificates.
    pub fn replace(&self) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *shared);
        drop(shared);
        // Closing a client takes a moment. A reader that still has one keeps it to its end.
        let closing = thread::Builder::new().name("closing".to_owned());
        if let Err(error) = closing.spawn(move || drop(old)) {
            tracing::debug!(%error, "closing clients without a thread of its own");
        }
    }

    /// Closes the clients once no shard has been opened for a while.
    pub fn close_idle(&self) {
        let idle = self.idle();
        let used_at = idle.lock().unwrap_or_else(PoisonError::into_inner).used_at;
        // This one and the shared one: no reader has it.
        let is_idle = used_at.is_some_and(|at| at.elapsed() > KEPT_FOR);
        if is_idle && Arc::strong_count(&idle) == 2 {
            drop(idle);
            self.replace();
        }
    }
}

/// Reads one changelog partition. It connects only when given a start position.
pub struct Reader {
    connection: Arc<Connection>,
    idle: Arc<Mutex<Idle>>,
    /// `None` again after a failure.
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
        clients: &ReaderClients,
        topic: String,
        topic_id: String,
        shard: ShardId,
        bounds: Bounds,
    ) -> Self {
        let (idle, position) = (clients.idle(), bounds.start);
        Self { connection, idle, queue: None, topic, topic_id, shard, bounds, position }
    }

    /// Returns a client that knows the topic.
    fn client(&self) -> Result<Queue<Context>> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).clients.pop();
        if let Some(mut kept) = kept {
            // What was reported since.
            while kept.poll(Duration::ZERO, Duration::ZERO) > 0 {}
            return Ok(kept);
        }
        let consumer = self.connection.consumer(&self.connection.reader(), Context::default())?;
        // Fetching the metadata before assigning saves half a second until the first record.
        consumer
            .fetch_metadata(Some(&self.topic), METADATA_TIMEOUT)
            .map_err(|error| self.failed(error))?;
        Ok(Queue::new(consumer, READ_RECORDS))
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
        let queue = self.client()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.shard.0, KafkaOffset::Offset(from))
            .and_then(|()| queue.consumer().assign(&list))
            .map_err(|error| self.failed(error))?;
        self.queue = Some(queue);
        self.position = from;
        Ok(())
    }

    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset> {
        let mut queue = self.queue.take().expect("it was told where to start");
        queue.poll(READ_WAIT, FILL_WAIT);
        for fetched in queue.iter() {
            match fetched {
                Fetched::Record { partition, offset, key, value, .. }
                    if partition == self.shard.0 =>
                {
                    self.position = offset + 1;
                    change(Change { key: key.unwrap_or_default(), row: value });
                }
                Fetched::End { partition, position, .. } if partition == self.shard.0 => {
                    self.position = self.position.max(position);
                }
                // Of another shard, which the client has read before.
                Fetched::Record { .. } | Fetched::End { .. } => {}
                Fetched::Failed { code, .. } => {
                    return Err(Error::Interrupted(format!("{}: {code}", self.topic)));
                }
            }
        }
        self.queue = Some(queue);
        Ok(self.position)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(mut queue) = self.queue.take() else { return };
        if queue.consumer().unassign().is_ok() {
            // Frees what was read.
            queue.poll(Duration::ZERO, Duration::ZERO);
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.clients.push(queue);
            idle.used_at = Some(Instant::now());
        }
    }
}
