//! What the worker knows about itself, for probes and metrics.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    commits::Commits, committer::wall_ms, totals::Totals, troubles::Troubles, watchdog::Watchdog,
};
use rollcall_core::{
    record::{Offset, ShardId, Timestamp},
    shard::{CachedRows, Counters, Hidden, Placement, Progress, RowCounts, Running, Store},
};
use rollcall_service::state_api::WorkerState;

/// The state of a shard in this worker.
#[derive(Debug, Clone)]
pub enum State {
    /// Older owners are being fenced and rows restored.
    Opening(Arc<Progress>),
    Running,
    /// It failed and will be opened again soon.
    Waiting {
        reason: String,
    },
    /// Someone has to fix the cause in the reason; it is retried from time to time.
    Stopped {
        reason: String,
    },
}

impl State {
    /// Returns the name in metrics and answers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opening(_) => "opening",
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// Returns why the shard does not run, if it does not.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Opening(_) | Self::Running => None,
            Self::Waiting { reason } | Self::Stopped { reason } => Some(reason),
        }
    }
}

/// The effect of a new generation of the group on this worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It joined.
    Joined,
    /// It got shards.
    Gained,
    /// None: other members came or went.
    Others,
}

/// Their names in metrics.
pub const CHANGES: [&str; 3] = ["joined", "gained", "others"];

/// The last report of a running shard.
#[derive(Debug, Clone)]
pub struct Report {
    pub counters: Counters,
    /// First offset not yet processed, by input.
    pub next: Vec<Offset>,
    /// Offsets still to read, by input, where known.
    pub lag: Vec<Option<i64>>,
    /// Age of the last record processed, by input: 0 at its end, `None` where unknown.
    pub lag_ms: Vec<Option<i64>>,
    /// What an open transaction hides, by input.
    pub hidden: Vec<Option<Hidden>>,
    pub rows: RowCounts,
    /// At least one key has been waiting since then, if any waits; see `Running::oldest_open_ms`.
    pub oldest_open_ms: Option<Timestamp>,
    pub cache_bytes: usize,
    pub cached: CachedRows,
    pub commits: Commits,
    /// Since when a commit has been under way.
    pub committing_since: Option<Instant>,
    /// How long brokers have recently throttled the producer of its lane because of a quota.
    pub throttled: Option<Duration>,
}

impl Report {
    /// Returns what a shard reports, with what its lane knows: its lag, by input, and the cost of
    /// its commits.
    pub fn of<S: Store>(running: &Running<S>, lag: Vec<Option<i64>>, commits: Commits) -> Self {
        Self {
            counters: running.counters().clone(),
            next: running.next_offsets().to_vec(),
            lag,
            lag_ms: running.lag_ms(wall_ms()),
            hidden: running.hidden(),
            rows: running.rows(),
            oldest_open_ms: running.oldest_open_ms(),
            cache_bytes: running.cache_bytes(),
            cached: running.cached_rows(),
            commits,
            committing_since: None,
            throttled: None,
        }
    }
}

/// A shard as the worker sees it.
#[derive(Debug, Clone)]
pub struct ShardView {
    pub state: State,
    /// Why it failed last, while it is being opened again: that may take long and fail again.
    failure: Option<String>,
    pub report: Option<Report>,
    /// Counts of earlier times that this worker had the shard, so that sums never decrease.
    pub earlier: Option<Counters>,
    pub earlier_commits: Commits,
}

/// What the worker knows about itself.
#[derive(Default)]
pub struct View {
    shards: Mutex<BTreeMap<ShardId, ShardView>>,
    /// The group has accepted it at least once.
    joined: AtomicBool,
    /// The group counts it as a member now.
    member: AtomicBool,
    stopping: AtomicBool,
    paused: AtomicBool,
    /// 0 until Kafka has reported it.
    partitions: AtomicU32,
    placement: OnceLock<Arc<Placement>>,
    /// What keeps the whole worker from its work.
    pub troubles: Troubles,
    /// Why all shards are to be opened again, until it is done.
    reopening: Mutex<Option<String>>,
    /// By [`Change`].
    rebalances: [AtomicU64; CHANGES.len()],
    pub watchdog: Watchdog,
    pub totals: Totals,
}

