//! One processing thread and the shards given to it.
//!
//! ```text
//!  poll ─► process ─► tick ─► take ──► committers ──► committed
//!   ▲                          │ the next overlay starts meanwhile
//!   └──────────────────────────┘
//! ```

mod shard;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    time::{Duration, Instant},
};

use self::shard::Shard;
use super::{
    cadence,
    command::{Command, Handle},
    committer::{Job, Pending, wall_ms},
    query::Recent,
    spawn,
    supervisor::Event,
    view::{State, View},
};
use rollcall_core::{
    owner::{Cause, Due, Ended, Left, Now, Pace, Release, STUCK_AFTER, Standing, Stay},
    record::ShardId,
    shard::{Error, Record, Result, Running},
};
use rollcall_kafka::{DataConsumer, Input, ShardProducer};
use rollcall_store::RocksStore;

/// How often deadlines are checked.
const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// How long a lane without records sleeps while waiting for commands.
const IDLE_WAIT: Duration = Duration::from_millis(20);

/// What all lanes share.
#[derive(Clone)]
pub struct Shared {
    pub committers: Sender<Job>,
    pub events: Sender<Event>,
    pub view: Arc<View>,
    pub recent: Arc<Recent>,
    pub commit_interval: Duration,
}

/// Starts a lane.
///
/// # Errors
/// When the system refuses its thread.
pub fn start(name: String, data: DataConsumer, shared: Shared) -> Result<Handle> {
    let (commands, receiver) = channel();
    let own = commands.clone();
    let thread = name.clone();
    let run = move || {
        let (shards, held, began) = (BTreeMap::new(), BTreeSet::new(), Instant::now());
        let (cache_bytes, ticked) = (0, began);
        let mut lane = Lane { name, data, shared, own, shards, held, cache_bytes, began, ticked };
        lane.run(&receiver);
    };
    Ok(Handle { commands, thread: spawn(&thread, run)? })
}

struct Lane {
    name: String,
    data: DataConsumer,
    shared: Shared,
    own: Sender<Command>,
    shards: BTreeMap<ShardId, Shard>,
    /// The shards that have not finished the batch, because their transactions were full.
    held: BTreeSet<ShardId>,
    cache_bytes: usize,
    began: Instant,
    ticked: Instant,
}

impl Lane {
    fn now(&self) -> Now {
        self.began.elapsed()
    }

    fn run(&mut self, commands: &Receiver<Command>) {
        loop {
            self.shared.view.watchdog.heartbeat(&self.name);
            loop {
                match commands.try_recv() {
                    Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return,
                    Ok(command) => self.command(command),
                    Err(TryRecvError::Empty) => break,
                }
            }
            if self.shards.is_empty() || self.shards.values().any(|shard| shard.running.is_full()) {
                match commands.recv_timeout(IDLE_WAIT) {
                    Ok(Command::Stop) => return,
                    Ok(command) => self.command(command),
                    Err(_) => {}
                }
            } else {
                self.process();
            }
            if self.shards.is_empty() {
                self.data.poll(Duration::ZERO); // handles librdkafka's reports
            }
            // Even for a full shard: its commit may have been rejected, or be stuck.
            self.tick();
            self.commit();
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Add(stay, running, producer, standing) => {
                self.add(stay, *running, producer, &standing);
            }
            Command::Release(shard, done) => {
                if let Some(state) = self.shards.get_mut(&shard) {
                    state.released = Some(done);
                    self.wind_up(shard);
                }
            }
            Command::Committed(pending) => self.committed(pending),
            Command::Ask(shard, question) => {
                question.answer(self.shards.get(&shard).map(|shard| &shard.running));
            }
            Command::CacheBytes(bytes) => {
                self.cache_bytes = bytes;
                self.shards.values_mut().for_each(|shard| shard.running.set_cache_bytes(bytes));
            }
            Command::Reopen(why) => {
                let shards: Vec<ShardId> = self.shards.keys().copied().collect();
                shards.into_iter().for_each(|id| {
                    self.drop_shard(id, Error::Interrupted(why.clone()), Cause::Other);
                });
            }
            // All shards were given up before this.
            Command::Reconnect(data) => self.data = *data,
            Command::Stop => unreachable!("the loop ends at a stop"),
        }
    }

