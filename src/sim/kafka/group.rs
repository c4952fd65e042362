//! The consumer group: generations, members, who was given which shard, and committed offsets.
//!
//! Modelled on the classic protocol with cooperative assignment and static members. As measured
//! on a real broker, a commit is checked for its member and generation, but *not* for whether
//! that member was given the shard.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, TransactionId};
use rollcall_core::{
    record::{InputIndex, ShardId},
    shard::CommittedOffset,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u32);

/// What a member learns: the generation and the shards it was given in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub member: MemberId,
    pub generation: i32,
    pub shards: BTreeSet<ShardId>,
}

#[derive(Debug)]
struct Member {
    /// The static instance id: the process.
    instance: usize,
    assigned: BTreeSet<ShardId>,
    /// What the member may still be working on: it has not said yet that it gave it up.
    held: BTreeSet<ShardId>,
}

/// Offsets by shard and input.
pub type Offsets = Vec<(ShardId, InputIndex, CommittedOffset)>;

/// The consumer group of the worker processes.
#[derive(Debug, Default)]
pub struct Group {
    generation: i32,
    members: BTreeMap<MemberId, Member>,
    members_ever: u32,
    committed: BTreeMap<(ShardId, InputIndex), CommittedOffset>,
    /// Offsets of transactions that have no marker here yet.
    pending: BTreeMap<TransactionId, Offsets>,
}

impl Group {
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Returns the members and the processes that they are.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, usize)> {
        self.members.iter().map(|(&id, member)| (id, member.instance))
    }

    /// Adds a process. A static member that comes back before its session has ended takes its old
    /// place: nothing moves, and its former member id is refused from now on. Anyone else owns
    /// nothing until the next [`Self::rebalance`].
    pub fn join(&mut self, instance: usize) -> MemberId {
        self.members_ever += 1;
        let id = MemberId(self.members_ever);
        let former = self.members.iter().find(|(_, member)| member.instance == instance);
        let member = match former.map(|(&former, _)| former) {
            Some(former) => self.members.remove(&former).expect("it was just found"),
            None => Member { instance, assigned: BTreeSet::new(), held: BTreeSet::new() },
        };
        self.members.insert(id, member);
        id
    }

    /// Takes a member out: it left, or its session has ended.
    pub fn remove(&mut self, id: MemberId) {
        self.members.remove(&id);
    }

    /// Starts a new generation. `wanted` says for each shard which member should have it; a shard
    /// that another member still holds goes to no one until it was given up.
    pub fn rebalance(&mut self, wanted: &BTreeMap<ShardId, MemberId>) {
        self.generation += 1;
        for member in self.members.values_mut() {
            member.assigned.clear();
        }
        for (&shard, to) in wanted {
            if self.holder(shard).is_none_or(|holder| holder == *to) {
                let member = self.members.get_mut(to).expect("a shard goes to a member");
                member.assigned.insert(shard);
                member.held.insert(shard);
            }
        }
    }

    /// Returns the shards that no member was given.
    pub fn unassigned(&self, shards: impl Iterator<Item = ShardId>) -> Vec<ShardId> {
        let given = |shard: &ShardId| self.members.values().any(|m| m.assigned.contains(shard));
        shards.filter(|shard| !given(shard)).collect()
    }

    /// Returns what `member` was given, `None` when the group does not know it any more.
    pub fn assigned(&self, member: MemberId) -> Option<Assigned> {
        let shards = self.members.get(&member)?.assigned.clone();
        Some(Assigned { member, generation: self.generation, shards })
    }

    /// Notes that `member` works on `shards` no more.
    pub fn gave_up(&mut self, member: MemberId, shards: &BTreeSet<ShardId>) {
        if let Some(member) = self.members.get_mut(&member) {
            member.held.retain(|shard| !shards.contains(shard));
        }
    }

    /// Returns who may still work on the shard.
    pub fn holder(&self, shard: ShardId) -> Option<MemberId> {
        let holds = |(_, member): &(&MemberId, &Member)| member.held.contains(&shard);
        self.members.iter().find(holds).map(|(&id, _)| id)
    }

    /// Refuses a member that is unknown or of another generation, as the broker does.
    pub fn check(&self, member: MemberId, generation: i32) -> Result<(), Refusal> {
        if !self.members.contains_key(&member) {
            return Err(Refusal::UnknownMember);
        }
        if generation != self.generation {
            return Err(Refusal::StaleGeneration);
        }
        Ok(())
    }

    /// Keeps offsets until their transaction ends.
    pub fn hold(&mut self, transaction: TransactionId, offsets: Offsets) {
        self.pending.entry(transaction).or_default().extend(offsets);
    }

    /// Returns the offsets that a transaction would commit.
    pub fn held(&self, transaction: TransactionId) -> &[(ShardId, InputIndex, CommittedOffset)] {
        self.pending.get(&transaction).map_or(&[], Vec::as_slice)
    }

    /// Commits the offsets of a transaction that has committed.
    pub fn release(&mut self, transaction: TransactionId) {
        let offsets = self.pending.remove(&transaction).unwrap_or_default();
        self.commit(offsets);
    }

    /// Forgets the offsets of a transaction that was aborted.
    pub fn forget(&mut self, transaction: TransactionId) {
        self.pending.remove(&transaction);
    }

    /// Commits offsets at once, outside any transaction.
    pub fn commit(&mut self, offsets: Offsets) {
        for (shard, input, offset) in offsets {
            self.committed.insert((shard, input), offset);
        }
    }

    /// Drops the offsets of topics that no member subscribes to, as brokers do after a while: those
    /// of all inputs but the first. Returns whether there were any.
    pub fn expire(&mut self, shard: ShardId) -> bool {
        let before = self.committed.len();
        self.committed.retain(|&(of, input), _| of != shard || input == 0);
        self.committed.len() < before
    }

    /// Drops all offsets of a shard, as brokers do when a group was away for longer than they keep
    /// them.
    pub fn expire_all(&mut self, shard: ShardId) {
        self.committed.retain(|&(of, _), _| of != shard);
    }

    /// Tells whether anything was ever committed for the shard and is still there, or is about to
    /// be.
    pub fn has_offsets(&self, shard: ShardId) -> bool {
        let pending = self.pending.values().flatten().map(|&(of, ..)| of);
        self.committed.keys().map(|&(of, _)| of).chain(pending).any(|of| of == shard)
    }

    /// Returns the committed offsets of a shard's inputs.
    ///
    /// # Errors
    /// [`Refusal::Busy`] while a transaction that commits some of them has not ended.
    pub fn committed(
        &self,
        shard: ShardId,
        inputs: usize,
    ) -> Result<Vec<Option<CommittedOffset>>, Refusal> {
        let unstable = self.pending.values().flatten().any(|(of, ..)| *of == shard);
        if unstable {
            return Err(Refusal::Busy);
        }
        Ok((0..inputs).map(|input| self.committed.get(&(shard, input)).cloned()).collect())
    }
}
