//! An in-memory Kafka cluster: only what determines whether a shard is correct.
//!
//! Promise: offsets, markers, epochs, pending offsets, generations and compaction behave as
//! measured on a real broker (`docs/architecture.md`), or more harshly. Ban: no randomness and no
//! threads here; the caller decides what happens when.

mod group;
mod log;
mod transactions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use group::{Group, MemberId, Offsets};
pub use log::{Log, Message};
pub use transactions::{Coordinator, Decision, Marker, Participant, ProducerId, TransactionId};

use rollcall_core::record::{InputIndex, Offset, ShardId, Sink, Timestamp};

/// Why a broker rejects a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The producer has a newer owner.
    Fenced,
    /// A transaction is ending; retrying later helps.
    Busy,
    StaleGeneration,
    UnknownMember,
}

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Topic,
    pub shard: ShardId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Input(InputIndex),
    Changelog,
    Completed,
    Overdue,
    DeadLetter,
    Failed,
    Cancelled,
}

impl From<Sink> for Topic {
    fn from(sink: Sink) -> Self {
        match sink {
            Sink::Completed => Self::Completed,
            Sink::Overdue => Self::Overdue,
            Sink::DeadLetter => Self::DeadLetter,
            Sink::Failed => Self::Failed,
            Sink::Cancelled => Self::Cancelled,
        }
    }
}

/// An in-memory Kafka cluster.
#[derive(Debug, Default)]
pub struct Cluster {
    logs: BTreeMap<TopicPartition, Log>,
    coordinator: Coordinator,
    pub group: Group,
}

impl Cluster {
    /// Returns the partition, which exists from the start.
    pub fn log(&mut self, place: TopicPartition) -> &mut Log {
        self.logs.entry(place).or_insert_with(|| Log::new(format!("{place:?} 1")))
    }

    /// Deletes the topic's partition and creates a new, empty one under another id.
    pub fn recreate(&mut self, place: TopicPartition) {
        let again = format!("{} again", self.log(place).topic_id());
        self.logs.insert(place, Log::new(again));
    }

    /// As [`Coordinator::init`].
    pub fn init(&mut self, producer: ProducerId) -> Result<u32, Refusal> {
        self.coordinator.init(producer)
    }

    /// Appends to the owner's transaction.
    pub fn produce(
        &mut self,
        (producer, epoch): (ProducerId, u32),
        place: TopicPartition,
        message: Message,
        now_ms: Timestamp,
    ) -> Result<Offset, Refusal> {
        let participant = Participant::Partition(place);
        let transaction = self.coordinator.join(producer, epoch, participant, now_ms)?;
        Ok(self.log(place).append(message, Some(transaction)))
    }

    /// Adds offsets to the owner's transaction.
    pub fn send_offsets(
        &mut self,
        (producer, epoch): (ProducerId, u32),
        (member, generation): (MemberId, i32),
        offsets: Offsets,
        now_ms: Timestamp,
    ) -> Result<(), Refusal> {
        let participant = Participant::Offsets;
        let transaction = self.coordinator.join(producer, epoch, participant, now_ms)?;
        self.group.check(member, generation, &offsets)?;
        self.group.hold(transaction, offsets);
        Ok(())
    }

    /// As [`Coordinator::end`].
    pub fn end(
        &mut self,
        producer: ProducerId,
        epoch: u32,
        decision: Decision,
    ) -> Result<Option<TransactionId>, Refusal> {
        let ended = self.coordinator.end(producer, epoch, decision)?;
        if let (Some(transaction), Decision::Commit) = (ended, decision) {
            self.group.decide(transaction);
        }
        Ok(ended)
    }

    /// As [`Coordinator::written`].
    pub fn written(&self, transaction: TransactionId) -> Vec<TopicPartition> {
        self.coordinator.written(transaction)
    }

    /// As [`Coordinator::open`].
    pub fn open_transaction(&self, producer: ProducerId) -> Option<TransactionId> {
        self.coordinator.open(producer)
    }

    /// As [`Coordinator::expire`].
    pub fn expire_transactions(&mut self, before_ms: Timestamp) -> Vec<ProducerId> {
        self.coordinator.expire(before_ms)
    }

    /// Returns the markers that still have to be written.
    pub fn markers(&self) -> Vec<Marker> {
        self.coordinator.markers()
    }

    /// Writes one marker.
    pub fn mark(&mut self, marker: &Marker) {
        match (marker.participant, marker.decision) {
            (Participant::Partition(place), decision) => {
                self.log(place).mark(marker.transaction, decision);
            }
            (Participant::Offsets, Decision::Commit) => self.group.release(marker.transaction),
            (Participant::Offsets, Decision::Abort) => self.group.forget(marker.transaction),
        }
        self.coordinator.marked(marker);
    }
}
