//! Manages the shards of this process: opened when gained, opened again when dropped, released when
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
    command::{Command, Handle, lane_of},
    committer::wall_ms,
    inputs,
    opener::{Opened, Opener},
    room::{Gate, Room},
    totals,
    view::{State, View},
    watch,
};
use rollcall_core::{
    owner::{self, Left, Reaction, Shards, Stay, Verdict},
    record::ShardId,
    shard::{Error, Limits, Tenure},
};
use rollcall_service::log::Limiter;

/// How often restores are reported and inputs checked.
const RESTORE_INTERVAL: Duration = Duration::from_secs(5);
/// How often commits are checked.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// An event for the supervisor.
pub enum Event {
    Gained(BTreeMap<ShardId, Tenure>),
    /// The sender is dropped when none of the shards can commit any more.
    Losing(BTreeSet<ShardId>, Sender<()>),
    Opened(Box<Opened>),
    /// The first commit of the stay has succeeded.
    Committed(ShardId, Stay),
    /// Its lane had to drop it.
    Dropped(ShardId, Stay, Error, Left),
    /// Nothing of a stay that has ended is under way any more, and its store is closed.
    Closed(ShardId, Stay),
    Stop,
}

/// Keeps the shards of this process running; see the module.
pub struct Supervisor {
    pub opener: Opener,
    pub lanes: Vec<Handle>,
    pub view: Arc<View>,
    /// Memory for rows, divided among the owned shards.
    pub row_cache_bytes: usize,
    room: Gate,
    shards: Shards,
    began: Instant,
    told_at: Instant,
    looked_at: Instant,
    /// Rate limiters for reporting failures, by reaction.
    limits: BTreeMap<&'static str, Limiter>,
}

impl Supervisor {
    pub fn new(
        opener: Opener,
        lanes: Vec<Handle>,
        view: Arc<View>,
        row_cache_bytes: usize,
        room: Room,
    ) -> Self {
        let (shards, began, limits) = (Shards::default(), Instant::now(), BTreeMap::new());
        let room = Gate::of(room);
        Self {
            opener,
            lanes,
            view,
            row_cache_bytes,
            room,
            shards,
            began,
            told_at: began,
            looked_at: began,
            limits,
        }
    }

