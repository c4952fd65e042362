//! Checks that threads make progress and that their jobs end.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// A lane, the supervisor or the membership without progress for this long is stuck. None of them
/// waits for a broker, and a rebalance blocks the membership for a few seconds at most.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// A committer's job that takes longer never ends: each call to a broker is bounded, and all those
/// of a commit together take less than half of this even if no broker answers.
const JOB_MAX: Duration = Duration::from_secs(180);

/// The worker's threads, by name.
#[derive(Debug, Default)]
pub struct Watchdog(Mutex<BTreeMap<String, Heartbeat>>);

#[derive(Debug, Clone, Copy)]
enum Heartbeat {
    /// It has made progress and is expected to do so again.
    Round(Instant),
    /// It has begun a job.
    Job(Instant),
    /// It is waiting for a job.
    Idle,
}

impl Watchdog {
    /// Records that a thread makes progress.
    pub fn heartbeat(&self, thread: &str) {
        self.set(thread, Heartbeat::Round(Instant::now()));
    }

    /// Records that a thread has begun a job.
    pub fn begin(&self, thread: &str) {
        self.set(thread, Heartbeat::Job(Instant::now()));
    }

    /// Records that a thread is waiting for a job.
    pub fn end(&self, thread: &str) {
        self.set(thread, Heartbeat::Idle);
    }

    /// Returns the threads that are stuck, for how long, and why that is not normal.
    pub fn stuck(&self, now: Instant) -> Vec<String> {
        let heartbeats = self.lock();
        let stuck =
            heartbeats.iter().filter(|(_, heartbeat)| heartbeat.stall(now) > heartbeat.limit());
        stuck
            .map(|(thread, heartbeat)| format!("{thread} for {:?}", heartbeat.stall(now)))
            .collect()
    }

    /// Returns how long ago each thread made progress or began its job; nothing for one that is
    /// idle.
    pub fn stalls(&self, now: Instant) -> Vec<(String, Duration)> {
        self.lock()
            .iter()
            .map(|(thread, heartbeat)| (thread.clone(), heartbeat.stall(now)))
            .collect()
    }

    fn set(&self, thread: &str, heartbeat: Heartbeat) {
        let mut heartbeats = self.lock();
        match heartbeats.get_mut(thread) {
            Some(last) => *last = heartbeat,
            None => {
                heartbeats.insert(thread.to_owned(), heartbeat);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Heartbeat>> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Heartbeat {
    fn stall(self, now: Instant) -> Duration {
        match self {
            Self::Round(since) | Self::Job(since) => now.saturating_duration_since(since),
            Self::Idle => Duration::ZERO,
        }
    }

    fn limit(self) -> Duration {
        match self {
            Self::Round(_) => ROUND_MAX,
            Self::Job(_) => JOB_MAX,
            Self::Idle => Duration::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuck_after(watchdog: &Watchdog, wait: Duration) -> usize {
        watchdog.stuck(Instant::now() + wait).len()
    }

    #[test]
    fn a_thread_that_does_not_come_round_is_stuck_after_a_minute() {
        let watchdog = Watchdog::default();
        watchdog.heartbeat("lane-0");
        assert_eq!(stuck_after(&watchdog, Duration::from_secs(50)), 0);
        assert_eq!(stuck_after(&watchdog, Duration::from_secs(61)), 1);
        watchdog.heartbeat("lane-0");
        assert_eq!(stuck_after(&watchdog, Duration::from_secs(50)), 0);
    }

    #[test]
    fn a_commit_may_wait_for_a_broker_but_not_for_ever() {
        let watchdog = Watchdog::default();
        watchdog.begin("commit-0");
        assert_eq!(stuck_after(&watchdog, Duration::from_secs(170)), 0);
        assert_eq!(stuck_after(&watchdog, Duration::from_secs(181)), 1);
    }

    #[test]
    fn a_thread_that_waits_for_a_job_is_never_stuck() {
        let watchdog = Watchdog::default();
        watchdog.begin("commit-0");
        watchdog.end("commit-0");
        assert_eq!(stuck_after(&watchdog, Duration::from_secs(100_000)), 0);
        assert_eq!(watchdog.stalls(Instant::now()), [("commit-0".to_owned(), Duration::ZERO)]);
    }
}
