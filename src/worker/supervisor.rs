//! Which shard is where in this process: opened when gained, reopened when dropped, released when
//! lost.
//!
//! ```text
//!  gained ─► opening ─► running (on a lane) ─► released
//!               ▲  │          │ dropped
//!               │  ▼          ▼
//!              waiting ◄── by the error's reaction; every failure reopens the same way
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};

use super::{
    backoff::Backoff,
    command::{Command, Handle, Standing},
    committer::wall_ms,
    inputs,
    opener::{Opened, Opener, Trust},
    pace::Pace,
    room::{Gate, Room},
    totals,
    view::{State, View},
    watch,
};
use crate::{
    log::Limiter,
    shard::{Error, Limits, ShardId},
};

/// Shards opened at a time: `init_transactions` mostly waits, restoring takes a core.
const OPENINGS_MAX: usize = 4;
/// After being fenced, the group's word is awaited for so long: it may well be that the shard is
/// no longer ours, and opening it would fence the one whose it is.
const FENCED_PAUSE: Duration = Duration::from_secs(1);
/// How often a shard is tried that needs someone to mend something.
const STOPPED_PAUSE: Duration = Duration::from_secs(30);
/// How often restores are reported, and inputs looked at.
const RESTORE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a shard is tried for which there was no room.
const CROWDED_PAUSE: Duration = Duration::from_secs(5);
/// How often commits are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// What the supervisor is told.
pub enum Event {
    Gained(BTreeSet<ShardId>),
    /// The sender is dropped when none of the shards can commit any more.
    Losing(BTreeSet<ShardId>, Sender<()>),
    Opened(Box<Opened>),
    /// The first commit since it was opened is in.
    Committed(ShardId),
    /// Its lane had to let it go.
    Dropped(ShardId, Error, Pace),
    /// Like `Dropped`, by a commit that failed.
    Refused(ShardId, Error, Pace),
    Stop,
}

/// Keeps the shards of this process running; see the module.
pub struct Supervisor {
    pub opener: Opener,
    pub lanes: Vec<Handle>,
    pub view: Arc<View>,
    /// Memory for rows, shared by the shards that are owned.
    pub row_cache_bytes: usize,
    room: Gate,
    shards: BTreeMap<ShardId, Owned>,
    tenures: u64,
    told_at: Instant,
    looked_at: Instant,
    /// What is told of failures, by reaction.
    limits: BTreeMap<&'static str, Limiter>,
}

struct Owned {
    /// Tells this time of owning the shard from earlier ones.
    tenure: u64,
    phase: Phase,
    backoff: Backoff,
    standing: Standing,
    store: Trust,
}

enum Phase {
    Queued,
    Opening,
    Running,
    Waiting {
        until: Instant,
    },
    /// There is no room for it; see [`Gate`].
    Crowded {
        until: Instant,
    },
}

impl Supervisor {
    pub fn new(
        opener: Opener,
        lanes: Vec<Handle>,
        view: Arc<View>,
        row_cache_bytes: usize,
        room: Room,
    ) -> Self {
        let (shards, now, limits) = (BTreeMap::new(), Instant::now(), BTreeMap::new());
        let (room, tenures) = (Gate::of(room), 0);
        Self {
            opener,
            lanes,
            view,
            row_cache_bytes,
            room,
            shards,
            tenures,
            told_at: now,
            looked_at: now,
            limits,
        }
    }

