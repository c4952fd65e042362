//! A worker process: it follows its membership and runs the shards assigned to it, as decided by
//! [`owner`], which the real worker uses, too.
//!
//! What the worker does on other threads takes time here as well: an opened shard arrives later,
//! and commits are run and handed back at a later turn, whatever has happened to their shards.
//!
//! [`owner`]: rollcall_core::owner

mod opening;
mod running;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use self::running::{Job, Open, now};
use super::{Client, Situation, Wiring, World, client::Authority, disk::Disk, kafka::MemberId};
use rollcall_core::{
    owner::{Cause, Due, Ended, Left, Next, Now, Opened, Release, Shards},
    record::ShardId,
    shard::{Assignment, Committed, Error, Result, Running},
};

/// A worker process, from its start to its end.
pub struct Process<'w, W: Wiring> {
    wiring: &'w W,
    client: Client,
    member: MemberId,
    assignment: Assignment<Authority>,
    shards: Shards,
    /// Openings that have ended, which the process has not noticed yet.
    arriving: Vec<Arriving<W>>,
    /// The shards that run, including those that are being given up.
    open: BTreeMap<ShardId, Open<W>>,
    /// The jobs of the committers, including those of shards that were dropped.
    jobs: Vec<Job<W>>,
}

struct Arriving<W: Wiring> {
    next: Next,
    result: Result<(Running<Disk>, W::Producer)>,
}

/// Whether there was something to do. Of several, the maximum counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Nothing,
    /// It was not checked.
    Unknown,
    Work,
}

impl<'w, W: Wiring> Process<'w, W> {
    /// Starts the process; it never returns.
    pub fn run(wiring: &'w W, client: Client) {
        client.stage.world().left.retain(|(process, _)| *process != client.process);
        let member = join(&client);
        let (assignment, shards) = (nothing(member), Shards::default());
        let (arriving, open, jobs) = (Vec::new(), BTreeMap::new(), Vec::new());
        let mut process = Self { wiring, client, member, assignment, shards, arriving, open, jobs };
        loop {
            process.turn();
        }
    }

    fn turn(&mut self) {
        let mut found = Found::Nothing;
        if self.does(200) {
            found = self.follow_membership();
        }
        found = found.max(self.open_shards());
        let shards: Vec<ShardId> = self.open.keys().copied().collect();
        for shard in shards {
            if self.does(600) {
                let of_shard = self.work(shard).unwrap_or_else(|error| {
                    self.drop_shard(shard, &error, Cause::Other);
                    Found::Work
                });
                found = found.max(of_shard);
            } else {
                found = found.max(Found::Unknown);
            }
        }
        found = found.max(self.serve_commits());
        let mut world = self.client.stage.turn(self.client.process);
        if world.cluster.group.generation() != self.assignment.generation {
            found = Found::Work;
        }
        match found {
            Found::Work => world.is_busy(),
            Found::Unknown => {}
            Found::Nothing => world.is_idle(self.client.process),
        }
    }

    /// Returns whether to act this time; always true once there are no more faults.
    fn does(&self, per_mille: u32) -> bool {
        does(&mut self.client.stage.world(), per_mille)
    }

    fn now(&self) -> Now {
        now(&self.client.stage.world())
    }

    /// Follows the group: gives up what was lost, then accepts what was assigned.
    fn follow_membership(&mut self) -> Found {
        let assigned = {
            let mut world = self.client.stage.turn(self.client.process);
            if world.reach_broker().is_err() {
                return Found::Nothing;
            }
            world.cluster.group.assigned(self.member)
        };
        let Some(assigned) = assigned else {
            // The session has ended: another process may have the shards already.
            let lost = std::mem::take(&mut self.assignment.shards);
            self.give_up(&lost);
            self.member = join(&self.client);
            self.assignment = nothing(self.member);
            return Found::Work;
        };
        if assigned.generation == self.assignment.generation {
            return Found::Nothing;
        }
        let held = &self.assignment.shards;
        let lost: BTreeSet<ShardId> = held.difference(&assigned.shards).copied().collect();
        let gained = assigned.shards.difference(held).copied().collect();
        self.give_up(&lost);
        let authority = Authority { member: self.member, generation: assigned.generation };
        self.assignment = Assignment {
            generation: assigned.generation,
            shards: assigned.shards,
            authority: Arc::new(authority),
        };
        self.shards.gained(&gained);
        let mut world = self.client.stage.turn(self.client.process);
        world.cluster.group.gave_up(self.member, &lost);
        for _ in &lost {
            world.seen.count(Situation::ShardMoved);
        }
        let (process, generation) = (self.client.process, self.assignment.generation);
        world.tell(|| format!("p{process} follows generation {generation}"));
        Found::Work
    }

