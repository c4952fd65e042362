//! A shard on its lane.

use std::{
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use super::super::{
    command::Command,
    commits::Commits,
    committer::{Job, Pending, wall_ms},
    view::Report,
};
use rollcall_core::{
    owner::{Cycle, Now, Pace, Standing, Stay},
    record::ShardId,
    shard::{Error, Record, Result, Running},
};
use rollcall_kafka::{DataConsumer, ShardProducer};
use rollcall_store::RocksStore;

/// A shard on its lane.
pub(super) struct Shard {
    pub running: Running<RocksStore>,
    /// The state of its commits.
    pub cycle: Cycle,
    /// With the committers while a commit is under way.
    pub producer: Option<ShardProducer>,
    /// A commit that was rejected because the group had moved on, to be sent again.
    pub refused: Option<Box<Pending>>,
    pub reported_at: Option<Instant>,
    /// Dropped when nothing of the shard can be committed any more.
    pub released: Option<Sender<()>>,
    /// The last commit failed, and none has succeeded since.
    pub unproven: bool,
    pub pace: Pace,
    /// How long brokers have throttled the producer because of its quota, and when.
    pub throttled: Option<(Duration, Instant)>,
    pub commits: Commits,
}

const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// After this long without throttling, a broker's quota is no longer reported.
const THROTTLED_FOR: Duration = Duration::from_secs(30);

impl Shard {
    /// Begins a stay on a lane.
    pub fn new(
        stay: Stay,
        mut running: Running<RocksStore>,
        producer: ShardProducer,
        standing: &Standing,
        now: Now,
    ) -> Self {
        running.set_transaction_max(standing.pace.limit());
        Self {
            running,
            cycle: Cycle::new(stay, now),
            producer: Some(producer),
            refused: None,
            reported_at: None,
            released: None,
            unproven: standing.unproven.is_some(),
            pace: standing.pace,
            throttled: None,
            commits: Commits::default(),
        }
    }

    /// Returns whether to report now, now and then.
    pub fn is_to_report(&mut self) -> bool {
        let is_due = self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL);
        if is_due {
            self.reported_at = Some(Instant::now());
        }
        is_due
    }

    /// Processes the records that are not done yet; `false` if some are left for later, because the
    /// running overlay is as large as a transaction may be.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn process(&mut self, records: &[Record<'_>]) -> Result<bool> {
        let next = self.running.next_offsets();
        // The previous call may have processed part of the batch.
        let is_done = |record: &&Record<'_>| record.offset < next[record.input];
        let left = &records[records.iter().take_while(is_done).count()..];
        Ok(self.running.process(left)? == left.len())
    }

    /// Handles the client's measurements while nothing is committed.
    pub fn listen(&mut self) {
        let Some(producer) = &self.producer else { return };
        producer.serve();
        let throttled = producer.take_throttled();
        self.note_throttled(throttled);
    }

    /// Learns from a successful commit how much to commit at a time. Brokers answer a request that
    /// exceeds a quota at once and then read nothing for the time that they state: it is part of
    /// the cost.
    pub fn learn(&mut self, pending: &Pending) {
        let throttled = pending.producer.take_throttled();
        self.note_throttled(throttled);
        let took = pending.producer.took().max(throttled);
        self.pace.committed(pending.commit.transaction.size(), took);
        self.running.set_transaction_max(self.pace.limit());
    }

    /// Learns from a failed commit, if its size is the cause: because a broker says so, or because
    /// a quota has throttled the client until the rest of the transaction timed out.
    pub fn learn_from_failure(&mut self, pending: &Pending, error: &Error) {
        let throttled = pending.producer.take_throttled();
        if matches!(error, Error::Oversized(_)) || Pace::is_too_long(throttled) {
            self.pace.refused(pending.commit.transaction.size(), throttled);
        }
    }

    fn note_throttled(&mut self, throttled: Duration) {
        if !throttled.is_zero() {
            self.throttled = Some((throttled, Instant::now()));
        }
    }

    pub fn is_busy(&self) -> bool {
        self.cycle.is_committing() || self.running.has_work()
    }

    /// Hands the running overlay to the committers, and returns whether there was anything in it.
    ///
    /// # Errors
    /// When its content must not be committed.
    pub fn send(
        &mut self,
        id: ShardId,
        committers: &Sender<Job>,
        lane: &Sender<Command>,
        now: Now,
    ) -> Result<bool> {
        let Some(commit) = self.running.take(wall_ms())? else { return Ok(false) };
        self.cycle.sent(now);
        let producer =
            self.producer.take().expect("a shard that is not committing has its producer");
        let pending = Pending {
            shard: id,
            stay: self.cycle.stay(),
            producer,
            store: Arc::clone(self.running.store()),
            commit,
            result: Err(Error::Interrupted("not yet committed".to_owned())),
            took: Duration::ZERO,
            lane: lane.clone(),
        };
        let _ = committers.send(Job::Commit(Box::new(pending)));
        Ok(true)
    }

    pub fn report(&self, id: ShardId, data: &DataConsumer, now: Now) -> Report {
        let next = self.running.next_offsets().iter().enumerate();
        let lag = next.map(|(input, next)| data.lag(id, input, *next)).collect();
        let committing_for = now.saturating_sub(self.cycle.sent_at());
        let committing_since = if self.cycle.is_committing() {
            Instant::now().checked_sub(committing_for)
        } else {
            None
        };
        let throttled = self.throttled.filter(|(_, at)| at.elapsed() < THROTTLED_FOR);
        let throttled = throttled.map(|(throttled, _)| throttled);
        Report { committing_since, throttled, ..Report::of(&self.running, lag, self.commits) }
    }
}
