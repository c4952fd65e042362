//! The state of a schedule: the cluster, the disks, the clocks, and which processes are alive.

mod judging;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use super::{
    Random, Seen, Setting, Situation, Until,
    client::LANES as LANES_FIRST,
    disk::Contents,
    kafka::{Cluster, Decision, MemberId, ProducerId, TopicPartition},
    oracle::{Oracle, Verdict},
    setting::{Deadlines, START_MS},
    workload::Workload,
};
use rollcall_core::{
    owner::Stay,
    record::{ShardId, Timestamp},
    shard::{Error, Plan, Result},
};

/// Turns in which every process must find nothing to do before the schedule is quiet.
const IDLE_TURNS: u32 = 30;

/// What is known about a process from outside.
#[derive(Default)]
pub struct Process {
    /// It takes no turn before this step: it is down or paused.
    pub away_until: u64,
    /// It is killed at its next turn.
    pub doomed: bool,
    /// The error of its clock, in milliseconds.
    pub skew_ms: Timestamp,
    /// Consecutive turns in which it found nothing to do.
    idle: u32,
    /// The plan that it follows; created again whenever it starts.
    pub plan: Option<Arc<Plan>>,
    /// It is of an older version, with a transactional id for each shard.
    pub is_former: bool,
    /// It never gets a turn again.
    pub is_gone: bool,
    /// The number of its lanes.
    pub lanes: usize,
    /// The epochs of the transactional ids that it took over as an older version.
    former_epochs: BTreeMap<ProducerId, u32>,
}

/// A shard that must not run, since something that it needs is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// `None` means all shards.
    pub shard: Option<ShardId>,
    /// Part of the reason that it must give.
    pub reason: &'static str,
    pub was_given: bool,
}

/// A request to end a transaction, on its way to the coordinator.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub process: usize,
    pub owner: (ProducerId, u32),
    pub decision: Decision,
}

/// Whether the schedule's events are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracing {
    On,
    Off,
}

/// The state of a schedule.
pub struct World {
    pub setting: Setting,
    pub random: Random,
    pub cluster: Cluster,
    pub seen: Seen,
    pub workload: Workload,
    pub oracle: Oracle,
    pub disks: BTreeMap<(usize, ShardId), Contents>,
    /// Earlier content of some disks, as from a backup or a node that was away.
    pub old_disks: BTreeMap<(usize, ShardId), Contents>,
    pub processes: Vec<Process>,
    /// The brokers' time.
    pub now_ms: Timestamp,
    /// The latest time that any process can have seen.
    pub wall_max_ms: Timestamp,
    pub step: u64,
    pub outage_until: u64,
    /// No more faults happen.
    pub is_calm: bool,
    /// An output that rejects everything.
    pub refuses: Option<TopicPartition>,
    /// What a shard must refuse to run on, and whether it did.
    pub refusal: Option<Refusal>,
    /// Requests that reach the brokers at a later step.
    pub delayed: BTreeMap<u64, Request>,
    /// The numbers of the commits that counted for a shard.
    commits: BTreeMap<ShardId, judging::Numbers>,
    /// The stays whose shards were given up: they must not commit anything (O-2).
    pub left: BTreeSet<(usize, Stay)>,
    /// The members and shards of every generation.
    pub given: BTreeMap<(MemberId, i32), BTreeSet<ShardId>>,
    pub(super) running: usize,
    pub(super) stopping: bool,
    until: Until,
    failure: Option<String>,
    trace: Option<String>,
}

