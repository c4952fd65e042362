//! The ports of a shard, on the in-memory Kafka, for one process.

use std::sync::{Arc, MutexGuard};

use super::{
    Situation, Stage, World,
    kafka::{MemberId, Offsets, ProducerId, Refusal, Topic, TopicPartition},
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{
        self, Bounds, Change, ChangelogReader, CommittedOffset, Error, InputLog, Result,
        Transaction, Wait,
    },
};

/// Turns that a client waits for a transaction to end before it gives up.
const TIMEOUT_TURNS: usize = 60;
/// The same, when it does not know yet whether there is one that must be ended.
const PATIENCE_TURNS: usize = 6;
/// The first transactional id of lanes; those below belong to the shards of older versions.
pub const LANES: u32 = 100;
/// The most lanes that a process can have.
const LANES_MAX: u32 = 4;

/// A broker's answer.
pub type Answer<T> = std::result::Result<T, Refusal>;

/// Proof of an assignment, as the group metadata is in a real client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority {
    pub member: MemberId,
    pub generation: i32,
}

/// A process's client for Kafka.
#[derive(Clone)]
pub struct Client {
    pub stage: Arc<Stage>,
    pub process: usize,
}

impl Client {
    /// Takes a turn for a call to a broker, which may fail.
    pub(super) fn call(&self) -> Result<MutexGuard<'_, World>> {
        let mut world = self.stage.turn(self.process);
        world.reach_broker()?;
        Ok(world)
    }

    /// Repeats a query while a transaction is ending; `None` if that takes more than `turns`.
    fn within<T>(
        &self,
        turns: usize,
        mut ask: impl FnMut(&mut World) -> Answer<T>,
    ) -> Result<Option<T>> {
        for _ in 0..turns {
            let mut world = self.call()?;
            match ask(&mut world) {
                Err(Refusal::Busy) => {}
                answer => return answer.map(Some).map_err(error),
            }
        }
        Ok(None)
    }

    /// Repeats a query while a transaction is ending, up to a limit.
    pub(super) fn patiently<T>(&self, ask: impl FnMut(&mut World) -> Answer<T>) -> Result<T> {
        let answer = self.within(TIMEOUT_TURNS, ask)?;
        answer.ok_or_else(|| Error::Interrupted("a transaction does not end".to_owned()))
    }

    /// Takes over a transactional id; returns the new epoch.
    pub(super) fn init(&self, id: ProducerId) -> Result<u32> {
        self.patiently(|world| world.cluster.init(id))
    }

    /// Commits a transaction's offsets outside of it, which no shard should do.
    pub fn commit_offsets(&self, transaction: &Transaction) -> Result<()> {
        self.call()?.commit_offsets(transaction.shard, offsets(transaction));
        Ok(())
    }

    /// Returns the end of what a reader of the changelog currently sees.
    pub fn changelog_shown(&self, shard: ShardId) -> Offset {
        self.stage.world().cluster.log(TopicPartition { topic: Topic::Changelog, shard }).served()
    }

    /// Returns the group metadata as of this moment, whether or not this process has noticed it.
    pub fn newest_authority(&self) -> Option<Authority> {
        let world = self.stage.world();
        let group = &world.cluster.group;
        let (member, _) = group.members().find(|(_, process)| *process == self.process)?;
        Some(Authority { member, generation: group.generation() })
    }

    /// Returns whether the process is of an older version, with a transactional id for each shard.
    pub fn is_former(&self) -> bool {
        self.stage.world().processes[self.process].is_former
    }
}

impl shard::Broker for Client {
    type Changelog = Changelog;

    fn committed(
        &self,
        shard: ShardId,
        wait: Wait,
    ) -> Result<Option<Vec<Option<CommittedOffset>>>> {
        if self.is_former() {
            if wait == Wait::Short {
                self.fence(&self.former_id(shard))?;
            }
            let all =
                |world: &mut World| world.cluster.group.stable(shard, 0, world.setting.inputs());
            return self.within(TIMEOUT_TURNS, all);
        }
        let turns = match wait {
            Wait::Short => PATIENCE_TURNS,
            Wait::Long => TIMEOUT_TURNS,
        };
        let rest = |world: &mut World| world.cluster.group.stable(shard, 1, world.setting.inputs());
        let Some(rest) = self.within(turns, rest)? else { return Ok(None) };
        let mut world = self.call()?;
        if world.cluster.group.holds(shard, 0) {
            world.seen.count(Situation::ClaimPassed);
        }
        let first = world.cluster.group.last(shard, 0);
        Ok(Some([vec![first], rest].concat()))
    }

