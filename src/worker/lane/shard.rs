//! A shard on its lane.

use std::{
    sync::mpsc::Sender,
    time::{Duration, Instant},
};

use super::super::{
    commits::Commits,
    committer::{Part, wall_ms},
    view::Report,
};
use rollcall_core::{
    owner::{Cycle, Due, Now, Pace, Standing, Stay},
    record::{ShardId, Timestamp},
    shard::{Record, Result, Running, Size},
};
use rollcall_kafka::DataConsumer;
use rollcall_store::RocksStore;

/// A shard on its lane.
pub(super) struct Shard {
    pub running: Running<RocksStore>,
    /// The state of its commits.
    pub cycle: Cycle,
    /// A part that was aborted, to be sent again.
    pub refused: Option<Part>,
    pub reported_at: Option<Instant>,
    /// Dropped when nothing of the shard can be committed any more.
    pub released: Option<Sender<()>>,
    /// Why the last commit failed, if none has succeeded since.
    pub unproven: Option<String>,
    /// How much it commits at a time.
    pub pace: Pace,
    pub commits: Commits,
}

const REPORT_INTERVAL: Duration = Duration::from_millis(500);

impl Shard {
    /// Begins a stay on a lane.
    pub fn new(stay: Stay, running: Running<RocksStore>, standing: Standing, now: Now) -> Self {
        Self {
            running,
            cycle: Cycle::new(stay, now),
            refused: None,
            reported_at: None,
            released: None,
            unproven: standing.unproven,
            pace: standing.pace,
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
    /// running overlay is as large as a transaction may be, or because a schema is not there yet.
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

    /// Fires deadlines, and reads at most `to_scan` keys of the store, which are subtracted.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn tick(&mut self, now_ms: Timestamp, to_scan: &mut usize) -> Result<()> {
        if *to_scan > 0 {
            *to_scan -= self.running.scan_keys(*to_scan)?;
        }
        self.running.tick(now_ms)
    }

    pub fn is_busy(&self) -> bool {
        self.cycle.is_committing() || self.running.has_work()
    }

    /// Returns whether the shard cannot wait for the lane's next transaction to become due.
    pub fn is_urgent(&self) -> bool {
        self.refused.is_some()
            || !self.cycle.processes()
            || self.running.is_claiming()
            || self.running.fills_transaction()
            // What it has is committed before it fails for want of a schema.
            || (self.running.is_waiting() && self.running.has_work())
    }

    /// Returns how much the shard has to commit; `None` if it takes no part in a transaction now.
    pub fn offers(&self, now: Now) -> Option<Size> {
        match &self.refused {
            Some(part) => {
                (self.cycle.due(now) == Due::Again).then(|| part.commit.transaction.size())
            }
            None if self.cycle.may_commit() && self.running.wants_commit(wall_ms()) => {
                Some(self.running.overlay_size())
            }
            None => None,
        }
    }

    /// Takes what there is to commit, or what is to be committed again.
    ///
    /// # Errors
    /// When its content must not be committed.
    pub fn take(&mut self, id: ShardId, now: Now) -> Result<Option<Part>> {
        let part = match self.refused.take() {
            Some(part) => part,
            None => {
                let Some(commit) = self.running.take(wall_ms())? else { return Ok(None) };
                Part { shard: id, stay: self.cycle.stay(), commit }
            }
        };
        self.cycle.sent(now);
        Ok(Some(part))
    }

    pub fn report(
        &self,
        id: ShardId,
        data: &DataConsumer,
        throttled: Option<Duration>,
        now: Now,
    ) -> Report {
        let next = self.running.next_offsets().iter().enumerate();
        let lag = next.map(|(input, next)| data.lag(id, input, *next)).collect();
        let committing_for = now.saturating_sub(self.cycle.sent_at());
        let committing_since = if self.cycle.is_committing() {
            Instant::now().checked_sub(committing_for)
        } else {
            None
        };
        Report { committing_since, throttled, ..Report::of(&self.running, lag, self.commits) }
    }
}