    /// Gives up shards. What they hold is committed, unless that takes too long: then the commit
    /// continues without the knowledge of the next owner.
    fn give_up(&mut self, lost: &BTreeSet<ShardId>) {
        for shard in self.shards.losing(lost) {
            self.wind_up(shard);
        }
        while lost.iter().any(|shard| self.open.contains_key(shard)) {
            if !self.does(900) {
                self.client.stage.world().seen.count(Situation::ReleasedLate);
                break;
            }
            drop(self.client.stage.turn(self.client.process));
            self.serve_commits();
        }
    }

    /// Commits what a shard being given up still holds, then drops it.
    fn wind_up(&mut self, shard: ShardId) {
        let Some(open) = self.open.get_mut(&shard) else { return };
        let leaves = match self.wiring.release(&mut open.cycle) {
            Release::Commit => match open.take(&self.client) {
                Ok(Some(job)) => {
                    self.jobs.push(job);
                    false
                }
                Ok(None) => true,
                Err(error) => {
                    self.client.stage.world().fail(error.to_string());
                    true
                }
            },
            Release::Wait => false,
            Release::Leave => true,
        };
        if leaves {
            self.leave(shard);
        }
    }

    /// Drops a shard that was given up: nothing of it is committed any more (O-2).
    fn leave(&mut self, shard: ShardId) {
        let Some(open) = self.open.remove(&shard) else { return };
        let mut world = self.client.stage.world();
        world.left.insert((self.client.process, open.cycle.stay()));
        drop(world);
        open.close(&self.client, &mut self.jobs, self.wiring);
    }

    /// Takes in opened shards, and opens what is due.
    fn open_shards(&mut self) -> Found {
        let mut found = Found::Nothing;
        for arriving in std::mem::take(&mut self.arriving) {
            found = Found::Work;
            if self.does(700) {
                self.opened(arriving);
            } else {
                self.arriving.push(arriving);
            }
        }
        if self.does(600)
            && let Some(next) = self.shards.next_to_open(self.now())
        {
            let result = self.open_shard(next);
            self.arriving.push(Arriving { next, result });
            found = Found::Work;
        }
        if self.shards.is_incomplete() { found.max(Found::Unknown) } else { found }
    }

    fn open_shard(&self, next: Next) -> Result<(Running<Disk>, W::Producer)> {
        let shard = next.shard;
        // A process opens a store only once at a time.
        if self.open.contains_key(&shard) || self.jobs.iter().any(|job| job.shard == shard) {
            return Err(Error::Interrupted("the store is still in use".to_owned()));
        }
        opening::open(self.wiring, &self.client, next)
    }

    fn opened(&mut self, Arriving { next, result }: Arriving<W>) {
        let Next { shard, stay, .. } = next;
        let (outcome, now) = (result.as_ref().map(|_| ()), self.now());
        match self.wiring.opened(&mut self.shards, (shard, stay), outcome, now) {
            Opened::Discard => {
                if result.is_ok() {
                    self.client.stage.world().seen.count(Situation::OpenedForNothing);
                }
            }
            Opened::Failed(_) => {
                if let Err(error) = result {
                    self.note(shard, &error);
                }
            }
            Opened::Run(standing) => {
                let Ok((running, producer)) = result else { return };
                let open = Open::new(stay, running, producer, &standing, self.wiring, now);
                let is_known = self.shards.stay_of(shard) == Some(stay);
                if self.open.insert(shard, open).is_some() || !is_known {
                    let mut world = self.client.stage.world();
                    world.fail(format!(
                        "O-1: p{} runs {shard} outside its stay",
                        self.client.process
                    ));
                }
            }
        }
    }

    fn work(&mut self, shard: ShardId) -> Result<Found> {
        let Some(open) = self.open.get_mut(&shard) else { return Ok(Found::Nothing) };
        if !open.cycle.processes() {
            return Ok(Found::Work);
        }
        let found = open.fetch(&self.client, self.wiring)?;
        open.tick(&self.client)?;
        open.audit(&self.client)?;
        let has_work = open.has_work();
        let now = now(&self.client.stage.world());
        // A commit that has ended is no longer stuck: the real worker notices its end at once.
        let stay = open.cycle.stay();
        let has_ended = self.jobs.iter().any(|job| job.stay == stay && job.result.is_some());
        let due = if has_ended { Due::Nothing } else { open.cycle.due(now) };
        match due {
            Due::Nothing => {}
            Due::Again => self.jobs.extend(open.refused.take()),
            Due::Abandoned | Due::Stuck => {
                self.client.stage.world().seen.count(Situation::Stuck);
                let error = Error::Interrupted("a commit does not end".to_owned());
                self.drop_shard(shard, &error, Cause::Commit);
                return Ok(Found::Work);
            }
        }
        if open.cycle.may_commit() && does(&mut self.client.stage.world(), 500) {
            self.jobs.extend(open.take(&self.client)?);
        }
        Ok(if has_work { Found::Work } else { found })
    }