impl World {
    pub fn new(seed: u64, tracing: Tracing) -> Self {
        let mut random = Random::new(seed);
        let setting = Setting::draw(&mut random);
        let workload = Workload::draw(&mut random, &setting);
        let processes = (0..setting.processes).map(|_| Process::default()).collect();
        let mut world = Self {
            random,
            cluster: Cluster::default(),
            seen: Seen::default(),
            workload,
            oracle: Oracle::default(),
            disks: BTreeMap::new(),
            old_disks: BTreeMap::new(),
            processes,
            now_ms: START_MS,
            wall_max_ms: START_MS,
            step: 0,
            outage_until: 0,
            is_calm: false,
            refuses: None,
            refusal: None,
            delayed: BTreeMap::new(),
            commits: BTreeMap::new(),
            left: BTreeSet::new(),
            given: BTreeMap::new(),
            running: usize::MAX,
            stopping: false,
            until: Until::Step(0),
            failure: None,
            trace: (tracing == Tracing::On).then(String::new),
            setting,
        };
        world.cluster.group.lenient = world.setting.is_lenient;
        let former = world.setting.former;
        for process in &mut world.processes {
            process.is_former = world.random.chance(former);
        }
        if world.setting.deadlines == Deadlines::Backlog {
            world.write_backlog();
        }
        world
    }

    /// Records that a process starts, and returns the number of its lanes. It may be of another
    /// version than before.
    pub fn is_born(&mut self, index: usize) -> usize {
        self.left.retain(|(process, _)| *process != index);
        let few = 1 + self.random.below(2);
        let was_former = self.processes[index].is_former;
        let is_former = match was_former {
            true => self.random.chance(500),
            false => self.setting.former > 0 && self.random.chance(100),
        };
        // An older version commits each shard by itself.
        let lanes = if is_former { self.setting.shards.len() } else { few };
        let process = &mut self.processes[index];
        (process.is_former, process.lanes) = (is_former, lanes);
        process.former_epochs.clear();
        if was_former && !is_former {
            self.seen.count(Situation::Upgraded);
            self.tell(|| format!("p{index} is of this version from now on"));
        } else if is_former && !was_former {
            self.seen.count(Situation::Downgraded);
            self.tell(|| format!("p{index} is of an older version from now on"));
        }
        lanes
    }

    /// Records that a process has taken over a transactional id.
    pub fn note_fenced(&mut self, index: usize, id: ProducerId, epoch: u32) {
        let process = &mut self.processes[index];
        if process.is_former {
            process.former_epochs.insert(id, epoch);
        } else if id.0 >= LANES_FIRST {
            self.seen.count(Situation::OwnerFenced);
        } else {
            self.seen.count(Situation::FormerFenced);
        }
    }

    /// Returns the epoch in which a process of an older version has the id of a shard.
    pub fn former_epoch(&self, index: usize, id: ProducerId) -> Option<u32> {
        self.processes[index].former_epochs.get(&id).copied()
    }

    /// Returns the time by the clock of `process`.
    pub fn wall_ms(&self, process: usize) -> Timestamp {
        self.now_ms + self.processes[process].skew_ms
    }

    /// Returns whether a fault of this rate happens now.
    pub fn happens(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.random.chance(per_mille)
    }

