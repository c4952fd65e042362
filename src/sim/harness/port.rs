//! The ports of a shard, on the in-memory Kafka of a run: every call is a step.

use std::sync::MutexGuard;

use super::kafka::{Kafka, Machine, Shared, lock};
use crate::{
    client::{Authority, error, former_id_of, lane_id_of, offsets, transactional_id_of},
    disk::Contents,
    kafka::{Decision, Message, ProducerId, Refusal, Topic, TopicPartition},
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{
        self, Bounds, Change, ChangelogReader, Checkpoint, CommittedOffset, CommittedOffsets, Due,
        End, Failed, InputLog, Result, Spill, Transaction, Wait, row_of,
    },
};

/// A process's access to everything.
#[derive(Clone)]
pub struct Port {
    pub shared: Shared,
    pub machine: Machine,
    /// How many input topics there are.
    pub inputs: usize,
}

impl Port {
    pub fn lock(&self) -> MutexGuard<'_, Kafka> {
        lock(&self.shared)
    }

    fn step(&self, what: &'static str) -> Result<MutexGuard<'_, Kafka>> {
        let mut kafka = self.lock();
        kafka.step(what)?;
        Ok(kafka)
    }

    /// Takes over a transactional id: ends its open transaction.
    fn init(&self, id: ProducerId) -> Result<u32> {
        let mut kafka = self.step("take the transactional id")?;
        loop {
            let answer = kafka.cluster.init(id);
            kafka.write_markers();
            if answer != Err(Refusal::Busy) {
                return answer.map_err(error);
            }
        }
    }
}

impl shard::Broker for Port {
    type Changelog = Changelog;

    fn committed(&self, shard: ShardId, _: Wait) -> Result<Option<CommittedOffsets>> {
        let rest = self.step("read committed offsets")?.cluster.group.stable(shard, 1, self.inputs);
        // Only the owner of the transaction can end it, or whoever takes its id.
        let Ok(rest) = rest else { return Ok(None) };
        let first = self.step("read committed offsets")?.cluster.group.last(shard, 0);
        Ok(Some([vec![first], rest].concat()))
    }

    fn last_committed(&self, shard: ShardId) -> Result<Option<CommittedOffset>> {
        Ok(self.step("read committed offsets")?.cluster.group.last(shard, 0))
    }

    fn is_ours(&self, transactional_id: &str) -> bool {
        transactional_id_of(self.machine, 0) == transactional_id
    }

    fn fence(&self, transactional_id: &str) -> Result<()> {
        let id = transactional_id.parse().expect("ids of the simulator are numbers");
        self.init(ProducerId(id)).map(drop)
    }

    fn former_id(&self, shard: ShardId) -> String {
        former_id_of(shard).0.to_string()
    }

    fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>> {
        let mut kafka = self.step("look up the inputs")?;
        let log = |input| {
            let log = kafka.cluster.log(TopicPartition { topic: Topic::Input(input), shard });
            InputLog { topic_id: log.topic_id().to_owned(), bounds: log.bounds() }
        };
        Ok((0..self.inputs).map(log).collect())
    }

    fn changelog(&self, shard: ShardId) -> Result<Changelog> {
        drop(self.step("open the changelog")?);
        Ok(Changelog { port: self.clone(), shard, position: 0 })
    }
}

/// Reads a shard's changelog.
pub struct Changelog {
    port: Port,
    shard: ShardId,
    position: Offset,
}

impl Changelog {
    fn place(&self) -> TopicPartition {
        TopicPartition { topic: Topic::Changelog, shard: self.shard }
    }
}

impl ChangelogReader for Changelog {
    fn topic_id(&self) -> String {
        self.port.lock().cluster.log(self.place()).topic_id().to_owned()
    }

    fn bounds(&mut self) -> Result<Bounds> {
        Ok(self.port.step("read the changelog's end")?.cluster.log(self.place()).bounds())
    }

    fn seek(&mut self, from: Offset) -> Result<()> {
        self.position = from;
        Ok(())
    }

    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset> {
        let mut kafka = self.port.step("read the changelog")?;
        let log = kafka.cluster.log(self.place());
        log.replicate();
        for (_, message) in log.read(self.position) {
            let key = message.key.as_deref().unwrap_or_default();
            change(Change { key, row: message.value.as_deref() });
        }
        self.position = log.served();
        Ok(self.position)
    }
}

