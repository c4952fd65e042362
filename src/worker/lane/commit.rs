//! The transactions of a lane: each commits what its shards have processed, all together.

use std::{
    sync::{Arc, mpsc::Sender},
    thread,
    time::{Duration, Instant},
};

use super::{
    super::{
        cadence::{self, Cadence},
        command::Command,
        committer::{self, LaneTransaction, Part, wall_ms},
        producers::Slot,
        spiller::{Job, Landing},
        supervisor::Event,
        view::State,
    },
    Lane, Shard, Shared,
};
use rollcall_core::{
    owner::{self, Candidate, Cause, Due, Ended, Learnt, Pace, STUCK_AFTER, Stay},
    record::{Offset, ShardId},
    shard::{Attempt, Committed, Error, Result, Size},
};

/// After this long without throttling, a broker's quota is no longer reported.
const THROTTLED_FOR: Duration = Duration::from_secs(30);

/// The transactions of a lane, and the thread that commits them.
pub(super) struct Transactions {
    index: usize,
    lane: owner::Lane,
    slot: Arc<Slot>,
    committer: Sender<Box<LaneTransaction>>,
    thread: Option<thread::JoinHandle<()>>,
    /// How many producers the lane has had.
    producers: usize,
    /// How long brokers have throttled the producer because of its quota, and when.
    throttled: Option<(Duration, Instant)>,
}

impl Transactions {
    /// Starts the committer of a lane.
    ///
    /// # Errors
    /// When the system refuses its thread.
    pub fn start(index: usize, shared: &Shared, lane: Sender<Command>) -> Result<Self> {
        let slot = shared.producers.slot(index);
        let name = format!("commit-{index}");
        let (committer, thread) =
            committer::start(name, Arc::clone(&slot), shared.committing.clone(), lane)?;
        Ok(Self {
            index,
            lane: owner::Lane::default(),
            slot,
            committer,
            thread: Some(thread),
            producers: 1,
            throttled: None,
        })
    }

    /// Waits for the transaction that is under way, and ends the thread.
    pub fn stop(self) {
        let Self { committer, thread, .. } = self;
        drop(committer);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Returns whether the shards of the lane must wait for a transaction to end before they
    /// process more, if the next one would hold so much already.
    pub fn is_full(&self, size: impl FnOnce() -> Size) -> bool {
        !self.lane.is_free() && self.lane.is_filled_by(size())
    }

    /// Returns how much a shard may commit at a time, whose own commits have this pace.
    pub fn limit_of(&self, shard: Pace) -> Size {
        self.lane.limit_of(shard)
    }

    /// Returns whether a part of a transaction or a spill of the stay is under way.
    pub fn has_under_way(&self, stay: Stay) -> bool {
        self.lane.has_under_way(stay)
    }

    /// Returns how long brokers have recently throttled the producer at a time, if they have.
    pub fn throttled(&mut self) -> Option<Duration> {
        let throttled = self.slot.serve();
        self.note_throttled(throttled);
        let (throttled, at) = self.throttled?;
        (at.elapsed() < THROTTLED_FOR).then_some(throttled)
    }

    fn note_throttled(&mut self, throttled: Duration) {
        if !throttled.is_zero() {
            self.throttled = Some((throttled, Instant::now()));
        }
    }
}

impl Lane {
    /// Sends the next transaction if it is due.
    pub(super) fn commit(&mut self) {
        self.drop_stuck();
        if !self.transactions.lane.is_free() {
            return;
        }
        let now = self.now();
        let (mut candidates, mut touched, mut is_urgent) = (Vec::new(), 0, false);
        for (&shard, state) in &self.shards {
            let Some(size) = state.offers(now) else { continue };
            candidates.push(Candidate { shard, size });
            touched += 1 + usize::from(state.running.has_outputs());
            is_urgent |= state.is_urgent();
        }
        let size = Size::sum(candidates.iter().map(|candidate| candidate.size));
        is_urgent |= self.transactions.lane.is_filled_by(size);
        if candidates.is_empty() || !(is_urgent || self.is_due(touched)) {
            return;
        }
        let mut parts = Vec::new();
        for id in self.transactions.lane.choose(&candidates) {
            let Some(shard) = self.shards.get_mut(&id) else { continue };
            match shard.take(id, now) {
                Ok(Some(part)) => parts.push(part),
                Ok(None) => {}
                Err(error) => self.drop_shard(id, error, Cause::Commit),
            }
        }
        if parts.is_empty() {
            return;
        }
        let stays = parts.iter().map(|part| part.stay).collect();
        let sent = self.transactions.lane.sent(stays, now);
        let Cadence { lanes, partitions_per_second, .. } = self.shared.cadence;
        let pause = owner::Lane::pause(touched, lanes, partitions_per_second);
        self.shared.view.totals.pauses(self.transactions.index, pause);
        let _ = self.transactions.committer.send(Box::new(LaneTransaction::new(sent, parts)));
    }