    /// Records an event in the trace.
    pub fn tell(&mut self, event: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let time = self.now_ms - START_MS;
            writeln!(trace, "{:>6} {time:>9} ms  {}", self.step, event())
                .expect("a String takes every text");
        }
    }

    /// Records a failure; the first one counts, and the schedule ends.
    pub fn fail(&mut self, what: String) {
        self.tell(|| format!("FAILED: {what}"));
        self.failure.get_or_insert(what);
        self.stopping = true;
    }

    pub fn judge(&mut self, verdict: Verdict) {
        if let Err(what) = verdict {
            self.fail(what);
        }
    }

    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub fn trace(&self) -> &str {
        self.trace.as_deref().unwrap_or_default()
    }

    pub(super) fn begin(&mut self, until: Until) {
        self.until = until;
        for process in &mut self.processes {
            process.idle = 0;
            if matches!(until, Until::Quiet { .. }) {
                process.away_until = 0;
            }
        }
    }

    /// Returns whether the director should go on.
    pub(super) fn goal_is_reached(&mut self) -> bool {
        match self.until {
            _ if self.stopping => true,
            Until::Step(step) => self.step >= step,
            Until::Quiet { limit } if self.step >= limit => {
                self.fail("the processes never come to rest".to_owned());
                true
            }
            Until::Refused { limit } if self.step >= limit => {
                self.fail("a shard does not say that it cannot run".to_owned());
                true
            }
            Until::Refused { .. } => self.refusal.is_some_and(|refusal| refusal.was_given),
            Until::Quiet { .. } => {
                let rests = |process: &Process| process.is_gone || process.idle >= IDLE_TURNS;
                let rested = self.processes.iter().all(rests);
                let shards = self.setting.shards.iter().copied();
                rested
                    && self.cluster.group.unassigned(shards).is_empty()
                    && self.workload.left.is_empty()
                    && self.cluster.markers().is_empty()
            }
        }
    }

    /// Returns the process whose turn is next.
    pub(super) fn choose(&mut self, last: usize) -> usize {
        let ready = |world: &Self| -> Vec<usize> {
            let at = world.step;
            let processes = world.processes.iter().enumerate();
            let is_ready = |p: &Process| !p.is_gone && p.away_until <= at;
            processes.filter(|(_, p)| is_ready(p)).map(|(index, _)| index).collect()
        };
        let mut choices = ready(self);
        if choices.is_empty() {
            let stays = self.processes.iter().filter(|process| !process.is_gone);
            let back = stays.map(|process| process.away_until).min();
            self.step = back.expect("there are processes");
            choices = ready(self);
        }
        let stay = self.setting.stay;
        if choices.contains(&last) && self.random.chance(stay) {
            return last;
        }
        *self.random.pick(&choices)
    }

    /// Decides whether `process`, whose turn it is, is killed.
    pub(super) fn strikes_down(&mut self, process: usize) -> bool {
        let kill = self.setting.faults.kill;
        if !self.happens(kill) && !self.processes[process].doomed {
            return false;
        }
        let down = u64::try_from(self.random.between(1, 60)).expect("it is positive");
        self.processes[process].away_until = self.step + down;
        self.processes[process].doomed = false;
        self.processes[process].plan = None;
        self.tell(|| format!("p{process} is killed"));
        self.seen.count(Situation::Killed);
        for shard in self.setting.shards.clone() {
            let (lost, old) = (self.setting.faults.store_lost, self.setting.faults.store_old);
            if self.happens(lost) {
                self.disks.remove(&(process, shard));
                self.seen.count(Situation::StoreLost);
                self.tell(|| format!("p{process} loses its store of {shard}"));
            } else if self.happens(old)
                && let Some(contents) = self.old_disks.remove(&(process, shard))
            {
                self.disks.insert((process, shard), contents);
                self.seen.count(Situation::StoreOld);
                self.tell(|| format!("p{process} gets an older store of {shard} back"));
            }
        }
        true
    }

    /// Records that `process` found something to do: no process counts as idle then.
    pub fn is_busy(&mut self) {
        for process in &mut self.processes {
            process.idle = 0;
        }
    }

    /// Records that `process` found nothing to do.
    pub fn is_idle(&mut self, process: usize) {
        self.processes[process].idle += 1;
    }

    pub fn reach_broker(&mut self) -> Result<()> {
        if self.step < self.outage_until {
            return Err(Error::Interrupted("no broker answers".to_owned()));
        }
        let interruption = self.setting.faults.interruption;
        if self.happens(interruption) {
            return Err(Error::Interrupted("the connection broke".to_owned()));
        }
        Ok(())
    }

    /// Records that a shard cannot run until someone fixes the problem.
    pub fn cannot_run(&mut self, process: usize, shard: ShardId, why: &str) {
        match &mut self.refusal {
            Some(Refusal { shard: of, reason, was_given })
                if of.is_none_or(|of| of == shard) && why.contains(*reason) =>
            {
                *was_given = true;
                self.seen.count(Situation::Stopped);
            }
            _ => self.fail(format!("p{process} cannot run {shard}: {why}")),
        }
    }
}
