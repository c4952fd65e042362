//! One processing thread and the shards given to it.
//!
//! ```text
//!  poll ─► process ─► tick ─► take ──► committer ──► ended ──► spillers ──► landed
//!   ▲                          │ the next overlays start meanwhile
//!   └──────────────────────────┘
//! ```

mod commit;
mod shard;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    time::{Duration, Instant},
};

use self::{commit::Transactions, shard::Shard};
use super::{
    cadence::Cadence,
    command::{Command, Handle},
    committer::{Committing, wall_ms},
    producers::Producers,
    query::Recent,
    spawn,
    spiller::Job,
    supervisor::Event,
    view::View,
};
use rollcall_core::{
    owner::{Cause, Left, Now, Pace, Release, Standing, Stay},
    record::ShardId,
    shard::{Error, Record, Result, Running, Size},
};
use rollcall_kafka::{DataConsumer, Input};
use rollcall_store::RocksStore;

/// How often deadlines are checked.
const TICK_INTERVAL: Duration = Duration::from_millis(100);
/// Keys that a lane reads from its stores at a time, whatever their number, so that records are not
/// delayed for long.
const SCANNED_MAX: usize = 10_000;
/// How long a lane without records sleeps while waiting for commands.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// How long a lane sleeps whose next records wait for their schemas.
const SCHEMA_WAIT: Duration = Duration::from_millis(5);

/// What all lanes share.
#[derive(Clone)]
pub struct Shared {
    pub committing: Committing,
    pub producers: Arc<Producers>,
    pub spillers: Sender<Job>,
    pub events: Sender<Event>,
    pub view: Arc<View>,
    pub recent: Arc<Recent>,
    pub cadence: Cadence,
}

/// Starts a lane.
///
/// # Errors
/// When the system refuses its threads.
pub fn start(index: usize, data: DataConsumer, shared: Shared) -> Result<Handle> {
    let (commands, receiver) = channel();
    let own = commands.clone();
    let transactions = Transactions::start(index, &shared, own.clone())?;
    let name = format!("lane-{index}");
    let thread = name.clone();
    let run = move || {
        let began = Instant::now();
        let mut lane = Lane {
            name,
            data,
            shared,
            own,
            shards: BTreeMap::new(),
            held: BTreeSet::new(),
            transactions,
            leaving: BTreeMap::new(),
            cache_bytes: 0,
            began,
            ticked: began,
        };
        lane.run(&receiver);
        lane.transactions.stop();
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
    transactions: Transactions,
    /// Shards that were given up or dropped while something of them was under way.
    leaving: BTreeMap<Stay, Box<Running<RocksStore>>>,
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
            if self.is_full() {
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

    /// Returns whether there is nothing to process, or no room for more until a transaction has
    /// ended (R-7).
    fn is_full(&self) -> bool {
        let reads = |shard: &&Shard| !shard.running.is_claiming();
        let mut reading = self.shards.values().filter(reads).peekable();
        if reading.peek().is_none() || reading.any(|shard| shard.running.is_full()) {
            return true;
        }
        let sizes = self.shards.values().map(|shard| shard.running.overlay_size());
        self.transactions.is_full(|| Size::sum(sizes))
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Add(stay, running, standing) => self.add(stay, *running, standing),
            Command::Release(shard, done) => {
                if let Some(state) = self.shards.get_mut(&shard) {
                    state.released = Some(done);
                    self.wind_up(shard);
                }
            }
            Command::Ended(transaction) => self.ended(*transaction),
            Command::Landed(landing) => self.landed(*landing),
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
            Command::Reconnect(data) => {
                self.data = *data;
                self.replace_producer();
            }
            Command::Stop => unreachable!("the loop ends at a stop"),
        }
    }

    /// Takes in a shard. Its inputs are read once its claim has been committed.
    fn add(&mut self, stay: Stay, mut running: Running<RocksStore>, standing: Standing) {
        let id = running.id();
        if self.cache_bytes > 0 {
            running.set_cache_bytes(self.cache_bytes);
        }
        running.set_transaction_max(self.transactions.limit_of(standing.pace));
        self.shards.insert(id, Shard::new(stay, running, standing, self.now()));
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
        let waits = |id: &ShardId| self.shards.get(id).is_some_and(|it| it.running.is_waiting());
        if !self.held.is_empty() && self.held.iter().all(waits) {
            std::thread::sleep(SCHEMA_WAIT);
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
        let mut to_scan = SCANNED_MAX;
        let throttled = self.transactions.throttled();
        for (id, shard) in &mut self.shards {
            if lost && !shard.running.is_claiming() {
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
                && let Err(error) = shard.tick(now_ms, &mut to_scan)
            {
                failed.push((*id, error));
                continue;
            }
            if shard.unproven.is_some() {
                shard.running.prove();
            }
            if shard.is_to_report() {
                let report = shard.report(*id, &self.data, throttled, now);
                self.shared.view.report(*id, report);
            }
        }
        for (shard, error) in failed {
            self.drop_shard(shard, error, Cause::Other);
        }
    }

    /// Lets a shard that is being given up commit what it still holds, or drops it.
    fn wind_up(&mut self, id: ShardId) {
        let Some(shard) = self.shards.get_mut(&id) else { return };
        let leaves = match shard.cycle.release() {
            // A claim would say that this process owns it.
            Release::Commit => shard.running.is_claiming() || !shard.running.has_work(),
            Release::Wait => false,
            Release::Leave => true,
        };
        if leaves {
            self.remove(id);
        }
    }

    /// Drops a shard that has failed.
    fn drop_shard(&mut self, id: ShardId, error: Error, cause: Cause) {
        if let Some((stay, pace, closing)) = self.take_out(id) {
            let left = Left { pace, cause };
            let _ = self.shared.events.send(Event::Dropped(id, stay, error, left));
            self.close(stay, closing);
        }
    }

    /// Removes a shard that was given up: from here on it cannot commit, so its release is done.
    fn remove(&mut self, id: ShardId) {
        if let Some((stay, _, closing)) = self.take_out(id) {
            self.close(stay, closing);
        }
    }

    fn take_out(&mut self, id: ShardId) -> Option<(Stay, Pace, Box<Running<RocksStore>>)> {
        let shard = self.shards.remove(&id)?;
        self.held.remove(&id);
        let report = shard.report(id, &self.data, self.transactions.throttled(), self.now());
        self.shared.view.report(id, report);
        if !shard.running.is_claiming()
            && let Err(error) = self.data.unassign(id)
        {
            tracing::warn!(shard = id.0, %error, "the inputs could not be unassigned");
        }
        let Shard { running, cycle, released, pace, .. } = shard;
        tracing::info!(shard = id.0, next = ?running.next_offsets(), "shard closed");
        if released.is_some() {
            self.shared.recent.forget(id);
        }
        drop(released);
        Some((cycle.stay(), pace, Box::new(running)))
    }

    /// Closes what is left of a stay, once nothing of it is under way any more.
    fn close(&mut self, stay: Stay, running: Box<Running<RocksStore>>) {
        if self.transactions.has_under_way(stay) {
            self.leaving.insert(stay, running);
        } else {
            let _ = self.shared.spillers.send(Job::Close(running, stay));
        }
    }
}
