//! The transactions of a lane on the in-memory Kafka.

use super::{
    Authority, Client, Situation,
    client::{Answer, error, former_id_of, lane_id_of, offsets},
    kafka::{Decision, Message, ProducerId, Topic, TopicPartition},
    world::Request,
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{self, End, Error, Failed, Metadata, Result, Transaction, row_of},
};

/// Why a shard stops whose output rejects everything.
pub const OUTPUT_REFUSES: &str = "an output refuses a record";

type Owner = (ProducerId, u32);

/// The transactional producer of a lane; that of an older version has an id for each shard.
pub struct Producer {
    client: Client,
    lane: usize,
    /// `None` until it has its transactional id.
    epoch: Option<u32>,
}

impl Producer {
    /// Makes a producer that is not connected yet.
    pub fn new(client: Client, lane: usize) -> Self {
        Self { client, lane, epoch: None }
    }

    fn id(&self) -> ProducerId {
        lane_id_of(self.client.process, self.lane)
    }
}

impl shard::Producer for Producer {
    type Authority = Authority;

    fn commit(
        &mut self,
        parts: &[&Transaction],
        authority: &Authority,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed> {
        if self.client.is_former() {
            return self.commit_formerly(parts, *authority);
        }
        let Some(epoch) = self.epoch else {
            let error = Error::Interrupted("the producer is not ready".to_owned());
            return Err(Failed { error, shard: None, end: End::Unknown(None) });
        };
        let open = Open { client: &self.client, owner: (self.id(), epoch), is_former: false };
        let result = open.run(parts, *authority);
        if let Err(Failed { end: End::Unknown(_), .. }) = &result {
            self.epoch = None;
        }
        result
    }

    fn is_ready(&self) -> bool {
        self.epoch.is_some() || self.client.is_former()
    }

    fn renew(&mut self) -> Result<()> {
        self.epoch = None;
        let epoch = self.client.init(self.id())?;
        let (process, id) = (self.client.process, self.id());
        self.client.stage.world().tell(|| format!("p{process} has {id:?} in epoch {epoch}"));
        self.epoch = Some(epoch);
        Ok(())
    }
}

impl Producer {
    /// Commits each part in a transaction of its shard, as older versions do.
    fn commit_formerly(
        &mut self,
        parts: &[&Transaction],
        authority: Authority,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed> {
        let mut ends = Vec::new();
        for part in parts {
            let id = former_id_of(part.shard);
            let failed = |error| Failed { error, shard: Some(part.shard), end: End::Aborted };
            let known = self.client.stage.world().former_epoch(self.client.process, id);
            let Some(epoch) = known else {
                return Err(failed(Error::Interrupted("the shard is not opened".to_owned())));
            };
            let open = Open { client: &self.client, owner: (id, epoch), is_former: true };
            let committed = open.run(&[part], authority);
            ends.extend(committed.map_err(|error| match error.end {
                End::Aborted => error,
                // It opens the shard again, whatever has become of the transaction.
                End::Unknown(_) => failed(Error::Interrupted(error.error.to_string())),
            })?);
        }
        Ok(ends)
    }
}

/// A transaction under way.
struct Open<'a> {
    client: &'a Client,
    owner: Owner,
    is_former: bool,
}

impl Open<'_> {
    fn run(
        &self,
        parts: &[&Transaction],
        authority: Authority,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed> {
        if !self.is_former {
            self.send_offsets(parts, authority).map_err(|error| self.failed(error, None))?;
        }
        let mut ends = Vec::with_capacity(parts.len());
        for part in parts {
            ends.push(self.write_changes(part).map_err(|error| self.failed(error, None))?);
        }
        if let Some((error, shard)) = self.refusal(parts) {
            if shard.is_some() && parts.len() > 1 {
                self.client.stage.world().seen.count(Situation::NeighbourFailed);
            }
            return Err(self.failed(error, shard));
        }
        for part in parts {
            for output in &part.outputs {
                let place = TopicPartition { topic: output.sink.into(), shard: part.shard };
                let produced = self.produce(place, &output.into());
                produced.map_err(|error| self.failed(error, None))?;
            }
        }
        if self.is_former {
            self.send_offsets(parts, authority).map_err(|error| self.failed(error, None))?;
        }
        match self.end(Decision::Commit) {
            Ok(()) => Ok(ends),
            Err(error) => Err(Failed { error, shard: None, end: End::Unknown(Some(ends)) }),
        }
    }

    /// Aborts after an error, if that is possible.
    fn failed(&self, error: Error, shard: Option<ShardId>) -> Failed {
        let is_certain = !matches!(error, Error::Fenced(_)) && self.end(Decision::Abort).is_ok();
        let end = if is_certain { End::Aborted } else { End::Unknown(None) };
        Failed { error, shard, end }
    }

    /// Returns why the brokers reject the transaction after part of it has been written, and whose
    /// part is the cause: it is larger than they accept, or has a record for an output that rejects
    /// everything.
    fn refusal(&self, parts: &[&Transaction]) -> Option<(Error, Option<ShardId>)> {
        let mut world = self.client.stage.world();
        if let Some(room) = world.setting.transaction_room {
            let records = |part: &Transaction| part.size().records;
            if parts.iter().map(|part| records(part)).sum::<usize>() > room {
                world.seen.count(Situation::Oversized);
                let alone = parts.iter().find(|part| records(part) > room);
                let named = world.random.chance(500);
                let error = Error::Oversized(format!("more than {room} records"));
                return Some((error, alone.filter(|_| named).map(|part| part.shard)));
            }
        }
        let refuses = world.refuses?;
        let is_refused = |part: &&&Transaction| {
            let mut topics = part.outputs.iter().map(|output| output.sink.into());
            refuses.shard == part.shard && topics.any(|topic: Topic| topic == refuses.topic)
        };
        let part = parts.iter().find(is_refused)?;
        Some((Error::Misconfigured(OUTPUT_REFUSES.to_owned()), Some(part.shard)))
    }

    fn write_changes(&self, part: &Transaction) -> Result<Option<Offset>> {
        let mut end = None;
        for (key, value) in part.changes.iter() {
            let message = Message {
                key: Some(key.to_vec()),
                value: row_of(value).map(<[u8]>::to_vec),
                timestamp_ms: 0,
                headers: Vec::new(),
            };
            let place = TopicPartition { topic: Topic::Changelog, shard: part.shard };
            end = Some(self.produce(place, &message)? + 1);
        }
        Ok(end)
    }

    fn produce(&self, place: TopicPartition, message: &Message) -> Result<Offset> {
        self.client.patiently(|world| {
            let now_ms = world.now_ms;
            if place.topic == Topic::Changelog && !world.cluster.group.has_offsets(place.shard) {
                world.fail(format!("rows of {} are written before any offset", place.shard));
            }
            world.cluster.produce(self.owner, place, message.clone(), now_ms)
        })
    }

    fn send_offsets(&self, parts: &[&Transaction], authority: Authority) -> Result<()> {
        let proof = (authority.member, authority.generation);
        self.client.patiently(|world| -> Answer<()> {
            let now_ms = world.now_ms;
            let mut all: Vec<_> = parts.iter().flat_map(|part| offsets(part)).collect();
            if self.is_former {
                for (_, _, offset) in &mut all {
                    let metadata = std::mem::take(&mut offset.metadata);
                    offset.metadata = Metadata { owner: None, commit: 0, ..metadata };
                }
            }
            world.cluster.send_offsets(self.owner, proof, all, now_ms)?;
            for part in parts {
                world.judge_authority(part.shard, authority);
            }
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
            world.lose_request(Request { process, owner: self.owner, decision }, steps);
            return Err(Error::Interrupted("no answer".to_owned()));
        }
        let request = Request { process, owner: self.owner, decision };
        world.end_transaction(request).map_err(error)?;
        if lost {
            world.seen.count(Situation::AnswerLost);
            world.tell(|| format!("the answer to p{process} is lost"));
            return Err(Error::Interrupted("no answer".to_owned()));
        }
        Ok(())
    }
}