    fn add(
        &mut self,
        stay: Stay,
        mut running: Running<RocksStore>,
        producer: ShardProducer,
        standing: &Standing,
    ) {
        let id = running.id();
        if self.cache_bytes > 0 {
            running.set_cache_bytes(self.cache_bytes);
        }
        if let Err(error) = self.data.assign(id, running.next_offsets()) {
            let left = Left { pace: standing.pace, cause: Cause::Other };
            let _ = self.shared.events.send(Event::Dropped(id, stay, error, left));
            return;
        }
        let state = match &standing.unproven {
            None => State::Running,
            Some(reason) => State::Waiting { reason: reason.clone() },
        };
        self.shared.view.set_state(id, state);
        self.held.remove(&id);
        self.shards.insert(id, Shard::new(stay, running, producer, standing, self.now()));
    }

    /// Takes the next batch and passes it to the shards; or passes the rest of the last one to
    /// those whose transactions had no room for it.
    fn process(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() && !self.poll() {
            return;
        }
        let takes_part = |shard: &ShardId| held.is_empty() || held.contains(shard);
        let mut failed = Vec::new();
        {
            let mut records: BTreeMap<ShardId, Vec<Record<'_>>> = BTreeMap::new();
            let mut ends = Vec::new();
            let batch = self.data.batch(wall_ms());
            for (shard, input) in batch.filter(|(shard, _)| takes_part(shard)) {
                match input {
                    Input::Record(record) => records.entry(shard).or_default().push(record),
                    Input::End { input, position } => ends.push((shard, input, position)),
                    Input::Failed(error) => failed.push((shard, error)),
                }
            }
            for (id, records) in records {
                let Some(shard) = self.shards.get_mut(&id) else { continue };
                if !shard.cycle.processes() {
                    continue;
                }
                match shard.process(&records) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.held.insert(id);
                    }
                    Err(error) => failed.push((id, error)),
                }
            }
            for (id, input, position) in ends {
                let Some(shard) = self.shards.get_mut(&id) else { continue };
                if shard.cycle.processes() && !self.held.contains(&id) {
                    shard.running.reached_end(input, position);
                }
            }
        }
        for (shard, error) in failed {
            self.drop_shard(shard, error, Cause::Other);
        }
    }

    /// Takes the next batch and returns whether it contains anything.
    fn poll(&mut self) -> bool {
        let busy = self.shards.values().any(Shard::is_busy);
        // With a commit due or under way, do not wait for the first record.
        let wait = if busy { Duration::from_millis(1) } else { IDLE_WAIT };
        self.data.poll(wait) > 0
    }

    fn tick(&mut self) {
        if self.ticked.elapsed() < TICK_INTERVAL {
            return;
        }
        self.ticked = Instant::now();
        let lost = self.data.take_brokers_lost();
        let (now, mut failed) = (self.now(), Vec::new());
        for (id, shard) in &mut self.shards {
            if lost {
                // Until the ends are reported again: records produced meanwhile must be seen before
                // a deadline fires.
                shard.running.lost_sight();
                self.held.remove(id);
                if let Err(error) = self.data.reassign(*id, shard.running.next_offsets()) {
                    failed.push((*id, error));
                    continue;
                }
            }
            let now_ms = wall_ms();
            for input in 0..shard.running.next_offsets().len() {
                if let Some(end) = self.data.end(*id, input) {
                    shard.running.ends_at(input, end, now_ms);
                }
            }
            if shard.cycle.processes()
                && let Err(error) = shard.running.tick(now_ms)
            {
                failed.push((*id, error));
                continue;
            }
            if shard.unproven {
                shard.running.prove();
            }
            if shard.is_to_report() {
                shard.listen();
                self.shared.view.report(*id, shard.report(*id, &self.data, now));
            }
        }
        for (shard, error) in failed {
            self.drop_shard(shard, error, Cause::Other);
        }
    }

    /// Sends the commits that are due to the committers.
    fn commit(&mut self) {
        let busy = self.shards.values().filter(|shard| shard.is_busy()).count();
        let (now, mut failed) = (self.now(), Vec::new());
        for (id, shard) in &mut self.shards {
            match shard.cycle.due(now) {
                Due::Nothing => {}
                Due::Again => {
                    let pending = shard.refused.take().expect("what was refused is kept");
                    let _ = self.shared.committers.send(Job::Commit(pending));
                }
                Due::Abandoned => {
                    let text = "no assignment has held the shard for a minute".to_owned();
                    failed.push((*id, Error::Interrupted(text)));
                }
                Due::Stuck => {
                    let after = STUCK_AFTER.as_secs();
                    let text = format!("a commit has not returned after {after} s");
                    failed.push((*id, Error::Interrupted(text)));
                }
            }
            if !shard.cycle.may_commit() {
                continue;
            }
            let next = shard.running.next_offsets();
            let lag = next
                .iter()
                .enumerate()
                .filter_map(|(input, next)| self.data.lag(*id, input, *next));
            let pause = cadence::pause(self.shared.commit_interval, busy, lag.sum());
            let since = now.saturating_sub(shard.cycle.sent_at());
            if (since >= pause || shard.running.fills_transaction())
                && let Err(error) = shard.send(*id, &self.shared.committers, &self.own, now)
            {
                failed.push((*id, error));
            }
        }
        for (id, error) in failed {
            self.drop_shard(id, error, Cause::Commit);
        }
    }

    fn committed(&mut self, mut pending: Box<Pending>) {
        let (id, now) = (pending.shard, self.now());
        let Some(shard) = self.shards.get_mut(&id) else { return };
        let result = pending.result.clone();
        match shard.cycle.ended(pending.stay, result.as_ref().map(|_| ()), now) {
            Ended::Committed { first } => {
                if let Err(error) = result.and_then(|done| shard.running.committed(done)) {
                    return self.drop_shard(id, error, Cause::Other);
                }
                shard.learn(&pending);
                shard.commits.add(&pending.commit.transaction, pending.took, wall_ms());
                let outputs = std::mem::take(&mut pending.commit.transaction.outputs);
                self.shared.recent.keep(id, outputs, wall_ms());
                shard.producer = Some(pending.producer);
                if first {
                    let _ = self.shared.events.send(Event::Committed(id, pending.stay));
                }
                if std::mem::take(&mut shard.unproven) {
                    self.shared.view.set_state(id, State::Running);
                }
                if !shard.cycle.processes() {
                    self.wind_up(id);
                }
            }
            Ended::Left => {
                let error = result.err();
                tracing::debug!(
                    shard = id.0,
                    error = error.map(tracing::field::display),
                    "the last commit failed; the next owner repeats it"
                );
                self.remove(id);
            }
            Ended::Refused => shard.refused = Some(pending),
            Ended::Failed => {
                let Err(error) = result else { return };
                shard.learn_from_failure(&pending, &error);
                self.drop_shard(id, error, Cause::Commit);
            }
            Ended::Stale => {}
        }
    }

    /// Commits what a shard being given up still holds, then drops it.
    fn wind_up(&mut self, id: ShardId) {
        let now = self.now();
        let Some(shard) = self.shards.get_mut(&id) else { return };
        let leaves = match shard.cycle.release() {
            Release::Commit => {
                let sent = shard.send(id, &self.shared.committers, &self.own, now);
                !sent.unwrap_or_else(|error| {
                    tracing::error!(shard = id.0, "the last commit is left out: {error}");
                    false
                })
            }
            Release::Wait => false,
            Release::Leave => true,
        };
        if leaves {
            self.remove(id);
        }
    }

    /// Drops a shard that has failed.
    fn drop_shard(&mut self, id: ShardId, error: Error, cause: Cause) {
        if let Some((stay, pace)) = self.remove(id) {
            let left = Left { pace, cause };
            let _ = self.shared.events.send(Event::Dropped(id, stay, error, left));
        }
    }

    /// Removes a shard from the lane. From here on it cannot commit, so its release is done.
    fn remove(&mut self, id: ShardId) -> Option<(Stay, Pace)> {
        let shard = self.shards.remove(&id)?;
        self.held.remove(&id);
        self.shared.view.report(id, shard.report(id, &self.data, self.now()));
        if let Err(error) = self.data.unassign(id) {
            tracing::warn!(shard = id.0, %error, "the inputs could not be unassigned");
        }
        let Shard { running, cycle, producer, released, pace, .. } = shard;
        tracing::info!(shard = id.0, next = ?running.next_offsets(), "shard closed");
        if released.is_some() {
            self.shared.recent.forget(id);
        }
        drop(released);
        let _ = self.shared.committers.send(Job::Close(Box::new(running), producer));
        Some((cycle.stay(), pace))
    }
}
