//! Scans all open keys of the worker on demand, for requests that list keys.
//!
//! For each shard, it first reads the rows that the store does not have yet, in portions from the
//! lane, and then the store, as a snapshot taken after that. So every row that existed throughout
//! is seen, and a row from a portion hides the store's version of it, which is older or the same.
//!
//! Promise: one scan at a time, at most half a core while it runs, at most one twentieth of the
//! time, and ten seconds at most.

use std::{
    collections::HashSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, Semaphore};

use super::{
    scan_totals::{KeyPosition, List, ScanTotals, Totals},
    state_reader::StateReader,
    story::time,
};
use crate::committer::wall_ms;
use rollcall_core::{
    codec::row,
    record::{ShardId, Timestamp},
    shard::{self, Error, decode_row, key_hash},
};
use rollcall_service::state_api::{CensusFacts, KeyState, Problem};
use rollcall_store::Snapshot;

/// Rows that a lane copies at a time: about a millisecond of its time.
const PORTION_ROWS: usize = 4_096;
/// Stored rows between two checks of the clock, each followed by a pause of the same length.
const STRIDE_ROWS: u64 = 2_048;
const REST_MAX: Duration = Duration::from_millis(20);
const DURATION_MAX: Duration = Duration::from_secs(10);
/// How long a scan's result may be reused, as a time or as a multiple of the scan's duration.
const FRESH_MIN: Duration = Duration::from_secs(2);
const FRESH_TIMES: u32 = 20;
/// Requests that may wait for a scan.
const WAITING_MAX: usize = 16;
/// Scans that are kept: the one for the first page, and those for clients that page far.
const KEPT_MAX: usize = 4;

/// The result of a scan of all open keys.
pub struct OpenKeyScan {
    pub totals: Totals,
    after: Option<KeyPosition>,
    at_ms: Timestamp,
    rows_seen: u64,
    complete: bool,
    not_asked: Vec<u32>,
    taken: Instant,
    took: Duration,
}

/// The last scans.
pub struct OpenKeyScans {
    /// Locked while a scan runs, whether or not a client still waits for it.
    kept: Arc<Mutex<Vec<Arc<OpenKeyScan>>>>,
    waiting: Semaphore,
}

impl Default for OpenKeyScans {
    fn default() -> Self {
        Self { kept: Arc::default(), waiting: Semaphore::new(WAITING_MAX) }
    }
}

impl OpenKeyScan {
    /// Returns the list of the keys in `state`; completed ones are not listed.
    pub fn list(&self, state: KeyState) -> Option<&List> {
        match state {
            KeyState::Open => Some(&self.totals.open),
            KeyState::Overdue => Some(&self.totals.overdue),
            KeyState::Unexpected => Some(&self.totals.unexpected),
            KeyState::Completed | KeyState::Cancelled | KeyState::Failed => None,
        }
    }

    pub fn facts(&self) -> CensusFacts {
        CensusFacts {
            at: time(self.at_ms),
            complete: self.complete,
            rows_seen: self.rows_seen,
            open: self.totals.open.total,
            overdue: self.totals.overdue.total,
            unexpected: self.totals.unexpected.total,
            shards_not_asked: self.not_asked.clone(),
        }
    }

    fn is_fresh(&self) -> bool {
        self.taken.elapsed() < FRESH_MIN.max(self.took * FRESH_TIMES)
    }

    /// Returns whether it lists the keys after `after` in the list of `state`.
    fn covers(&self, state: KeyState, after: Option<&KeyPosition>) -> bool {
        let Some(list) = self.list(state) else { return false };
        self.after.as_ref() <= after
            && (!list.more || list.keys.last().map(|(place, _)| place) > after)
    }
}