impl View {
    pub fn shards(&self) -> BTreeMap<ShardId, ShardView> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, ShardView>> {
        self.shards.lock().expect("nothing panics under this lock")
    }

    /// Sets a shard's state.
    pub fn set_state(&self, shard: ShardId, state: State) {
        let mut shards = self.lock();
        let view = shards.entry(shard).or_insert_with(|| ShardView {
            state: state.clone(),
            failure: None,
            report: None,
            earlier: None,
            earlier_commits: Commits::default(),
        });
        if !matches!(state, State::Running) {
            view.retire();
        }
        match &state {
            State::Opening(_) => {}
            State::Running => view.failure = None,
            State::Waiting { reason } | State::Stopped { reason } => {
                view.failure = Some(reason.clone());
            }
        }
        view.state = state;
    }

    /// Records that a shard is no longer this worker's. Its counts stay, since sums never decrease.
    pub fn given_up(&self, shard: ShardId) {
        if let Some(view) = self.lock().get_mut(&shard) {
            // Its lane sends a last report; it is retired when the shard is opened again.
            view.state = State::Waiting { reason: NOT_OURS.to_owned() };
            view.failure = None;
        }
    }

    /// Stores a shard's report.
    pub fn report(&self, shard: ShardId, report: Report) {
        if let Some(view) = self.lock().get_mut(&shard) {
            view.report = Some(report);
        }
    }

    /// Returns the shard whose commit has been under way for longest, and for how long.
    pub fn slowest_commit(&self) -> Option<(ShardId, Duration)> {
        let shards = self.lock();
        let ours = shards.iter().filter(|(_, view)| view.is_ours());
        let since = ours.filter_map(|(shard, view)| {
            view.report.as_ref()?.committing_since.map(|since| (*shard, since))
        });
        since.min_by_key(|(_, since)| *since).map(|(shard, since)| (shard, since.elapsed()))
    }

    /// Returns the longest time that brokers have recently throttled the producers of our shards.
    pub fn throttled(&self) -> Option<Duration> {
        let shards = self.lock();
        let ours = shards.values().filter(|view| view.is_ours());
        ours.filter_map(|view| view.report.as_ref()?.throttled).max()
    }