    /// The committers: runs some commits, and hands back some that have ended.
    fn serve_commits(&mut self) -> Found {
        let found = if self.jobs.is_empty() { Found::Nothing } else { Found::Work };
        for mut job in std::mem::take(&mut self.jobs) {
            if !self.does(600) {
                self.jobs.push(job);
            } else if job.result.is_none() {
                job.result = Some(self.commit(&mut job));
                self.jobs.push(job);
            } else {
                self.committed(job);
            }
        }
        found
    }

    /// Commits under the newest assignment if it contains the shard.
    fn commit(&self, job: &mut Job<W>) -> Result<Committed> {
        let process = self.client.process;
        {
            let mut world = self.client.stage.world();
            if world.left.contains(&(process, job.stay)) {
                world.fail(format!("O-2: p{process} commits for {} after its release", job.shard));
            }
        }
        let held = self.assignment.authority_for(job.shard).copied();
        let Some(authority) = self.wiring.authority(&self.client, held) else {
            return Err(Error::Outdated("the group has not given us the shard".to_owned()));
        };
        let disk = Disk::new(Arc::clone(&self.client.stage), process, job.shard);
        self.wiring.commit(&self.client, &mut job.commit, &mut job.producer, &disk, &authority)
    }

    fn committed(&mut self, mut job: Job<W>) {
        let (shard, now) = (job.shard, self.now());
        let Some(open) = self.open.get_mut(&shard) else { return };
        let result = job.result.take().expect("it has ended");
        let size = job.commit.transaction.size();
        match self.wiring.ended(&mut open.cycle, job.stay, result.as_ref().map(|_| ()), now) {
            Ended::Committed { first } => {
                if let Err(error) = result.and_then(|done| open.running.committed(done)) {
                    return self.drop_shard(shard, &error, Cause::Other);
                }
                if job.was_refused {
                    self.client.stage.world().seen.count(Situation::CommittedAtLast);
                }
                open.paced(|pace| pace.committed(size, Duration::ZERO), &self.client);
                open.producer = Some(job.producer);
                let winds_up = !open.cycle.processes();
                if first {
                    self.shards.committed(shard, job.stay, now);
                }
                if winds_up {
                    self.wind_up(shard);
                }
            }
            Ended::Refused => {
                self.client.stage.world().seen.count(Situation::Refused);
                job.was_refused = true;
                open.refused = Some(job);
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

    /// Drops a shard that has failed; it is opened again.
    fn drop_shard(&mut self, shard: ShardId, error: &Error, cause: Cause) {
        self.note(shard, error);
        let Some(open) = self.open.remove(&shard) else { return };
        let left = Left { pace: open.pace, cause };
        self.shards.dropped(shard, open.cycle.stay(), error, &left, self.now());
        open.close(&self.client, &mut self.jobs, self.wiring);
    }

    /// Records a failure.
    fn note(&self, shard: ShardId, error: &Error) {
        let client = &self.client;
        let mut world = client.stage.turn(client.process);
        world.tell(|| format!("p{} drops {shard}: {error}", client.process));
        match error {
            Error::Misconfigured(why) => world.cannot_run(client.process, shard, why),
            Error::Violated { .. } => world.fail(format!("{error}")),
            Error::Fenced(_) => world.seen.count(Situation::Fenced),
            Error::Interrupted(_) => world.seen.count(Situation::Interrupted),
            Error::Outdated(_) | Error::Oversized(_) | Error::Corrupt(_) => {}
        }
    }
}

/// Returns whether to act this time; always true once there are no more faults.
fn does(world: &mut World, per_mille: u32) -> bool {
    world.is_calm || world.random.chance(per_mille)
}

/// Returns the empty assignment that a member has before its first one.
fn nothing(member: MemberId) -> Assignment<Authority> {
    let authority = Arc::new(Authority { member, generation: -1 });
    Assignment { generation: -1, shards: [].into(), authority }
}

fn join(client: &Client) -> MemberId {
    let mut world = client.stage.turn(client.process);
    let member = world.cluster.group.join(client.process);
    world.tell(|| format!("p{} joins as {member:?}", client.process));
    world.note_given(member);
    member
}
