//! The consumer group: generations, members, assignments, and committed offsets.
//!
//! Modelled on the classic protocol with cooperative assignment and static members. As measured
//! on a real broker, a commit is checked for its member and generation, but *not* for whether
//! that member was given the shard. Under the newer protocol (KIP-848), an old epoch is accepted,
//! too, unless one of the shards has moved since. Of two offsets that are pending for the same
//! input, the one that was sent later counts, whichever transaction ends first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Refusal, TransactionId};
use rollcall_core::{
    record::{InputIndex, ShardId},
    shard::CommittedOffset,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u32);

/// What a member learns: the generation and its shards in it.
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
    /// The shards that the member may still be working on: it has not reported giving them up.
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
    committed: BTreeMap<(ShardId, InputIndex), (Written, CommittedOffset)>,
    /// Offsets of transactions whose marker has not been written here yet.
    pending: BTreeMap<TransactionId, Vec<(Written, Offsets)>>,
    /// Those of them that will be committed, whatever happens.
    decided: BTreeSet<TransactionId>,
    written: Written,
    /// The generation in which each shard last came to its member.
    moved: BTreeMap<ShardId, (MemberId, i32)>,
    /// Old epochs are accepted for shards that have not moved since.
    pub lenient: bool,
}

/// The position of offsets in the group's log.
type Written = u64;

impl Group {
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Returns the members with their processes.
    pub fn members(&self) -> impl Iterator<Item = (MemberId, usize)> {
        self.members.iter().map(|(&id, member)| (id, member.instance))
    }

    /// Adds a process. A static member that comes back before its session has ended takes its old
    /// place: nothing moves, and its former member id is rejected from now on. Any other process
    /// owns nothing until the next [`Self::rebalance`].
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

    /// Removes a member: it left, or its session has ended.
    pub fn remove(&mut self, id: MemberId) {
        self.members.remove(&id);
    }

