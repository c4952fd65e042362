//! The transaction coordinator: one owner per transactional id, the newest epoch only.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, TopicPartition};
use rollcall_core::record::Timestamp;

/// A transactional id: a lane's, a shard's of an older version, or that of a writer of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(pub u32);

/// The number of a transaction; unique in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Commit,
    Abort,
}

/// Where a transaction's marker has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Participant {
    Partition(TopicPartition),
    /// The group's offsets.
    Offsets,
}

/// A marker to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    pub producer: ProducerId,
    pub transaction: TransactionId,
    pub participant: Participant,
    pub decision: Decision,
}

/// ```text
///          first write           decided                 last marker written
///   Idle ─────────────► Open ────────────► Ending ─────────────────────────────► Idle
/// ```
#[derive(Debug)]
enum State {
    Idle,
    Open {
        id: TransactionId,
        since_ms: Timestamp,
        participants: BTreeSet<Participant>,
    },
    /// Irrevocably decided; the markers are written one by one.
    Ending {
        id: TransactionId,
        decision: Decision,
        participants: BTreeSet<Participant>,
    },
}

#[derive(Debug)]
struct Owner {
    epoch: u32,
    state: State,
}

/// The transaction coordinator.
#[derive(Debug, Default)]
pub struct Coordinator {
    owners: BTreeMap<ProducerId, Owner>,
    transactions: u32,
}

impl Coordinator {
    /// Makes the caller the owner: older epochs are rejected from now on.
    ///
    /// # Errors
    /// [`Refusal::Busy`] until an older owner's transaction has ended; this call makes an open one
    /// end.
    pub fn init(&mut self, producer: ProducerId) -> Result<u32, Refusal> {
        let owner = self.owners.entry(producer).or_insert(Owner { epoch: 0, state: State::Idle });
        match owner.state {
            State::Idle => {
                owner.epoch += 1;
                Ok(owner.epoch)
            }
            State::Open { .. } => {
                owner.epoch += 1;
                owner.decide(Decision::Abort);
                Err(Refusal::Busy)
            }
            State::Ending { .. } => Err(Refusal::Busy),
        }
    }

    /// Makes `participant` part of the owner's transaction, which begins with the first
    /// participant.
    ///
    /// # Errors
    /// [`Refusal::Busy`] until the owner's last transaction has ended.
    pub fn join(
        &mut self,
        producer: ProducerId,
        epoch: u32,
        participant: Participant,
        now_ms: Timestamp,
    ) -> Result<TransactionId, Refusal> {
        let next = TransactionId(self.transactions + 1);
        let owner = self.owner(producer, epoch)?;
        match &mut owner.state {
            State::Ending { .. } => Err(Refusal::Busy),
            State::Open { id, participants, .. } => {
                participants.insert(participant);
                Ok(*id)
            }
            State::Idle => {
                let participants = BTreeSet::from([participant]);
                owner.state = State::Open { id: next, since_ms: now_ms, participants };
                self.transactions += 1;
                Ok(next)
            }
        }
    }

    /// Decides the owner's transaction. Repeating the same decision is not an error, for example
    /// after a lost answer. Returns the transaction if this call has decided it.
    pub fn end(
        &mut self,
        producer: ProducerId,
        epoch: u32,
        decision: Decision,
    ) -> Result<Option<TransactionId>, Refusal> {
        let owner = self.owner(producer, epoch)?;
        Ok(owner.decide(decision))
    }

    /// Returns the owner's open transaction.
    pub fn open(&self, producer: ProducerId) -> Option<TransactionId> {
        match self.owners.get(&producer)?.state {
            State::Open { id, .. } => Some(id),
            State::Idle | State::Ending { .. } => None,
        }
    }

    /// Returns the partitions that the transaction has written to so far.
    pub fn written(&self, transaction: TransactionId) -> Vec<TopicPartition> {
        let of = |owner: &Owner| match &owner.state {
            State::Open { id, participants, .. } | State::Ending { id, participants, .. }
                if *id == transaction =>
            {
                Some(participants.clone())
            }
            _ => None,
        };
        let participants = self.owners.values().find_map(of).unwrap_or_default();
        let place = |participant| match participant {
            Participant::Partition(place) => Some(place),
            Participant::Offsets => None,
        };
        participants.into_iter().filter_map(place).collect()
    }

    /// Aborts transactions that have been open since before `before_ms` and fences their owners.
    pub fn expire(&mut self, before_ms: Timestamp) -> Vec<ProducerId> {
        let mut expired = Vec::new();
        for (&producer, owner) in &mut self.owners {
            if matches!(owner.state, State::Open { since_ms, .. } if since_ms < before_ms) {
                owner.epoch += 1;
                owner.decide(Decision::Abort);
                expired.push(producer);
            }
        }
        expired
    }

    /// Returns the markers that still have to be written, in no particular order.
    pub fn markers(&self) -> Vec<Marker> {
        let mut markers = Vec::new();
        for (&producer, owner) in &self.owners {
            if let State::Ending { id, decision, participants } = &owner.state {
                markers.extend(participants.iter().map(|&participant| Marker {
                    producer,
                    transaction: *id,
                    participant,
                    decision: *decision,
                }));
            }
        }
        markers
    }

    /// Records that a marker was written.
    pub fn marked(&mut self, marker: &Marker) {
        let owner = self.owners.get_mut(&marker.producer).expect("markers come from owners");
        if let State::Ending { participants, .. } = &mut owner.state {
            participants.remove(&marker.participant);
            if participants.is_empty() {
                owner.state = State::Idle;
            }
        }
    }

    fn owner(&mut self, producer: ProducerId, epoch: u32) -> Result<&mut Owner, Refusal> {
        let owner = self.owners.get_mut(&producer).ok_or(Refusal::Fenced)?;
        if owner.epoch == epoch { Ok(owner) } else { Err(Refusal::Fenced) }
    }
}

impl Owner {
    fn decide(&mut self, decision: Decision) -> Option<TransactionId> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Open { id, participants, .. } => {
                self.state = State::Ending { id, decision, participants };
                Some(id)
            }
            state => {
                self.state = state;
                None
            }
        }
    }
}
