//! The lanes of a process: each commits the parts of its shards together.

use std::{sync::Arc, time::Duration};

use super::{Found, Process, now, running::Open};
use crate::{Client, Situation, Wiring, disk::Disk};
use rollcall_core::{
    owner::{self, Candidate, Cause, Due, Ended, Learnt, Sent, Stay},
    record::{Offset, ShardId},
    shard::{Attempt, Commit, Committed, Error, Producer, Result, Size, commit_parts},
};

/// A lane and its producer.
pub struct Lane<W: Wiring> {
    pub lane: owner::Lane,
    /// With the committers while a transaction is under way.
    pub producer: Option<W::Producer>,
}

/// A transaction on its way to Kafka and back.
pub struct Job<W: Wiring> {
    pub lane: usize,
    pub sent: Sent,
    pub parts: Vec<Part>,
    pub producer: W::Producer,
    /// It did not end, and another producer of its lane has taken over.
    pub is_retired: bool,
    pub attempt: Option<Attempt>,
}

/// A shard's part of a transaction.
pub struct Part {
    pub shard: ShardId,
    pub stay: Stay,
    pub commit: Commit,
    pub was_refused: bool,
}

/// A part that has committed, and whose spill goes to the store.
pub struct Landing {
    pub part: Part,
    pub end: Option<Offset>,
    pub result: Option<Result<Committed>>,
}

impl<W: Wiring> Lane<W> {
    pub fn new(wiring: &W, client: &Client, lane: usize) -> Self {
        let producer = Some(wiring.producer(client.clone(), lane));
        Self { lane: owner::Lane::default(), producer }
    }
}

