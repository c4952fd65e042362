//! What outlives the process of a run: the cluster, the disks, the time, and the step at which the
//! process dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Arrival, Produced};
use crate::{
    disk::Contents,
    kafka::{Cluster, Message, Topic, TopicPartition},
};
use rollcall_core::{
    record::{ShardId, Sink, Timestamp},
    shard::{Error, Result},
};

/// A process's name in the group, and the machine with its disks.
pub type Machine = usize;

/// The cluster and the disks; see the module.
pub struct Kafka {
    pub cluster: Cluster,
    pub disks: BTreeMap<(Machine, ShardId), Contents>,
    pub now_ms: Timestamp,
    /// Steps that processes have begun.
    pub steps: u64,
    /// The step before which the process dies.
    pub crash_at: Option<u64>,
    /// The process is dead: none of its steps has an effect.
    pub is_dead: bool,
    pub died_before: Option<&'static str>,
    /// A planted fault: outputs are written outside of the transaction.
    #[cfg(test)]
    pub leaks_outputs: bool,
}

/// Everything that uses the cluster shares it.
pub type Shared = Arc<Mutex<Kafka>>;

/// Returns exclusive access.
pub fn lock(shared: &Mutex<Kafka>) -> MutexGuard<'_, Kafka> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kafka {
    pub fn new(now_ms: Timestamp) -> Shared {
        Arc::new(Mutex::new(Self {
            cluster: Cluster::default(),
            disks: BTreeMap::new(),
            now_ms,
            steps: 0,
            crash_at: None,
            is_dead: false,
            died_before: None,
            #[cfg(test)]
            leaks_outputs: false,
        }))
    }

    /// Begins a step of the process.
    ///
    /// # Errors
    /// When the process dies before it, or is dead.
    pub fn step(&mut self, what: &'static str) -> Result<()> {
        self.steps += 1;
        if self.crash_at == Some(self.steps) {
            self.crash_at = None;
            self.is_dead = true;
            self.died_before = Some(what);
        }
        if self.is_dead {
            return Err(Error::Interrupted("the process was killed".to_owned()));
        }
        Ok(())
    }

    /// Writes a record to its input.
    pub fn write(&mut self, arrival: &Arrival) {
        let Arrival { input, shard, at_ms, key, value, headers } = arrival.clone();
        let message = Message { key, value, timestamp_ms: at_ms, headers };
        self.cluster
            .log(TopicPartition { topic: Topic::Input(input), shard })
            .append(message, None);
    }

    /// Ends every transaction that is decided. Brokers do that by themselves, whatever becomes of
    /// the process.
    pub fn write_markers(&mut self) {
        for marker in self.cluster.markers() {
            self.cluster.mark(&marker);
        }
    }

    /// Returns what readers of the outputs see.
    pub fn outputs(&mut self, shards: impl Iterator<Item = ShardId>) -> Vec<Produced> {
        let mut outputs = Vec::new();
        for (shard, sink) in shards.flat_map(|shard| Sink::ALL.map(|sink| (shard, sink))) {
            let log = self.cluster.log(TopicPartition { topic: sink.into(), shard });
            outputs.extend(log.messages(0, log.last_stable()).map(|(_, message)| {
                let Message { key, value, headers, .. } = Message::clone(message);
                Produced { sink, key, value, headers }
            }));
        }
        outputs
    }
}
