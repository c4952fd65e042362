//! The state of a schedule: the cluster, the disks, the clocks, and which processes are alive.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use super::{
    Random, Seen, Setting, Situation, Until,
    client::{Answer, Authority},
    disk::Contents,
    kafka::{Cluster, Decision, MemberId, Offsets, Place, ProducerId},
    oracle::{Oracle, Verdict},
    setting::{Deadlines, START_MS},
    workload::Workload,
};
use rollcall_core::{
    owner::Stay,
    record::{ShardId, Timestamp},
    shard::{Error, Plan, Record, Result, Spill},
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
    pub refuses: Option<Place>,
    /// What a shard must refuse to run on, and whether it did.
    pub refusal: Option<Refusal>,
    /// Requests that reach the brokers at a later step.
    pub delayed: BTreeMap<u64, Request>,
    /// The newest epoch at the time when a process last read a shard's committed offsets.
    pub located: BTreeMap<(usize, ShardId), u32>,
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
            located: BTreeMap::new(),
            left: BTreeSet::new(),
            given: BTreeMap::new(),
            running: usize::MAX,
            stopping: false,
            until: Until::Step(0),
            failure: None,
            trace: (tracing == Tracing::On).then(String::new),
            setting,
        };
        if world.setting.deadlines == Deadlines::Backlog {
            world.write_backlog();
        }
        world
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
                let rested = self.processes.iter().all(|process| process.idle >= IDLE_TURNS);
                rested && self.workload.left.is_empty() && self.cluster.markers().is_empty()
            }
        }
    }

    /// Returns the process whose turn is next.
    pub(super) fn choose(&mut self, last: usize) -> usize {
        let ready = |world: &Self| -> Vec<usize> {
            let at = world.step;
            let processes = world.processes.iter().enumerate();
            processes.filter(|(_, p)| p.away_until <= at).map(|(index, _)| index).collect()
        };
        let mut choices = ready(self);
        if choices.is_empty() {
            let back = self.processes.iter().map(|process| process.away_until).min();
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

    /// Ends a shard's transaction; if it commits, it is judged.
    pub fn end_transaction(&mut self, request: Request) -> Answer<()> {
        let Request { process, owner: (producer, epoch), decision } = request;
        let Some(transaction) = self.cluster.end(producer, epoch, decision)? else {
            return Ok(());
        };
        let shard = ShardId(i32::try_from(producer.0).expect("shards are numbered in 32 bits"));
        self.tell(|| format!("p{process} ends {transaction:?} of {shard}: {decision:?}"));
        if decision == Decision::Commit {
            self.judge_fencing(process, shard, epoch);
            let verdict = self.oracle.transaction(
                &self.setting,
                &mut self.cluster,
                (shard, transaction),
                self.wall_max_ms,
            );
            self.judge(verdict);
        }
        Ok(())
    }

    /// Makes a request reach the coordinator after `steps`, or never.
    pub fn lose_request(&mut self, request: Request, steps: Option<i64>) {
        let process = request.process;
        if let Some(steps) = steps {
            self.seen.count(Situation::RequestDelayed);
            self.tell(|| format!("p{process}'s request to end its transaction is delayed"));
            let at = self.step + u64::try_from(steps).expect("it is positive");
            self.delayed.insert(at, request);
        } else {
            self.seen.count(Situation::RequestLost);
            self.tell(|| format!("p{process}'s request to end its transaction is lost"));
        }
    }

    /// the process that commits must already have been the owner when it read the offsets that
    /// it continued from. Otherwise an older owner could have committed since.
    fn judge_fencing(&mut self, process: usize, shard: ShardId, epoch: u32) {
        let located = self.located.get(&(process, shard)).copied();
        if located != Some(epoch) {
            self.fail(format!(
                "R-5: p{process} commits for shard {shard} in epoch {epoch}, but went on from \
                 offsets that it read in epoch {located:?}"
            ));
        }
    }

    /// Commits offsets outside any transaction.
    pub fn commit_offsets(&mut self, shard: ShardId, offsets: Offsets) {
        let verdict = self.oracle.offsets(
            &self.setting,
            &mut self.cluster,
            shard,
            &offsets,
            self.wall_max_ms,
        );
        self.judge(verdict);
        self.cluster.group.commit(offsets);
    }

    /// the broker checks member and generation; the shard's owner must check that the member
    /// was given the shard in that generation.
    pub fn judge_authority(&mut self, shard: ShardId, authority: Authority) {
        let Authority { member, generation } = authority;
        let given = self.given.get(&(member, generation));
        if !given.is_some_and(|shards| shards.contains(&shard)) {
            self.fail(format!(
                "R-4: {member:?} commits for shard {shard} in generation {generation}, which did \
                 not give it the shard"
            ));
        }
    }

    /// Records which records a process was given, and when: the time that counts for some (S30).
    pub fn note_read(&mut self, shard: ShardId, records: &[Record<'_>]) {
        for record in records {
            let Record { input, offset, timestamp_ms, read_at_ms, .. } = *record;
            if self.setting.plan.times.usable(timestamp_ms, read_at_ms).is_none() {
                self.seen.count(Situation::UnusableTime);
                self.oracle.note_read((shard, input, offset), read_at_ms);
            }
        }
    }

    /// judges what a process's store of `shard` is about to become.
    pub fn judge_spill(&mut self, process: usize, shard: ShardId, spill: &Spill, after: &Contents) {
        let wall_ms = self.wall_ms(process);
        let verdict = self.oracle.spill(&self.setting, shard, (spill, after), wall_ms);
        self.judge(verdict);
    }
}
