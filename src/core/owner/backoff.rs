//! How long a shard waits before it is opened again.

use std::time::Duration;

use super::Now;

const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A shard that runs this long without a failure is healthy, even if it had nothing to commit.
const WELL_AFTER: Duration = Duration::from_secs(180);

/// A shard's failures since it was last healthy.
///
/// A commit shows that a shard is healthy; opening it does not. What the brokers reject permanently
/// is rejected again after each opening, and the pauses must still grow. A commit counts once the
/// shard has run for as long as its last pause, so that a shard which commits a little and is then
/// rejected again does not go back to the shortest pause each time.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    pause: Duration,
    opened_at: Option<Now>,
    committed_at: Option<Now>,
}

impl Backoff {
    /// Records that the shard runs.
    pub fn opened(&mut self, now: Now) {
        self.opened_at = Some(now);
        self.committed_at = None;
    }

    /// Records the first commit since the shard was opened.
    pub fn committed(&mut self, now: Now) {
        self.committed_at = Some(now);
    }

    /// Records a failure and returns how long to wait.
    pub fn failed(&mut self, now: Now) -> Duration {
        let lasted = |since: Option<Now>, wanted: Duration| {
            since.is_some_and(|since| now.saturating_sub(since) >= wanted)
        };
        if lasted(self.committed_at, self.pause) || lasted(self.opened_at, WELL_AFTER) {
            self.failures = 0;
        }
        self.pause = (PAUSE_MIN * 2_u32.saturating_pow(self.failures.min(10))).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        (self.opened_at, self.committed_at) = (None, None);
        self.pause
    }

    /// Returns how often the shard has failed since it was last healthy.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Now, seconds: u64) -> Now {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn an_opening_alone_does_not_shorten_the_pause() {
        let (mut backoff, start) = (Backoff::default(), Duration::from_secs(7));
        let mut pauses = Vec::new();
        for failure in 0..8 {
            let now = after(start, failure * 20);
            backoff.opened(now);
            pauses.push(backoff.failed(after(now, 15)).as_millis());
        }
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    }

    #[test]
    fn a_commit_that_lasts_does() {
        let (mut backoff, start) = (Backoff::default(), Duration::from_secs(7));
        for _ in 0..7 {
            backoff.failed(start);
        }
        backoff.opened(start);
        backoff.committed(start);
        assert_eq!(backoff.failed(after(start, 5)), PAUSE_MAX, "it did not hold out");
        backoff.opened(start);
        backoff.committed(start);
        assert_eq!(backoff.failed(after(start, 10)), PAUSE_MIN);
        assert_eq!(backoff.failures(), 1);
    }

    #[test]
    fn so_does_a_shard_that_runs_for_long_with_nothing_to_commit() {
        let (mut backoff, start) = (Backoff::default(), Duration::from_secs(7));
        backoff.failed(start);
        backoff.opened(start);
        assert_eq!(backoff.failed(after(start, 3_600)), PAUSE_MIN);
    }
}