impl StateReader {
    /// Returns a scan that lists the keys after `after` in the list of `state`.
    pub(super) async fn scan(
        self: &Arc<Self>,
        state: KeyState,
        after: Option<KeyPosition>,
    ) -> Result<Arc<OpenKeyScan>, Problem> {
        let busy =
            |_| Problem::new(503, "Busy", "too many wait for a list already: ask again", None);
        let _turn = self.scans.waiting.try_acquire().map_err(busy)?;
        let mut scans = Arc::clone(&self.scans.kept).lock_owned().await;
        scans.retain(|scan| scan.is_fresh());
        if let Some(found) = scans.iter().find(|scan| scan.covers(state, after.as_ref())) {
            return Ok(Arc::clone(found));
        }
        let reader = Arc::clone(self);
        let taken = tokio::task::spawn_blocking(move || {
            let taken = Arc::new(take(&reader, after));
            if scans.len() == KEPT_MAX {
                scans.remove(0);
            }
            scans.push(Arc::clone(&taken));
            taken
        });
        taken.await.map_err(|error| Problem::new(500, "Unreadable", &error.to_string(), None))
    }
}

fn take(reader: &StateReader, after: Option<KeyPosition>) -> OpenKeyScan {
    let (start, at_ms) = (Instant::now(), wall_ms());
    let (running, others) = reader.shards();
    let mut count = Count {
        reader,
        totals: ScanTotals::after(after.clone()),
        rows_seen: 0,
        until: start + DURATION_MAX,
        worked_since: start,
    };
    let mut not_asked: Vec<u32> = others.iter().map(|shard| shard.0.unsigned_abs()).collect();
    for shard in running {
        if let Err(error) = count.shard(shard) {
            tracing::debug!(%shard, %error, "not counted");
            not_asked.push(shard.0.unsigned_abs());
        }
    }
    OpenKeyScan {
        complete: Instant::now() < count.until,
        rows_seen: count.rows_seen,
        totals: count.totals.finish(),
        after,
        at_ms,
        not_asked,
        taken: Instant::now(),
        took: start.elapsed(),
    }
}

struct Count<'a> {
    reader: &'a StateReader,
    totals: ScanTotals,
    rows_seen: u64,
    until: Instant,
    worked_since: Instant,
}

impl Count<'_> {
    fn shard(&mut self, shard: ShardId) -> shard::Result<()> {
        let hidden = self.not_stored(shard)?;
        let Some(snapshot) = Snapshot::open(&self.reader.state_dir, shard)? else { return Ok(()) };
        let mut late = false;
        let counted = snapshot.rows(|key, bytes| {
            self.rows_seen += 1;
            if self.rows_seen.is_multiple_of(STRIDE_ROWS) {
                self.rest();
                if Instant::now() > self.until {
                    late = true;
                    return Err(Error::Interrupted("time is up".to_owned()));
                }
            }
            if !row::is_finished(bytes) && !hidden.contains(&key_hash(key)) {
                self.totals.add(shard, key, &decode_row(shard, bytes)?);
            }
            Ok(())
        });
        if late { Ok(()) } else { counted }
    }

    /// Counts what the store does not have yet, and returns the hashes of its keys.
    fn not_stored(&mut self, shard: ShardId) -> shard::Result<HashSet<u64>> {
        let (mut hidden, mut from) = (HashSet::new(), None);
        loop {
            let portion = self
                .reader
                .not_stored(shard, from, PORTION_ROWS)
                .map_err(|problem| Error::Interrupted(problem.detail))?;
            self.rows_seen += portion.hashes.len() as u64;
            for (key, bytes) in &portion.open {
                // A row that was changed again meanwhile appears twice.
                if !hidden.contains(&key_hash(key)) {
                    self.totals.add(shard, key, &decode_row(shard, bytes)?);
                }
            }
            hidden.extend(portion.hashes);
            from = portion.next;
            if from.is_none() {
                return Ok(hidden);
            }
        }
    }

    fn rest(&mut self) {
        thread::sleep(self.worked_since.elapsed().min(REST_MAX));
        self.worked_since = Instant::now();
    }
}
