//! A worker process: it follows its membership and runs the shards assigned to it, as decided by
//! [`owner`], which the real worker uses, too.
//!
//! What the worker does on other threads takes time here as well: an opened shard arrives later,
//! and commits are run and handed back at a later turn, whatever has happened to their shards.
//!
//! [`owner`]: rollcall_core::owner

mod lane;
mod opening;
mod running;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::{
    lane::{Job, Landing, Lane},
    running::{Open, now},
};
use super::{
    Client, Situation, Wiring, World,
    client::{Authority, transactional_id_of},
    disk::Disk,
    kafka::MemberId,
    registry::REGISTRY_DOWN,
};
use rollcall_core::{
    owner::{Cause, Left, Next, Now, Opened, Release, Shards, Stay},
    record::ShardId,
    shard::{Assignment, Error, Result, Running, Tenure},
};

/// A worker process, from its start to its end.
pub struct Process<'w, W: Wiring> {
    wiring: &'w W,
    client: Client,
    member: MemberId,
    assignment: Assignment<Authority>,
    /// The number of the last tenure.
    tenures: u64,
    shards: Shards,
    lanes: Vec<Lane<W>>,
    /// Openings that have ended, which the process has not noticed yet.
    arriving: Vec<Arriving>,
    /// The shards that run, including those that are being given up.
    open: BTreeMap<ShardId, Open>,
    /// Transactions under way, including those of shards that were dropped.
    jobs: Vec<Job<W>>,
    /// Spills under way.
    landings: Vec<Landing>,
}

struct Arriving {
    next: Next,
    result: Result<Running<Disk>>,
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
        let lanes = client.stage.world().is_born(client.process);
        let member = join(&client);
        let lanes = (0..lanes).map(|lane| Lane::new(wiring, &client, lane)).collect();
        let mut process = Self {
            wiring,
            client,
            member,
            assignment: nothing(member),
            tenures: 0,
            shards: Shards::default(),
            lanes,
            arriving: Vec::new(),
            open: BTreeMap::new(),
            jobs: Vec::new(),
            landings: Vec::new(),
        };
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
        found = found.max(self.give_up_stuck());
        found = found.max(self.send());
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
            let lost = std::mem::take(&mut self.assignment.shards).into_keys().collect();
            self.give_up(&lost);
            self.member = join(&self.client);
            self.assignment = nothing(self.member);
            return Found::Work;
        };
        if assigned.generation == self.assignment.generation {
            return Found::Nothing;
        }
        let held: BTreeSet<ShardId> = self.assignment.shards.keys().copied().collect();
        let lost: BTreeSet<ShardId> = held.difference(&assigned.shards).copied().collect();
        self.give_up(&lost);
        let mut shards = self.assignment.shards.clone();
        shards.retain(|shard, _| !lost.contains(shard));
        let mut gained = BTreeMap::new();
        for &shard in assigned.shards.difference(&held) {
            self.tenures += 1;
            gained.insert(shard, Tenure(self.tenures));
        }
        shards.extend(&gained);
        let authority = Authority { member: self.member, generation: assigned.generation };
        let authority = Arc::new(authority);
        self.assignment = Assignment { generation: assigned.generation, shards, authority };
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
            if !self.does(self.wiring.waits_for_release()) {
                self.client.stage.world().seen.count(Situation::ReleasedLate);
                break;
            }
            drop(self.client.stage.turn(self.client.process));
            self.send();
            self.serve_commits();
        }
    }

    /// Lets a shard that is being given up commit what it still holds, or drops it.
    fn wind_up(&mut self, shard: ShardId) {
        let Some(open) = self.open.get_mut(&shard) else { return };
        let leaves = match self.wiring.release(&mut open.cycle) {
            // A claim would say that this process owns it.
            Release::Commit => open.running.is_claiming() || !open.running.has_work(),
            Release::Wait => false,
            Release::Leave => true,
        };
        if leaves {
            self.leave(shard);
        }
    }

    /// Drops a shard that was given up: nothing of it is committed any more (O-2).
    fn leave(&mut self, shard: ShardId) {
        let Some(mut open) = self.open.remove(&shard) else { return };
        let mut world = self.client.stage.world();
        world.left.insert((self.client.process, open.cycle.stay()));
        drop(world);
        self.resurrect(&mut open);
        let stay = open.cycle.stay();
        open.close(&self.client);
        self.closed(shard, stay);
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

    fn open_shard(&mut self, next: Next) -> Result<Running<Disk>> {
        let (shard, process) = (next.shard, self.client.process);
        if self.open.contains_key(&shard) {
            let mut world = self.client.stage.world();
            world.fail(format!("O-1: p{process} opens {shard} while it has it open"));
        }
        self.make_ready()?;
        let owner = transactional_id_of(self.client.process, self.lane_of(shard));
        opening::open(self.wiring, &self.client, next, &owner)
    }

    /// Records that a stay has ended, once nothing of it is under way any more. What a producer
    /// sends that has been replaced is settled by its successor.
    fn closed(&mut self, shard: ShardId, stay: Stay) {
        let is_under_way = self.lanes[self.lane_of(shard)].lane.has_under_way(stay)
            || self.open.get(&shard).is_some_and(|open| open.cycle.stay() == stay);
        if !is_under_way || self.wiring.hurries() {
            self.shards.closed(shard, stay);
        }
    }

    /// A planted fault: sends a rejected part again although its shard was dropped.
    fn resurrect(&mut self, open: &mut Open) {
        let lane = self.lane_of(open.running.id());
        if self.wiring.resurrects()
            && let Some(part) = open.refused.take()
            && let Some(producer) = self.lanes[lane].producer.take_if(|_| true)
        {
            self.commit_later(lane, vec![part], producer);
        }
    }

    fn opened(&mut self, Arriving { next, result }: Arriving) {
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
                let Ok(running) = result else { return };
                let open = Open::new(stay, running, standing.pace, now);
                let is_known = self.shards.stay_of(shard) == Some(stay);
                if self.open.insert(shard, open).is_some() || !is_known {
                    let mut world = self.client.stage.world();
                    world.fail(format!(
                        "O-1: p{} runs {shard} outside its stay",
                        self.client.process
                    ));
                }
                self.pace_shard(shard);
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
        Ok(if open.has_work() { Found::Work } else { found })
    }

    /// Drops a shard that has failed; it is opened again.
    fn drop_shard(&mut self, shard: ShardId, error: &Error, cause: Cause) {
        self.note(shard, error);
        let Some(mut open) = self.open.remove(&shard) else { return };
        let left = Left { pace: open.pace, cause };
        self.shards.dropped(shard, open.cycle.stay(), error, &left, self.now());
        self.resurrect(&mut open);
        let stay = open.cycle.stay();
        open.close(&self.client);
        self.closed(shard, stay);
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
            Error::Interrupted(why) if why == REGISTRY_DOWN => {
                world.seen.count(Situation::RegistryDown);
            }
            Error::Interrupted(_) => world.seen.count(Situation::Interrupted),
            Error::Outdated(_) | Error::Aborted(_) | Error::Oversized(_) | Error::Corrupt(_) => {}
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
    Assignment { generation: -1, shards: BTreeMap::new(), authority }
}

fn join(client: &Client) -> MemberId {
    let mut world = client.stage.turn(client.process);
    let member = world.cluster.group.join(client.process);
    world.tell(|| format!("p{} joins as {member:?}", client.process));
    world.note_given(member);
    member
}