    fn last_committed(&self, shard: ShardId) -> Result<Option<CommittedOffset>> {
        Ok(self.call()?.cluster.group.last(shard, 0))
    }

    fn is_ours(&self, transactional_id: &str) -> bool {
        let lanes = self.stage.world().processes[self.process].lanes;
        (0..lanes).any(|lane| transactional_id_of(self.process, lane) == transactional_id)
    }

    fn fence(&self, transactional_id: &str) -> Result<()> {
        let id = ProducerId(transactional_id.parse().expect("ids of the simulator are numbers"));
        let epoch = self.init(id)?;
        let mut world = self.stage.world();
        world.tell(|| format!("p{} fences {id:?}: epoch {epoch}", self.process));
        world.note_fenced(self.process, id, epoch);
        Ok(())
    }

    fn former_id(&self, shard: ShardId) -> String {
        former_id_of(shard).0.to_string()
    }

    fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>> {
        let mut world = self.call()?;
        let inputs = 0..world.setting.inputs();
        let log = |input| {
            let log = world.cluster.log(TopicPartition { topic: Topic::Input(input), shard });
            InputLog { topic_id: log.topic_id().to_owned(), bounds: log.bounds() }
        };
        Ok(inputs.map(log).collect())
    }

    fn changelog(&self, shard: ShardId) -> Result<Changelog> {
        drop(self.call()?);
        Ok(Changelog { client: self.clone(), shard, position: 0 })
    }
}

/// Reads a shard's changelog from a replica that may lag behind the leader.
pub struct Changelog {
    client: Client,
    shard: ShardId,
    position: Offset,
}

impl Changelog {
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    fn place(&self) -> TopicPartition {
        TopicPartition { topic: Topic::Changelog, shard: self.shard }
    }
}

impl ChangelogReader for Changelog {
    fn topic_id(&self) -> String {
        self.client.stage.world().cluster.log(self.place()).topic_id().to_owned()
    }

    fn bounds(&mut self) -> Result<Bounds> {
        Ok(self.client.call()?.cluster.log(self.place()).bounds())
    }

    fn seek(&mut self, from: Offset) -> Result<()> {
        self.position = from;
        Ok(())
    }

    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset> {
        let mut world = self.client.call()?;
        let lag = world.setting.faults.replica_lag;
        let lags = world.happens(lag);
        let most = 1 + world.random.below(10);
        let log = world.cluster.log(self.place());
        if !lags {
            log.replicate();
        }
        let behind = log.served() < log.last_stable();
        let mut position = self.position.max(log.served());
        for (read, (offset, message)) in log.read(self.position).enumerate() {
            if read == most {
                position = offset;
                break;
            }
            let key = message.key.as_deref().unwrap_or_default();
            change(Change { key, row: message.value.as_deref() });
        }
        self.position = position;
        if behind {
            world.seen.count(Situation::ReplicaLagged);
        }
        Ok(position)
    }
}

/// Returns the number of a lane's transactional id.
pub fn lane_id_of(process: usize, lane: usize) -> ProducerId {
    let number = |n: usize| u32::try_from(n).expect("there are few");
    ProducerId(LANES + number(process) * LANES_MAX + number(lane))
}

/// Returns the transactional id of a lane.
pub fn transactional_id_of(process: usize, lane: usize) -> String {
    lane_id_of(process, lane).0.to_string()
}

/// Returns the number of the transactional id that older versions use for a shard.
pub fn former_id_of(shard: ShardId) -> ProducerId {
    ProducerId(u32::try_from(shard.0).expect("shards are numbered from 0"))
}

/// Returns what a transaction commits for its shard's inputs.
pub(super) fn offsets(transaction: &Transaction) -> Offsets {
    let offset = |&(input, next)| {
        let metadata = &transaction.metadata;
        let metadata = if input == 0 { metadata.clone() } else { metadata.brief() };
        (transaction.shard, input, CommittedOffset { next, metadata })
    };
    transaction.offsets.iter().map(offset).collect()
}

pub(super) fn error(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Fenced => Error::Fenced("its epoch is old".to_owned()),
        Refusal::Busy => Error::Interrupted("a transaction does not end".to_owned()),
        Refusal::StaleGeneration => Error::Outdated("its generation is old".to_owned()),
        Refusal::UnknownMember => Error::Outdated("its member is unknown".to_owned()),
    }
}