impl<W: Wiring> Process<'_, W> {
    pub(super) fn lane_of(&self, shard: ShardId) -> usize {
        usize::try_from(shard.0).expect("shards are numbered from 0") % self.lanes.len()
    }

    /// Makes every lane's producer ready: it settles what an earlier process under its name, or an
    /// earlier producer, has left open.
    pub(super) fn make_ready(&mut self) -> Result<()> {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            match &mut lane.producer {
                Some(producer) if producer.is_ready() => {}
                Some(producer) => producer.renew()?,
                None => {
                    let of_lane = |job: &&Job<W>| job.lane == index && !job.is_retired;
                    let job = self.jobs.iter().find(of_lane).expect("the producer is at work");
                    if !job.producer.is_ready() {
                        return Err(Error::Interrupted("the producer is not ready".to_owned()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends the next transaction of each lane that is free.
    pub(super) fn send(&mut self) -> Found {
        let mut found = Found::Nothing;
        for lane in 0..self.lanes.len() {
            if self.lanes[lane].lane.is_free() && self.does(500) {
                found = found.max(self.send_from(lane));
            }
        }
        found
    }

    fn send_from(&mut self, lane: usize) -> Found {
        let now = self.now();
        let candidates: Vec<Candidate> = self
            .open
            .iter()
            .filter(|(shard, _)| self.lane_of(**shard) == lane)
            .filter_map(|(&shard, open)| Some(Candidate { shard, size: open.offers(now)? }))
            .collect();
        let chosen = if self.wiring.shrinks() {
            self.lanes[lane].lane.choose(&candidates)
        } else {
            candidates.iter().map(|candidate| candidate.shard).collect()
        };
        let mut parts = Vec::new();
        for shard in chosen {
            let Some(open) = self.open.get_mut(&shard) else { continue };
            match open.take(&self.client) {
                Ok(Some(part)) => parts.push(part),
                Ok(None) if open.cycle.processes() => {}
                Ok(None) => self.leave(shard),
                Err(error) => self.drop_shard(shard, &error, Cause::Other),
            }
        }
        let Some(producer) = self.lanes[lane].producer.take_if(|_| !parts.is_empty()) else {
            return Found::Nothing;
        };
        if parts.len() > 1 {
            self.client.stage.world().seen.count(Situation::CommittedTogether);
        }
        self.commit_later(lane, parts, producer);
        Found::Work
    }

    pub(super) fn commit_later(&mut self, lane: usize, parts: Vec<Part>, producer: W::Producer) {
        let (stays, now) = (parts.iter().map(|part| part.stay).collect(), self.now());
        let sent = self.lanes[lane].lane.sent(stays, now);
        self.jobs.push(Job { lane, sent, parts, producer, is_retired: false, attempt: None });
    }

    /// The committers: runs some transactions, lands some spills, and hands back what has ended.
    pub(super) fn serve_commits(&mut self) -> Found {
        let idle = self.jobs.is_empty() && self.landings.is_empty();
        for _ in 0..self.jobs.len() {
            if !self.does(600) {
                self.jobs.rotate_left(1);
                continue;
            }
            let mut job = self.jobs.remove(0);
            if job.attempt.is_none() {
                job.attempt = Some(self.commit(&mut job));
                self.jobs.push(job);
            } else {
                self.ended(job);
            }
        }
        for _ in 0..self.landings.len() {
            if !self.does(600) {
                self.landings.rotate_left(1);
                continue;
            }
            let mut landing = self.landings.remove(0);
            if let Some(result) = landing.result.take() {
                let (shard, stay) = (landing.part.shard, landing.part.stay);
                let lane = self.lane_of(shard);
                self.lanes[lane].lane.landed(stay);
                self.committed(landing.part, result);
                self.closed(shard, stay);
            } else {
                let disk = self.disk(landing.part.shard);
                let land = self.wiring.land(&mut landing.part.commit, &disk, landing.end);
                landing.result = Some(land);
                self.landings.push(landing);
            }
        }
        if idle { Found::Nothing } else { Found::Work }
    }

    fn disk(&self, shard: ShardId) -> Disk {
        Disk::new(Arc::clone(&self.client.stage), self.client.process, shard)
    }

    /// Commits under the newest assignment.
    fn commit(&self, job: &mut Job<W>) -> Attempt {
        let process = self.client.process;
        let mut prepared = Vec::new();
        for part in &mut job.parts {
            let mut world = self.client.stage.world();
            if world.left.contains(&(process, part.stay)) {
                world.fail(format!("O-2: p{process} commits for {} after its release", part.shard));
            }
            drop(world);
            let disk = self.disk(part.shard);
            prepared.push(self.wiring.prepare(&self.client, &mut part.commit, &disk));
        }
        if job.is_retired && self.client.is_former() {
            // The shard has a newer producer under the same id.
            let fenced = |_: &Part| Err(Error::Fenced("its epoch is old".to_owned()));
            return Attempt { results: job.parts.iter().map(fenced).collect(), too_large: None };
        }
        let ready: Vec<&Commit> = { job.parts.iter().zip(&prepared) }
            .filter(|(_, prepared)| prepared.is_ok())
            .map(|(part, _)| &part.commit)
            .collect();
        let assignment = self.wiring.assignment(&self.client, &self.assignment, &ready);
        let broker = self.wiring.broker(self.client.clone());
        let retired = job.is_retired;
        let mut settling = false;
        let mut again = |_: &Error, _| {
            let mut world = self.client.stage.turn(process);
            if !std::mem::replace(&mut settling, true) {
                world.seen.count(Situation::Settled);
            }
            !retired
        };
        let assignment = Some(&assignment);
        let Attempt { results, too_large } =
            commit_parts(&ready, &mut job.producer, &broker, assignment, &mut again);
        let mut results = results.into_iter();
        let result = |prepared: Result<()>| {
            prepared.and_then(|()| results.next().expect("each part has a result"))
        };
        Attempt { results: prepared.into_iter().map(result).collect(), too_large }
    }

    fn ended(&mut self, job: Job<W>) {
        let Job { lane, sent, parts, producer, is_retired, attempt } = job;
        let Attempt { results, too_large } = attempt.expect("it has ended");
        let size = || Size::sum(parts.iter().map(|part| part.commit.transaction.size()));
        let learnt = match too_large {
            Some(size) => Learnt::TooLarge { size, throttled: Duration::ZERO },
            None if results.iter().all(Result::is_ok) => {
                Learnt::Committed { size: size(), took: Duration::ZERO }
            }
            None => Learnt::Nothing,
        };
        self.lanes[lane].lane.ended(sent, learnt);
        if !is_retired {
            self.lanes[lane].producer = Some(producer);
        }
        self.pace(lane);
        for (part, result) in parts.into_iter().zip(results) {
            let (shard, stay) = (part.shard, part.stay);
            let is_current = |open: &Open| open.cycle.stay() == stay;
            match result {
                Ok(end) if self.open.get(&shard).is_some_and(is_current) => {
                    self.lanes[lane].lane.landing(stay);
                    self.landings.push(Landing { part, end, result: None });
                }
                Ok(_) => {}
                Err(error) => self.committed(part, Err(error)),
            }
            self.closed(shard, stay);
        }
    }

    /// Applies what a lane has learnt about the size of transactions to its shards.
    fn pace(&mut self, lane: usize) {
        let shards = self.open.keys().copied().filter(|shard| self.lane_of(*shard) == lane);
        for shard in shards.collect::<Vec<_>>() {
            self.pace_shard(shard);
        }
    }

    pub(super) fn pace_shard(&mut self, shard: ShardId) {
        let (lane, most) = (self.lane_of(shard), self.wiring.limits(&self.client));
        if let Some(open) = self.open.get_mut(&shard).filter(|_| self.wiring.shrinks()) {
            let now = self.lanes[lane].lane.limit_of(open.pace);
            open.running.set_transaction_max(Size {
                records: now.records.min(most.transaction_records_max),
                bytes: now.bytes.min(most.transaction_bytes_max),
            });
        }
    }

    fn committed(&mut self, mut part: Part, result: Result<Committed>) {
        let (shard, now) = (part.shard, self.now());
        let size = part.commit.transaction.size();
        let Some(open) = self.open.get_mut(&shard) else { return };
        match self.wiring.ended(&mut open.cycle, part.stay, result.as_ref().map(|_| ()), now) {
            ended @ (Ended::Claimed | Ended::Committed { .. }) => {
                if let Err(error) = result.and_then(|done| open.running.committed(done)) {
                    return self.drop_shard(shard, &error, Cause::Other);
                }
                if part.was_refused {
                    self.client.stage.world().seen.count(Situation::CommittedAtLast);
                }
                open.pace.committed(size, Duration::ZERO);
                let winds_up = !open.cycle.processes();
                if ended == (Ended::Committed { first: true }) {
                    self.shards.committed(shard, part.stay, now);
                }
                self.pace_shard(shard);
                if winds_up {
                    self.wind_up(shard);
                }
            }
            Ended::Refused => {
                self.client.stage.world().seen.count(Situation::Refused);
                part.was_refused = true;
                open.refused = Some(part);
            }
            Ended::Left => self.leave(shard),
            Ended::Failed => {
                let Err(error) = result else { return };
                if matches!(error, Error::Oversized(_)) && self.wiring.shrinks() {
                    open.pace.refused(size, Duration::ZERO);
                }
                self.drop_shard(shard, &error, Cause::Commit);
            }
            Ended::Stale => {}
        }
    }

    /// Drops the shards whose commits do not end, and lets another producer take over.
    pub(super) fn give_up_stuck(&mut self) -> Found {
        let now = now(&self.client.stage.world());
        let mut found = Found::Nothing;
        let shards: Vec<ShardId> = self.open.keys().copied().collect();
        for shard in shards {
            let Some(open) = self.open.get(&shard) else { continue };
            let due = open.cycle.due(now);
            if !matches!(due, Due::Abandoned | Due::Stuck) {
                continue;
            }
            found = Found::Work;
            let stay = open.cycle.stay();
            let is_part = |part: &Part| part.stay == stay;
            // What has ended is not stuck: the real worker notices its end at once.
            if self.jobs.iter().any(|job| job.attempt.is_some() && job.parts.iter().any(is_part))
                || self.landings.iter().any(|landing| is_part(&landing.part))
            {
                continue;
            }
            let stuck = |job: &&mut Job<W>| !job.is_retired && job.parts.iter().any(is_part);
            if let Some(job) = self.jobs.iter_mut().find(stuck) {
                job.is_retired = true;
                let lane = job.lane;
                self.lanes[lane].lane.abandoned();
                self.lanes[lane].producer = Some(self.wiring.producer(self.client.clone(), lane));
            }
            self.client.stage.world().seen.count(Situation::Stuck);
            let error = Error::Interrupted("a commit does not end".to_owned());
            self.drop_shard(shard, &error, Cause::Commit);
        }
        found
    }
}
