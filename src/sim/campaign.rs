//! Runs many schedules side by side, one per core.

use std::{
    ops::RangeInclusive,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Failure, Seen, Summary, Tracing, run};

/// Results of a campaign's schedules so far.
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
    fn add(&mut self, end: Result<(Summary, String), Failure>) {
        self.schedules += 1;
        match end {
            Ok((summary, _)) => {
                self.steps += summary.steps;
                self.transactions += summary.transactions as u64;
                self.seen.add(&summary.seen);
            }
            Err(failure) => {
                self.failed.push(failure.seed);
                self.failed.sort_unstable();
            }
        }
    }
}

/// Runs the schedules of all `seeds`, and reports progress every `interval`. Ends early once
/// `failures_max` schedules have failed.
pub fn campaign(
    seeds: RangeInclusive<u64>,
    failures_max: usize,
    interval: Duration,
    progress: impl Fn(&Tally),
) -> Tally {
    let next = AtomicU64::new(*seeds.start());
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let (sender, ends) = channel();
        let runners = thread::available_parallelism().map_or(1, Into::into);
        for _ in 0..runners {
            let (sender, seeds, next) = (sender.clone(), &seeds, &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) || sender.send(run(seed, Tracing::Off)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut told = Instant::now();
        // Dropping the receiver stops the runners.
        while tally.failed.len() < failures_max {
            match ends.recv_timeout(interval) {
                Ok(end) => tally.add(end),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if told.elapsed() >= interval {
                told = Instant::now();
                progress(&tally);
            }
        }
        drop(ends);
    });
    tally
}
