//! Many schedules side by side, one per core.

use std::{
    ops::RangeInclusive,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::{Failure, Faithful, Seen, Summary, Tracing, Wiring, run_with};

/// How far a campaign is, and what it has done in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub schedules: u64,
    pub steps: u64,
    pub transactions: u64,
    pub seen: Seen,
    /// The seeds that failed, lowest first.
    pub failed: Vec<u64>,
}

impl Tally {
    fn add(&mut self, seed: u64, end: &Result<(Summary, String), Failure>) {
        self.schedules += 1;
        match end {
            Ok((summary, _)) => {
                self.steps += summary.steps;
                self.transactions += summary.transactions as u64;
                self.seen.add(&summary.seen);
            }
            Err(_) => {
                self.failed.push(seed);
                self.failed.sort_unstable();
            }
        }
    }
}

/// Runs the schedules of all `seeds`, and tells how far it is every `interval`. Ends early once
/// `failures_max` schedules have failed.
pub fn campaign(
    seeds: RangeInclusive<u64>,
    failures_max: usize,
    interval: Duration,
    progress: impl Fn(&Tally),
) -> Tally {
    campaign_with(&Faithful, seeds, failures_max, interval, progress)
}

/// As [`campaign`], with processes that are put together by `wiring`.
pub fn campaign_with<W: Wiring>(
    wiring: &W,
    seeds: RangeInclusive<u64>,
    failures_max: usize,
    interval: Duration,
    progress: impl Fn(&Tally),
) -> Tally {
    let next = AtomicU64::new(*seeds.start());
    let tally = Mutex::new(Tally::default());
    let locked = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    let watcher = thread::current();
    thread::scope(|scope| {
        let runners = thread::available_parallelism().map_or(1, Into::into);
        let runners: Vec<_> = (0..runners)
            .map(|_| {
                scope.spawn(|| {
                    while locked().failed.len() < failures_max {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !seeds.contains(&seed) {
                            break;
                        }
                        let end = run_with(wiring, seed, Tracing::Off);
                        locked().add(seed, &end);
                    }
                    watcher.unpark();
                })
            })
            .collect();
        while !runners.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::park_timeout(interval);
            progress(&locked());
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}