    /// Serves until stopped, then stops the lanes.
    pub fn run(mut self, events: &Receiver<Event>) {
        loop {
            self.view.watchdog.heartbeat("supervisor");
            match events.recv_timeout(TICK) {
                Ok(Event::Gained(shards)) => self.gained(&shards),
                Ok(Event::Losing(shards, done)) => self.losing(&shards, &done),
                Ok(Event::Opened(opened)) => self.opened(*opened),
                Ok(Event::Committed(shard, stay)) => {
                    self.shards.committed(shard, stay, self.began.elapsed());
                }
                Ok(Event::Dropped(shard, stay, error, left)) => {
                    self.dropped(shard, stay, &error, &left);
                }
                Ok(Event::Closed(shard, stay)) => self.shards.closed(shard, stay),
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(why) = self.view.take_reopening() {
                for lane in &self.lanes {
                    let _ = lane.commands.send(Command::Reopen(why.clone()));
                }
            }
            self.open_next();
            self.opener.broker.close_idle();
            self.tell_restores();
            self.watch_commits();
        }
        self.lanes.into_iter().for_each(Handle::stop);
    }

    fn gained(&mut self, shards: &BTreeMap<ShardId, Tenure>) {
        self.shards.gained(shards);
        for &shard in shards.keys() {
            self.view.set_state(shard, State::Opening(Arc::default()));
        }
        self.share_memory();
    }

    fn losing(&mut self, shards: &BTreeSet<ShardId>, done: &Sender<()>) {
        for shard in self.shards.losing(shards) {
            self.tell(shard, Command::Release(shard, done.clone()));
        }
        for &shard in shards {
            self.view.given_up(shard);
        }
        self.share_memory();
    }

    fn share_memory(&self) {
        let bytes = self.cache_bytes();
        for lane in &self.lanes {
            let _ = lane.commands.send(Command::CacheBytes(bytes));
        }
    }

    /// Returns the memory that each shard's rows may take.
    fn cache_bytes(&self) -> usize {
        self.row_cache_bytes / self.shards.count().max(1)
    }

    fn tell(&self, shard: ShardId, command: Command) {
        let lane = lane_of(shard, self.lanes.len());
        let _ = self.lanes[lane].commands.send(command);
    }

    fn open_next(&mut self) {
        let limits = Limits { cache_bytes: self.cache_bytes(), ..Limits::default() };
        while let Some(next) = self.shards.next_to_open(self.began.elapsed()) {
            let others = self.shards.active() - 1;
            let started = self.room.admit(others).and_then(|()| {
                let progress = self.view.totals.progress();
                self.opener.start(next, limits, Arc::clone(&progress))?;
                Ok(State::Opening(progress))
            });
            let state = started.unwrap_or_else(|reason| {
                self.shards.no_room(next.shard, self.began.elapsed());
                State::Waiting { reason }
            });
            self.view.set_state(next.shard, state);
        }
        let (crowded, active) = (self.shards.crowded(), self.shards.active());
        self.room.tell(&self.view.troubles, crowded, active);
    }

    /// Checks periodically how commits are doing.
    fn watch_commits(&mut self) {
        if self.looked_at.elapsed() < LOOK_INTERVAL {
            return;
        }
        self.looked_at = Instant::now();
        watch::commits(&self.view);
    }

    /// Reports the progress of long restores.
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
        let Opened { shard, stay, result, took } = opened;
        let outcome = result.as_ref().map(|_| ());
        match self.shards.opened(shard, stay, outcome, self.began.elapsed()) {
            // Dropping what was opened closes it.
            owner::Opened::Discard => {}
            owner::Opened::Failed(reaction) => {
                if let Err(error) = &result {
                    self.failed(shard, error, reaction);
                }
            }
            owner::Opened::Run(standing) => {
                let Ok(running) = result else { return };
                self.view.totals.opened(shard, took);
                self.view.totals.stored(shard, running.store());
                self.tell(shard, Command::Add(stay, Box::new(running), standing));
            }
        }
    }

    fn dropped(&mut self, shard: ShardId, stay: Stay, error: &Error, left: &Left) {
        let reaction = self.shards.dropped(shard, stay, error, left, self.began.elapsed());
        if let Some(reaction) = reaction {
            self.failed(shard, error, reaction);
        }
    }

    fn failed(&mut self, shard: ShardId, error: &Error, reaction: Reaction) {
        self.view.totals.shard_failures.add(error);
        self.tell_failure(shard, error, &reaction);
        let Reaction { verdict, reason, .. } = reaction;
        self.view.set_state(
            shard,
            match verdict {
                Verdict::Waiting => State::Waiting { reason },
                Verdict::Stopped => State::Stopped { reason },
            },
        );
    }

    /// Reports a failure, unless too many of its kind were reported just now: when a broker is
    /// down, every shard fails again and again.
    fn tell_failure(&mut self, shard: ShardId, error: &Error, reaction: &Reaction) {
        let name = totals::reaction(error);
        let limit = self.limits.entry(name).or_default();
        let Some(withheld) = limit.admit(Instant::now()) else { return };
        let (shard, Reaction { verdict, pause, failures, .. }) = (shard.0, reaction);
        match verdict {
            Verdict::Stopped => {
                tracing::error!(shard, reaction = name, failures, withheld, "stopped: {error}");
            }
            Verdict::Waiting => {
                let text = format!("opening again in {pause:?}: {error}");
                tracing::warn!(shard, reaction = name, failures, withheld, "{text}");
            }
        }
    }
}
