//! Which threads come round, and which have work that they do not come back from.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// A lane, the supervisor or the membership that has not come round for so long is stuck. None of
/// them waits for a broker, and a rebalance holds the membership for a few seconds at most.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// A job of a committer that takes longer never ends: each call to a broker is bounded, and all of
/// those of a commit together take less than half of this even if no broker answers.
const JOB_MAX: Duration = Duration::from_secs(180);

/// The worker's threads, by name.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<BTreeMap<String, Beat>>);

#[derive(Debug, Clone, Copy)]
enum Beat {
    /// It has come round and is to do so again.
    Round(Instant),
    /// It has begun a job.
    Job(Instant),
    /// It waits for a job.
    Idle,
}

impl Pulse {
    /// Notes that a thread comes round.
    pub fn beat(&self, thread: &str) {
        self.set(thread, Beat::Round(Instant::now()));
    }

    /// Notes that a thread has begun a job.
    pub fn begin(&self, thread: &str) {
        self.set(thread, Beat::Job(Instant::now()));
    }

    /// Notes that a thread waits for a job.
    pub fn end(&self, thread: &str) {
        self.set(thread, Beat::Idle);
    }

    /// Returns the threads that do not come back from what they do, for how long and why that
    /// cannot be.
    pub fn stuck(&self, now: Instant) -> Vec<String> {
        let beats = self.lock();
        let stuck = beats.iter().filter(|(_, beat)| beat.stall(now) > beat.limit());
        stuck.map(|(thread, beat)| format!("{thread} for {:?}", beat.stall(now))).collect()
    }

    /// Returns how long ago each thread came round or began its job; nothing for one that waits.
    pub fn stalls(&self, now: Instant) -> Vec<(String, Duration)> {
        self.lock().iter().map(|(thread, beat)| (thread.clone(), beat.stall(now))).collect()
    }

    fn set(&self, thread: &str, beat: Beat) {
        let mut beats = self.lock();
        match beats.get_mut(thread) {
            Some(last) => *last = beat,
            None => {
                beats.insert(thread.to_owned(), beat);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Beat>> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Beat {
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

    fn stuck_after(pulse: &Pulse, wait: Duration) -> usize {
        pulse.stuck(Instant::now() + wait).len()
    }

    #[test]
    fn a_thread_that_does_not_come_round_is_stuck_after_a_minute() {
        let pulse = Pulse::default();
        pulse.beat("lane-0");
        assert_eq!(stuck_after(&pulse, Duration::from_secs(50)), 0);
        assert_eq!(stuck_after(&pulse, Duration::from_secs(61)), 1);
        pulse.beat("lane-0");
        assert_eq!(stuck_after(&pulse, Duration::from_secs(50)), 0);
    }

    #[test]
    fn a_commit_may_wait_for_a_broker_but_not_for_ever() {
        let pulse = Pulse::default();
        pulse.begin("commit-0");
        assert_eq!(stuck_after(&pulse, Duration::from_secs(170)), 0);
        assert_eq!(stuck_after(&pulse, Duration::from_secs(181)), 1);
    }

    #[test]
    fn a_thread_that_waits_for_a_job_is_never_stuck() {
        let pulse = Pulse::default();
        pulse.begin("commit-0");
        pulse.end("commit-0");
        assert_eq!(stuck_after(&pulse, Duration::from_secs(100_000)), 0);
        assert_eq!(pulse.stalls(Instant::now()), [("commit-0".to_owned(), Duration::ZERO)]);
    }
}