    /// Returns whether a transaction that touches so many partitions is due.
    fn is_due(&self, touched: usize) -> bool {
        let Some(since) = self.transactions.lane.sent_for(self.now()) else { return true };
        let cadence = self.shared.cadence;
        let pause = owner::Lane::pause(touched, cadence.lanes, cadence.partitions_per_second);
        since >= pause && (since >= cadence.interval || !self.has_backlog())
    }

    /// Returns whether so much is left to read that fewer and larger transactions are better.
    fn has_backlog(&self) -> bool {
        let lag = |(id, shard): (&ShardId, &Shard)| -> i64 {
            let next = shard.running.next_offsets().iter().enumerate();
            next.filter_map(|(input, next)| self.data.lag(*id, input, *next)).sum()
        };
        let lag: i64 = self.shards.iter().map(lag).sum();
        cadence::is_backlog(lag, self.shards.len())
    }

    /// Drops the shards whose commits do not end. If a transaction is stuck, another producer takes
    /// over, which makes sure that it does not commit any more, or shows that it has.
    fn drop_stuck(&mut self) {
        let (now, mut failed, mut is_stuck) = (self.now(), Vec::new(), false);
        for (&id, shard) in &self.shards {
            let text = match shard.cycle.due(now) {
                Due::Nothing | Due::Again => continue,
                Due::Abandoned => "its commit was aborted again and again for a minute".to_owned(),
                Due::Stuck => {
                    // Its spill may be stuck instead.
                    is_stuck |= self.transactions.lane.has_part(shard.cycle.stay());
                    format!("a commit has not returned after {} s", STUCK_AFTER.as_secs())
                }
            };
            failed.push((id, Error::Interrupted(text)));
        }
        if is_stuck {
            self.replace_producer();
        }
        for (id, error) in failed {
            self.drop_shard(id, error, Cause::Commit);
        }
    }

    /// Lets another producer take over. A transaction under way is left to it.
    pub(super) fn replace_producer(&mut self) {
        let transactions = &mut self.transactions;
        let name = format!("commit-{}.{}", transactions.index, transactions.producers + 1);
        let (shared, own) = (self.shared.committing.clone(), self.own.clone());
        let start = |slot| committer::start(name, slot, shared, own);
        let (slot, (committer, thread)) =
            match self.shared.producers.replace(transactions.index, start) {
                Ok(replaced) => replaced,
                // The old one stays, with what it has under way.
                Err(error) => return tracing::error!(lane = transactions.index, "{error}"),
            };
        (transactions.slot, transactions.committer) = (slot, committer);
        transactions.producers += 1;
        // The old one ends when its call returns, if ever.
        transactions.thread = Some(thread);
        for stay in transactions.lane.abandoned() {
            self.close_left(stay);
        }
    }

    /// Takes in the result of a transaction.
    pub(super) fn ended(&mut self, mut transaction: LaneTransaction) {
        let Some(Attempt { results, too_large }) = transaction.attempt.take() else { return };
        let (took, throttled) = (transaction.took, transaction.throttled);
        self.transactions.note_throttled(throttled);
        let learnt = match too_large {
            Some(size) => Learnt::TooLarge { size, throttled },
            None if results.iter().all(Result::is_ok) => Learnt::Committed {
                size: transaction.size(),
                // Brokers answer a request that exceeds a quota at once and then read nothing for
                // the time that they state: it is part of the cost.
                took: took.max(throttled),
            },
            None if Pace::is_too_long(throttled) => {
                Learnt::TooLarge { size: transaction.size(), throttled }
            }
            None => Learnt::Nothing,
        };
        self.transactions.lane.ended(transaction.sent, learnt);
        for shard in self.shards.values_mut() {
            shard.running.set_transaction_max(self.transactions.limit_of(shard.pace));
        }
        let mut claimed = Vec::new();
        for (part, result) in transaction.parts.into_iter().zip(results) {
            let stay = part.stay;
            match result {
                Ok(end) => claimed.extend(self.land(part, end, took)),
                Err(error) => self.failed(part, error, throttled),
            }
            self.close_left(stay);
        }
        self.read(&claimed);
    }

