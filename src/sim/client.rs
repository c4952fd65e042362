//! The ports of a shard, on the in-memory Kafka, for one process.

use std::sync::{Arc, MutexGuard};

use super::{
    Situation, Stage, World,
    kafka::{Decision, MemberId, Message, Offsets, Place, ProducerId, Refusal, Topic},
    world::Request,
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{
        self, Batch, Bounds, Change, ChangelogReader, CommittedOffset, Error, InputLog, Result,
        Transaction, row_of,
    },
};

/// Why a shard stops whose output rejects everything.
pub const OUTPUT_REFUSES: &str = "an output refuses a record";

/// Turns that a client waits for a transaction to end before it gives up.
const TIMEOUT_TURNS: usize = 60;

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
    fn call(&self) -> Result<MutexGuard<'_, World>> {
        let mut world = self.stage.turn(self.process);
        world.reach_broker()?;
        Ok(world)
    }

    /// Repeats a query while a transaction is ending, up to a limit.
    fn patiently<T>(&self, mut ask: impl FnMut(&mut World) -> Answer<T>) -> Result<T> {
        for _ in 0..TIMEOUT_TURNS {
            let mut world = self.call()?;
            match ask(&mut world) {
                Err(Refusal::Busy) => {}
                answer => return answer.map_err(error),
            }
        }
        Err(Error::Interrupted("a transaction does not end".to_owned()))
    }

    /// Commits a transaction's offsets outside of it, which no shard should do.
    pub fn commit_offsets(&self, transaction: &Transaction) -> Result<()> {
        self.call()?.commit_offsets(transaction.shard, offsets(transaction));
        Ok(())
    }

    /// Returns the end of what a reader of the changelog currently sees.
    pub fn changelog_shown(&self, shard: ShardId) -> Offset {
        self.stage.world().cluster.log(Place { topic: Topic::Changelog, shard }).served()
    }

    /// Returns the group metadata as of this moment, whether or not this process has noticed it.
    pub fn newest_authority(&self) -> Option<Authority> {
        let world = self.stage.world();
        let group = &world.cluster.group;
        let (member, _) = group.members().find(|(_, process)| *process == self.process)?;
        Some(Authority { member, generation: group.generation() })
    }
}

impl shard::Broker for Client {
    type Producer = Producer;
    type Changelog = Changelog;

    fn fence(&self, shard: ShardId) -> Result<Producer> {
        let id = producer_of(shard);
        let epoch = self.patiently(|world| world.cluster.init(id))?;
        self.stage.world().tell(|| format!("p{} owns {shard} in epoch {epoch}", self.process));
        Ok(Producer { client: self.clone(), id, epoch })
    }

    fn committed(&self, shard: ShardId) -> Result<Vec<Option<CommittedOffset>>> {
        self.patiently(|world| {
            let epoch = world.cluster.epoch(producer_of(shard));
            world.located.insert((self.process, shard), epoch);
            world.cluster.committed(shard, world.setting.inputs())
        })
    }

    fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>> {
        let mut world = self.call()?;
        let inputs = 0..world.setting.inputs();
        let log = |input| {
            let log = world.cluster.log(Place { topic: Topic::Input(input), shard });
            InputLog { topic_id: log.topic_id().to_owned(), bounds: log.bounds() }
        };
        Ok(inputs.map(log).collect())
    }

    fn changelog(&self, shard: ShardId) -> Result<Changelog> {
        drop(self.call()?);
        Ok(Changelog { client: self.clone(), shard, position: 0 })
    }
}

/// A shard's transactional producer: one owner epoch.
pub struct Producer {
    client: Client,
    id: ProducerId,
    epoch: u32,
}

impl shard::Producer for Producer {
    type Authority = Authority;

    fn commit(
        &mut self,
        transaction: &Transaction,
        authority: &Authority,
    ) -> Result<Option<Offset>> {
        let changelog_end = self.write_changes(transaction.shard, &transaction.changes)?;
        self.check(transaction)?;
        for output in &transaction.outputs {
            let place = Place { topic: output.sink.into(), shard: transaction.shard };
            self.produce(place, &output.into())?;
        }
        let held = self.send_offsets(transaction, *authority);
        if let Err(Error::Outdated(why)) = held {
            self.end(Decision::Abort)?;
            return Err(Error::Outdated(why));
        }
        held?;
        self.end(Decision::Commit)?;
        Ok(changelog_end)
    }
}