    /// Serves until told to stop, then ends the lanes.
    pub fn run(mut self, events: &Receiver<Event>) {
        loop {
            self.view.pulse.beat("supervisor");
            match events.recv_timeout(TICK) {
                Ok(Event::Gained(shards)) => self.gained(&shards),
                Ok(Event::Losing(shards, done)) => self.losing(&shards, &done),
                Ok(Event::Opened(opened)) => self.opened(*opened),
                Ok(Event::Committed(shard)) => self.committed(shard),
                Ok(Event::Dropped(shard, error, pace)) => self.dropped(shard, &error, pace),
                Ok(Event::Refused(shard, error, pace)) => self.refused(shard, &error, pace),
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(why) = self.view.take_reopening() {
                for lane in &self.lanes {
                    let _ = lane.commands.send(Command::Reopen(why.clone()));
                }
            }
            self.open_next();
            self.tell_restores();
            self.watch_commits();
        }
        self.lanes.into_iter().for_each(Handle::stop);
    }

    fn gained(&mut self, shards: &BTreeSet<ShardId>) {
        for &shard in shards {
            self.tenures += 1;
            let owned = Owned {
                tenure: self.tenures,
                phase: Phase::Queued,
                backoff: Backoff::default(),
                standing: Standing::default(),
                store: Trust::Kept,
            };
            self.shards.insert(shard, owned);
            self.view.set_state(shard, State::Opening(Arc::default()));
        }
        self.share_memory();
    }

    fn losing(&mut self, shards: &BTreeSet<ShardId>, done: &Sender<()>) {
        for &shard in shards {
            let Some(owned) = self.shards.remove(&shard) else { continue };
            if matches!(owned.phase, Phase::Running) {
                self.tell(shard, Command::Release(shard, done.clone()));
            }
            self.view.given_up(shard);
        }
        self.share_memory();
    }

    fn share_memory(&self) {
        let bytes = self.row_cache_bytes / self.shards.len().max(1);
        for lane in &self.lanes {
            let _ = lane.commands.send(Command::CacheBytes(bytes));
        }
    }

    fn tell(&self, shard: ShardId, command: Command) {
        let lane = usize::try_from(shard.0).unwrap_or(0) % self.lanes.len();
        let _ = self.lanes[lane].commands.send(command);
    }

    fn open_next(&mut self) {
        let now = Instant::now();
        let count =
            |is: fn(&Phase) -> bool| self.shards.values().filter(|it| is(&it.phase)).count();
        let mut opening = count(|phase| matches!(phase, Phase::Opening));
        let mut active = opening + count(|phase| matches!(phase, Phase::Running));
        let limits = Limits {
            cache_bytes: self.row_cache_bytes / self.shards.len().max(1),
            ..Limits::default()
        };
        for (&shard, owned) in &mut self.shards {
            let ready = match owned.phase {
                Phase::Queued => true,
                Phase::Waiting { until } | Phase::Crowded { until } => until <= now,
                Phase::Opening | Phase::Running => false,
            };
            if !ready || opening >= OPENINGS_MAX {
                continue;
            }
            let started = self.room.admit(active).and_then(|()| {
                let progress = self.view.totals.progress();
                self.opener.start(
                    (shard, owned.tenure),
                    owned.store,
                    limits,
                    Arc::clone(&progress),
                )?;
                Ok(State::Opening(progress))
            });
            let state = match started {
                Ok(state) => {
                    (opening, active) = (opening + 1, active + 1);
                    owned.phase = Phase::Opening;
                    state
                }
                Err(reason) => {
                    owned.phase = Phase::Crowded { until: now + CROWDED_PAUSE };
                    State::Waiting { reason }
                }
            };
            self.view.set_state(shard, state);
        }
        let crowded = |it: &&Owned| matches!(it.phase, Phase::Crowded { .. });
        let waiting = self.shards.values().filter(crowded).count();
        self.room.tell(&self.view.troubles, waiting, active);
    }

    /// Looks now and then how commits fare.
    fn watch_commits(&mut self) {
        if self.looked_at.elapsed() < LOOK_INTERVAL {
            return;
        }
        self.looked_at = Instant::now();
        watch::commits(&self.view);
    }

    /// Tells how far long restores have come.
    fn tell_restores(&mut self) {
        if self.told_at.elapsed() < RESTORE_INTERVAL {
            return;
        }
        self.told_at = Instant::now();
        let shards = self.view.shards();
        inputs::watch(&self.view.troubles, &self.opener.plan.topics, &shards, wall_ms());
        for (shard, view) in shards {
            let State::Opening(progress) = view.state else { continue };
            if progress.restored() > 0 {
                let (restored, per_second) = (progress.restored(), progress.per_second());
                let (remaining, eta_s) = (progress.remaining(), progress.seconds_left());
                let shard = shard.0;
                tracing::info!(shard, restored, remaining, per_second, eta_s, "restoring");
            }
        }
    }

    fn opened(&mut self, opened: Opened) {
        let Opened { shard, tenure, result, took } = opened;
        let Some(owned) = self.shards.get_mut(&shard).filter(|owned| owned.tenure == tenure) else {
            // It was lost meanwhile; dropping it closes it.
            return;
        };
        match result {
            Ok((running, producer)) => {
                owned.phase = Phase::Running;
                owned.backoff.opened(Instant::now());
                let standing = owned.standing.clone();
                owned.store = Trust::Kept;
                self.view.totals.opened(shard, took);
                self.view.totals.stored(shard, running.store());
                self.tell(shard, Command::Add(Box::new(running), producer, standing));
            }
            Err(error) => self.failed(shard, &error),
        }
    }

    fn committed(&mut self, shard: ShardId) {
        let Some(owned) = self.shards.get_mut(&shard) else { return };
        owned.backoff.committed(Instant::now());
        owned.standing.unproven = None;
    }

    fn dropped(&mut self, shard: ShardId, error: &Error, pace: Pace) {
        if let Some(owned) = self.shards.get_mut(&shard) {
            owned.standing.pace = pace;
        }
        self.failed(shard, error);
    }

    fn refused(&mut self, shard: ShardId, error: &Error, pace: Pace) {
        if let Some(owned) = self.shards.get_mut(&shard) {
            owned.standing.unproven = Some(format!("the last commit failed: {error}"));
        }
        self.dropped(shard, error, pace);
    }

    fn failed(&mut self, shard: ShardId, error: &Error) {
        let Some(owned) = self.shards.get_mut(&shard) else { return };
        let backoff = owned.backoff.failed(Instant::now());
        self.view.totals.shard_failures.add(error);
        if matches!(error, Error::Corrupt(_)) {
            owned.store = Trust::Lost;
        }
        let (pause, state) = match error {
            Error::Fenced(reason) => (FENCED_PAUSE, State::Waiting { reason: reason.clone() }),
            Error::Misconfigured(reason) => {
                (STOPPED_PAUSE, State::Stopped { reason: reason.clone() })
            }
            // It may have been fenced as well: that the brokers have ended it looks the same.
            Error::Oversized(_) => {
                (backoff.max(FENCED_PAUSE), State::Waiting { reason: error.to_string() })
            }
            Error::Outdated(_)
            | Error::Corrupt(_)
            | Error::Violated { .. }
            | Error::Interrupted(_) => (backoff, State::Waiting { reason: error.to_string() }),
        };
        owned.phase = Phase::Waiting { until: Instant::now() + pause };
        let failures = owned.backoff.failures();
        self.tell_failure(shard, error, &state, pause, failures);
        self.view.set_state(shard, state);
    }

    /// Tells of a failure, unless too many of its kind were told of just now: a broker that is
    /// gone fails every shard again and again.
    fn tell_failure(
        &mut self,
        shard: ShardId,
        error: &Error,
        state: &State,
        pause: Duration,
        failures: u32,
    ) {
        let reaction = totals::reaction(error);
        let limit = self.limits.entry(reaction).or_default();
        let Some(withheld) = limit.admit(Instant::now()) else { return };
        let shard = shard.0;
        match state {
            State::Stopped { .. } => {
                tracing::error!(shard, reaction, failures, withheld, "stopped: {error}");
            }
            _ => {
                let text = format!("opening again in {pause:?}: {error}");
                tracing::warn!(shard, reaction, failures, withheld, "{text}");
            }
        }
    }
}