    /// Records that the group has a new generation, and its effect on this worker.
    pub fn joined(&self, change: Change) {
        let first = !self.joined.swap(true, Ordering::Relaxed);
        self.counted_in();
        let change = if first { Change::Joined } else { change };
        self.rebalances[change as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the group counts this worker as a member now.
    pub fn counted_in(&self) {
        self.member.store(true, Ordering::Relaxed);
    }

    /// Records that the group does not count this worker as a member now.
    pub fn counted_out(&self) {
        self.member.store(false, Ordering::Relaxed);
    }

    /// Returns whether the group counts this worker as a member now.
    pub fn is_member(&self) -> bool {
        self.member.load(Ordering::Relaxed)
    }

    /// Records that this worker is not to join the group, so that it has nothing to wait for.
    pub fn paused(&self) {
        self.paused.store(true, Ordering::Relaxed);
        self.joined.store(true, Ordering::Relaxed);
        self.counted_in();
    }

    /// Returns the state of the worker.
    pub fn state(&self) -> WorkerState {
        if self.stopping.load(Ordering::Relaxed) {
            WorkerState::Stopping
        } else if self.paused.load(Ordering::Relaxed) {
            WorkerState::Paused
        } else if self.is_member() {
            WorkerState::Joined
        } else {
            WorkerState::Joining
        }
    }

    /// Sets how many partitions the topics have.
    pub fn set_partitions(&self, partitions: u32) {
        self.partitions.store(partitions, Ordering::Relaxed);
    }

    /// Returns how many partitions the topics have, once Kafka has reported it.
    pub fn partitions(&self) -> Option<u32> {
        Some(self.partitions.load(Ordering::Relaxed)).filter(|&partitions| partitions > 0)
    }

    /// Sets what knows which partition a key belongs to.
    pub fn placed_by(&self, placement: &Arc<Placement>) {
        // A worker starts once.
        let _ = self.placement.set(Arc::clone(placement));
    }

    /// Returns what is known about the partitioning of the inputs, once Kafka has reported them.
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.get().map(|placement| &**placement)
    }

    /// Returns whether the group has accepted this worker, or it is not to join.
    pub fn has_joined(&self) -> bool {
        self.joined.load(Ordering::Relaxed)
    }

    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Returns how often the group had a new generation, in the order of [`CHANGES`].
    pub fn rebalances(&self) -> [u64; CHANGES.len()] {
        self.rebalances.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Asks for all shards to be opened again, for this reason.
    pub fn reopen(&self, why: String) {
        *self.reopening.lock().expect("nothing panics under this lock") = Some(why);
    }

    /// Returns why all shards are to be opened again, once.
    pub fn take_reopening(&self) -> Option<String> {
        self.reopening.lock().expect("nothing panics under this lock").take()
    }

    /// Returns why the group has not yet accepted the worker, `None` once it has.
    pub fn unstarted(&self) -> Option<String> {
        let trouble = self.troubles.unready().map(|trouble| trouble.message);
        (!self.has_joined()).then(|| match trouble {
            Some(message) => format!("not yet in the group: {message}"),
            None => "not yet in the group".to_owned(),
        })
    }

    /// Returns what keeps the worker from being ready, `None` when nothing does: it has joined
    /// and all shards it owns are restored.
    pub fn unready(&self) -> Option<String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Some("stopping".to_owned());
        }
        if let Some(trouble) = self.troubles.unready() {
            return Some(format!("{}: {}", trouble.reason, trouble.message));
        }
        if !self.has_joined() {
            return Some("not yet in the group".to_owned());
        }
        let shards = self.lock();
        let ours = shards.iter().filter(|(_, view)| view.is_ours());
        // The one whose state says most.
        let first = ours.rev().max_by_key(|(_, view)| match view.state {
            State::Stopped { .. } => 3,
            State::Waiting { .. } => 2,
            State::Opening(_) => 1,
            State::Running => 0,
        });
        let (shard, view) = first.filter(|(_, view)| !matches!(view.state, State::Running))?;
        let state = view.state.name();
        Some(match view.reason() {
            Some(reason) => format!("shard {shard} is {state}: {reason}"),
            None => format!("shard {shard} is {state}"),
        })
    }
}

/// The reason shown for shards that were given up.
const NOT_OURS: &str = "another worker has it";

impl ShardView {
    /// Returns why the shard does not run, or why it did not before it was opened again.
    pub fn reason(&self) -> Option<&str> {
        match &self.state {
            State::Opening(_) => self.failure.as_deref(),
            state => state.reason(),
        }
    }

    /// Returns whether the group has assigned the shard to this worker.
    pub fn is_ours(&self) -> bool {
        self.state.reason() != Some(NOT_OURS)
    }

    fn retire(&mut self) {
        let Some(report) = self.report.take() else { return };
        self.earlier = Some(match self.earlier.take() {
            Some(earlier) => earlier.plus(&report.counters),
            None => report.counters,
        });
        let (sum, last) = (&mut self.earlier_commits, report.commits);
        *sum = sum.plus(last);
    }

    /// Returns the counts of all times that this worker had the shard.
    pub fn counters(&self) -> Option<Counters> {
        match (&self.earlier, &self.report) {
            (Some(earlier), Some(report)) => Some(earlier.plus(&report.counters)),
            (Some(earlier), None) => Some(earlier.clone()),
            (None, report) => report.as_ref().map(|report| report.counters.clone()),
        }
    }

    /// Returns the commits of all times that this worker had the shard.
    pub fn commits(&self) -> Commits {
        self.earlier_commits
            .plus(self.report.as_ref().map(|report| report.commits).unwrap_or_default())
    }
}