impl Producer {
    fn owner(&self) -> (ProducerId, u32) {
        (self.id, self.epoch)
    }

    /// Rejects, after part of it has been written, a transaction that is larger than the brokers
    /// accept, or that has a record for an output which rejects everything.
    fn check(&self, transaction: &Transaction) -> Result<()> {
        let records = transaction.size().records;
        let mut world = self.client.stage.world();
        let is_refused = |refuses: Place| {
            let mut topics = transaction.outputs.iter().map(|output| output.sink.into());
            refuses.shard == transaction.shard && topics.any(|topic: Topic| topic == refuses.topic)
        };
        let error = if world.setting.transaction_room.is_some_and(|room| records > room) {
            world.seen.count(Situation::Oversized);
            Error::Oversized(format!("{records} records"))
        } else if world.refuses.is_some_and(is_refused) {
            Error::Misconfigured(OUTPUT_REFUSES.to_owned())
        } else {
            return Ok(());
        };
        drop(world);
        self.end(Decision::Abort)?;
        Err(error)
    }

    fn write_changes(&self, shard: ShardId, changes: &Batch) -> Result<Option<Offset>> {
        let mut end = None;
        for (key, value) in changes.iter() {
            let message = Message {
                key: Some(key.to_vec()),
                value: row_of(value).map(<[u8]>::to_vec),
                timestamp_ms: 0,
                headers: Vec::new(),
            };
            let place = Place { topic: Topic::Changelog, shard };
            end = Some(self.produce(place, &message)? + 1);
        }
        Ok(end)
    }

    fn produce(&self, place: Place, message: &Message) -> Result<Offset> {
        self.client.patiently(|world| {
            let now_ms = world.now_ms;
            if place.topic == Topic::Changelog && !world.cluster.group.has_offsets(place.shard) {
                world.fail(format!("rows of {} are written before any offset", place.shard));
            }
            world.cluster.produce(self.owner(), place, message.clone(), now_ms)
        })
    }

    fn send_offsets(&self, transaction: &Transaction, authority: Authority) -> Result<()> {
        let proof = (authority.member, authority.generation);
        self.client.patiently(|world| {
            let now_ms = world.now_ms;
            let offsets = offsets(transaction);
            world.cluster.send_offsets(self.owner(), proof, offsets, now_ms)?;
            world.judge_authority(transaction.shard, authority);
            Ok(())
        })
    }

    fn end(&self, decision: Decision) -> Result<()> {
        let mut world = self.client.call()?;
        let lost = world.setting.faults.lost_answer;
        let lost = world.happens(lost);
        let process = self.client.process;
        if lost && world.random.chance(600) {
            let steps = world.random.chance(500).then(|| world.random.between(5, 200));
            world.lose_request(Request { process, owner: self.owner(), decision }, steps);
            return Err(Error::Interrupted("no answer".to_owned()));
        }
        let request = Request { process, owner: self.owner(), decision };
        world.end_transaction(request).map_err(error)?;
        if lost {
            world.seen.count(Situation::AnswerLost);
            world.tell(|| format!("the answer to p{process} is lost"));
            return Err(Error::Interrupted("no answer".to_owned()));
        }
        Ok(())
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

    fn place(&self) -> Place {
        Place { topic: Topic::Changelog, shard: self.shard }
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

/// Returns the transactional id of a shard.
pub fn producer_of(shard: ShardId) -> ProducerId {
    ProducerId(u32::try_from(shard.0).expect("shards are numbered from 0"))
}

fn offsets(transaction: &Transaction) -> Offsets {
    let offset = |&(input, next)| {
        let metadata = &transaction.metadata;
        let metadata = if input == 0 { metadata.clone() } else { metadata.brief() };
        (transaction.shard, input, CommittedOffset { next, metadata })
    };
    transaction.offsets.iter().map(offset).collect()
}

fn error(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Fenced => Error::Fenced("its epoch is old".to_owned()),
        Refusal::Busy => Error::Interrupted("a transaction does not end".to_owned()),
        Refusal::StaleGeneration => Error::Outdated("its generation is old".to_owned()),
        Refusal::UnknownMember => Error::Outdated("its member is unknown".to_owned()),
    }
}