/// The transactional producer of a process.
pub struct Producer {
    port: Port,
    /// `None` until it has its transactional id.
    epoch: Option<u32>,
}

impl Producer {
    pub fn new(port: Port) -> Self {
        Self { port, epoch: None }
    }

    fn id(&self) -> ProducerId {
        lane_id_of(self.port.machine, 0)
    }

    fn run(&self, parts: &[&Transaction], proof: &Authority) -> Result<Vec<Option<Offset>>> {
        let owner = (self.id(), self.epoch.expect("it was renewed when the process started"));
        let all = parts.iter().flat_map(|part| offsets(part)).collect();
        let mut kafka = self.port.step("send the offsets")?;
        let now_ms = kafka.now_ms;
        let proof = (proof.member, proof.generation);
        kafka.cluster.send_offsets(owner, proof, all, now_ms).map_err(error)?;
        drop(kafka);
        let produce = |what, place: TopicPartition, message| -> Result<Offset> {
            let mut kafka = self.port.step(what)?;
            #[cfg(test)]
            if kafka.leaks_outputs && place.topic != Topic::Changelog {
                return Ok(kafka.cluster.log(place).append(message, None));
            }
            kafka.cluster.produce(owner, place, message, now_ms).map_err(error)
        };
        let mut ends = Vec::with_capacity(parts.len());
        for part in parts {
            let mut end = None;
            for (key, row) in part.changes.iter() {
                let (key, value) = (Some(key.to_vec()), row_of(row).map(<[u8]>::to_vec));
                let message = Message { key, value, timestamp_ms: now_ms, headers: Vec::new() };
                let place = TopicPartition { topic: Topic::Changelog, shard: part.shard };
                end = Some(produce("write a row to the changelog", place, message)? + 1);
            }
            ends.push(end);
        }
        for part in parts {
            for output in &part.outputs {
                let place = TopicPartition { topic: output.sink.into(), shard: part.shard };
                produce("write an output", place, output.into())?;
            }
        }
        let mut kafka = self.port.step("commit the transaction")?;
        kafka.cluster.end(owner.0, owner.1, Decision::Commit).map_err(error)?;
        kafka.write_markers();
        Ok(ends)
    }
}

impl shard::Producer for Producer {
    type Authority = Authority;

    fn commit(
        &mut self,
        parts: &[&Transaction],
        authority: &Authority,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed> {
        let failed = |error| Failed { error, shard: None, end: End::Unknown(None) };
        self.run(parts, authority).map_err(failed)
    }

    fn is_ready(&self) -> bool {
        self.epoch.is_some()
    }

    fn renew(&mut self) -> Result<()> {
        self.epoch = Some(self.port.init(self.id())?);
        Ok(())
    }
}

/// The store of a shard.
pub struct Disk {
    port: Port,
    shard: ShardId,
}

impl Disk {
    pub fn new(port: Port, shard: ShardId) -> Self {
        Self { port, shard }
    }

    fn read<T>(&self, read: impl FnOnce(&Contents) -> T) -> Result<T> {
        let mut kafka = self.port.step("read the local store")?;
        Ok(read(kafka.disks.entry((self.port.machine, self.shard)).or_default()))
    }
}

impl shard::Store for Disk {
    fn apply(&self, spill: &Spill) -> Result<()> {
        let mut kafka = self.port.step("write to the local store")?;
        kafka.disks.entry((self.port.machine, self.shard)).or_default().apply(spill);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        self.read(|disk| disk.checkpoint.clone())
    }

    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        self.read(|disk| disk.get_many(keys))
    }

    fn scan(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        row: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<usize> {
        self.read(|disk| disk.scan(after, limit, row))
    }

    fn due(&self, after: Option<&Due>, until_ms: i64, limit: usize) -> Result<Vec<Due>> {
        self.read(|disk| disk.due(after, until_ms, limit))
    }

    fn wipe(&mut self) -> Result<()> {
        self.port.step("wipe the local store")?.disks.remove(&(self.port.machine, self.shard));
        Ok(())
    }
}