    /// Starts a new generation. `wanted` gives the member for each shard; a shard that another
    /// member still holds goes to no one until it has been given up.
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
                let moved = self.moved.entry(shard).or_insert((*to, self.generation));
                if moved.0 != *to {
                    *moved = (*to, self.generation);
                }
            }
        }
    }

    /// Returns the shards that are assigned to no member.
    pub fn unassigned(&self, shards: impl Iterator<Item = ShardId>) -> Vec<ShardId> {
        let given = |shard: &ShardId| self.members.values().any(|m| m.assigned.contains(shard));
        shards.filter(|shard| !given(shard)).collect()
    }

    /// Returns the assignment of `member`, `None` if the group does not know it any more.
    pub fn assigned(&self, member: MemberId) -> Option<Assigned> {
        let shards = self.members.get(&member)?.assigned.clone();
        Some(Assigned { member, generation: self.generation, shards })
    }

    /// Records that `member` no longer works on `shards`. What a generation has given back to it
    /// in the meantime it still holds: as with a real coordinator, a member gives up what it was
    /// told to, and then gets what is its own by now.
    pub fn gave_up(&mut self, member: MemberId, shards: &BTreeSet<ShardId>) {
        if let Some(Member { assigned, held, .. }) = self.members.get_mut(&member) {
            held.retain(|shard| !shards.contains(shard) || assigned.contains(shard));
        }
    }

    /// Returns the member that may still work on the shard.
    pub fn holder(&self, shard: ShardId) -> Option<MemberId> {
        let holds = |(_, member): &(&MemberId, &Member)| member.held.contains(&shard);
        self.members.iter().find(holds).map(|(&id, _)| id)
    }

    /// Rejects a member that is unknown or of another generation, as the broker does.
    pub fn check(
        &self,
        member: MemberId,
        generation: i32,
        offsets: &Offsets,
    ) -> Result<(), Refusal> {
        if !self.members.contains_key(&member) {
            return Err(Refusal::UnknownMember);
        }
        let has_moved = |(shard, ..): &(ShardId, InputIndex, CommittedOffset)| {
            self.moved.get(shard).is_some_and(|(_, at)| *at > generation)
        };
        let is_accepted = self.lenient && !offsets.iter().any(has_moved);
        if generation != self.generation && !is_accepted {
            return Err(Refusal::StaleGeneration);
        }
        Ok(())
    }

    /// Keeps offsets until their transaction ends.
    pub fn hold(&mut self, transaction: TransactionId, offsets: Offsets) {
        self.written += 1;
        self.pending.entry(transaction).or_default().push((self.written, offsets));
    }

    /// Returns the offsets that a transaction would commit.
    pub fn held(&self, transaction: TransactionId) -> Offsets {
        let held = self.pending.get(&transaction).into_iter().flatten();
        held.flat_map(|(_, offsets)| offsets).cloned().collect()
    }

    /// Returns whether newer offsets of the shard than those of the transaction were committed, or
    /// will be: their transaction has committed, and only its marker is not written here yet.
    pub fn is_superseded(&self, transaction: TransactionId, shard: ShardId) -> bool {
        let written = |of: &TransactionId| {
            let held = self.pending.get(of).into_iter().flatten();
            let of_shard = held.filter(|(_, offsets)| offsets.iter().any(|(of, ..)| *of == shard));
            of_shard.map(|(written, _)| *written).max()
        };
        let committed = self.committed.get(&(shard, 0)).map(|(written, _)| *written);
        let newest = self.decided.iter().filter_map(written).chain(committed).max();
        written(&transaction).is_some_and(|own| newest.is_some_and(|newest| newest > own))
    }

    /// Records that a transaction has committed, although its marker is not written here yet.
    pub fn decide(&mut self, transaction: TransactionId) {
        if self.pending.contains_key(&transaction) {
            self.decided.insert(transaction);
        }
    }

    /// Commits the offsets of a transaction that has committed.
    pub fn release(&mut self, transaction: TransactionId) {
        self.decided.remove(&transaction);
        for (written, offsets) in self.pending.remove(&transaction).unwrap_or_default() {
            self.put(written, offsets);
        }
    }

    fn put(&mut self, written: Written, offsets: Offsets) {
        for (shard, input, offset) in offsets {
            let there = self.committed.get(&(shard, input)).map(|(written, _)| *written);
            if there.is_none_or(|there| there < written) {
                self.committed.insert((shard, input), (written, offset));
            }
        }
    }

    /// Drops the offsets of an aborted transaction.
    pub fn forget(&mut self, transaction: TransactionId) {
        self.pending.remove(&transaction);
    }

    /// Commits offsets at once, outside any transaction.
    pub fn commit(&mut self, offsets: Offsets) {
        self.written += 1;
        self.put(self.written, offsets);
    }

    /// Drops the offsets of topics that no member subscribes to, as brokers do after a while: those
    /// of all inputs except the first. Returns whether there were any.
    pub fn expire(&mut self, shard: ShardId) -> bool {
        let before = self.committed.len();
        self.committed.retain(|&(of, input), _| of != shard || input == 0);
        self.committed.len() < before
    }

    /// Drops all offsets of a shard, as brokers do when a group is away for longer than they keep
    /// offsets.
    pub fn expire_all(&mut self, shard: ShardId) {
        self.committed.retain(|&(of, _), _| of != shard);
    }

    /// Returns whether the shard has committed offsets, or is about to have some.
    pub fn has_offsets(&self, shard: ShardId) -> bool {
        self.committed.keys().any(|&(of, _)| of == shard) || self.holds(shard, 0)
    }

    /// Returns whether a transaction that has not ended holds offsets of the shard's inputs from
    /// `first` on.
    pub fn holds(&self, shard: ShardId, first: InputIndex) -> bool {
        let mut pending = self.pending.values().flatten().flat_map(|(_, offsets)| offsets);
        pending.any(|&(of, input, _)| of == shard && input >= first)
    }

    /// Returns the committed offsets of a shard's inputs from `first` on.
    ///
    /// # Errors
    /// [`Refusal::Busy`] while a transaction that commits some of them has not ended.
    pub fn stable(
        &self,
        shard: ShardId,
        first: InputIndex,
        inputs: usize,
    ) -> Result<Vec<Option<CommittedOffset>>, Refusal> {
        if self.holds(shard, first) {
            return Err(Refusal::Busy);
        }
        Ok((first..inputs).map(|input| self.last(shard, input)).collect())
    }

    /// Returns the offset that was last committed for an input, whatever is pending.
    pub fn last(&self, shard: ShardId, input: InputIndex) -> Option<CommittedOffset> {
        self.committed.get(&(shard, input)).map(|(_, offset)| offset.clone())
    }
}