    /// Sends the spill of a part that was committed to the store, or finishes the part at once.
    fn land(&mut self, mut part: Part, end: Option<Offset>, took: Duration) -> Option<ShardId> {
        let (id, stay) = (part.shard, part.stay);
        let shard = self.shards.get(&id).filter(|shard| shard.cycle.stay() == stay)?;
        let store = Arc::clone(shard.running.store());
        if part.commit.spill.is_some() {
            self.transactions.lane.landing(stay);
            let landing = Landing::new(part, end, store, took, self.own.clone());
            let _ = self.shared.spillers.send(Job::Land(Box::new(landing)));
            return None;
        }
        let done = part.commit.land(&*store, end);
        self.committed(part, done, took)
    }

    /// Takes in a spill.
    pub(super) fn landed(&mut self, landing: Landing) {
        let Landing { part, store, took, result, .. } = landing;
        drop(store);
        let stay = part.stay;
        self.transactions.lane.landed(stay);
        self.committed(part, result, took);
        self.close_left(stay);
    }

    /// Records that a part was committed; returns the shard if that has claimed it.
    fn committed(
        &mut self,
        mut part: Part,
        result: Result<Committed>,
        took: Duration,
    ) -> Option<ShardId> {
        let done = match result {
            Ok(done) => done,
            Err(error) => {
                self.failed(part, error, Duration::ZERO);
                return None;
            }
        };
        let (id, now) = (part.shard, self.now());
        let shard = self.shards.get_mut(&id)?;
        let ended = shard.cycle.ended(part.stay, Ok(()), now);
        if !matches!(ended, Ended::Claimed | Ended::Committed { .. }) {
            return None;
        }
        if let Err(error) = shard.running.committed(done) {
            self.drop_shard(id, error, Cause::Other);
            return None;
        }
        if let Ended::Committed { first } = ended {
            shard.pace.committed(part.commit.transaction.size(), took);
            let limit = self.transactions.limit_of(shard.pace);
            shard.running.set_transaction_max(limit);
            shard.commits.add(&part.commit.transaction, took, wall_ms());
            let outputs = std::mem::take(&mut part.commit.transaction.outputs);
            self.shared.recent.keep(id, outputs, wall_ms());
            if first {
                let _ = self.shared.events.send(Event::Committed(id, part.stay));
            }
            if shard.unproven.take().is_some() {
                self.shared.view.set_state(id, State::Running);
            }
        }
        if !shard.cycle.processes() {
            self.wind_up(id);
            return None;
        }
        (ended == Ended::Claimed).then_some(id)
    }

    /// Records that a part was not committed, or its spill not written.
    fn failed(&mut self, part: Part, error: Error, throttled: Duration) {
        let (id, now) = (part.shard, self.now());
        let Some(shard) = self.shards.get_mut(&id) else { return };
        match shard.cycle.ended(part.stay, Err(&error), now) {
            Ended::Left => {
                let message = "the last commit failed; the next owner repeats it";
                tracing::debug!(shard = id.0, %error, "{message}");
                self.remove(id);
            }
            Ended::Refused => shard.refused = Some(part),
            Ended::Failed => {
                if matches!(error, Error::Oversized(_)) {
                    shard.pace.refused(part.commit.transaction.size(), throttled);
                }
                self.drop_shard(id, error, Cause::Commit);
            }
            Ended::Stale | Ended::Claimed | Ended::Committed { .. } => {}
        }
    }

    /// Closes what is left of a stay, if it has ended and nothing of it is under way any more.
    fn close_left(&mut self, stay: Stay) {
        if !self.transactions.has_under_way(stay)
            && let Some(running) = self.leaving.remove(&stay)
        {
            let _ = self.shared.spillers.send(Job::Close(running, stay));
        }
    }

    /// Starts reading the inputs of shards that were claimed.
    fn read(&mut self, claimed: &[ShardId]) {
        let starts = claimed.iter().filter_map(|id| {
            let shard = self.shards.get(id)?;
            Some((*id, shard.running.next_offsets().to_vec()))
        });
        let starts: Vec<_> = starts.collect();
        if starts.is_empty() {
            return;
        }
        if let Err(error) = self.data.assign(&starts) {
            for (id, _) in starts {
                self.drop_shard(id, error.clone(), Cause::Other);
            }
            return;
        }
        for (id, _) in starts {
            self.held.remove(&id);
            let unproven = self.shards.get(&id).and_then(|shard| shard.unproven.clone());
            let state = match unproven {
                None => State::Running,
                Some(reason) => State::Waiting { reason },
            };
            self.shared.view.set_state(id, state);
        }
    }
}
