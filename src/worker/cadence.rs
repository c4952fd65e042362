//! Decides when a shard commits: often under low load, rarely under high load.

use std::time::Duration;

/// Each transaction costs about 1.3 ms of CPU here and 0.8 ms on the broker, so a worker makes
/// about this many per second at most.
const COMMITS_PER_SECOND_MAX: u32 = 100;
/// Minimum time between two commits of a shard.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// A shard with more unread records than this counts as having a backlog.
const BACKLOG_RECORDS: i64 = 2_000;

/// Returns how long a shard waits after its last commit before the next one.
///
/// `busy` shards share the worker's budget of commits; `interval` is the longest wait, as far as
/// the budget allows; `lag` is the number of records that the shard has not read yet.
pub fn pause(interval: Duration, busy: usize, lag: i64) -> Duration {
    let share = Duration::from_secs(1) / COMMITS_PER_SECOND_MAX;
    let shared = share * u32::try_from(busy).unwrap_or(u32::MAX);
    if lag < BACKLOG_RECORDS { shared.max(PAUSE_MIN) } else { shared.max(interval) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    #[test]
    fn a_shard_without_backlog_commits_soon() {
        assert_eq!(pause(INTERVAL, 1, 0), PAUSE_MIN);
        assert_eq!(pause(INTERVAL, 4, 0), Duration::from_millis(40));
    }

    #[test]
    fn a_backlog_stretches_the_pause_to_the_interval() {
        assert_eq!(pause(INTERVAL, 1, 50_000), INTERVAL);
    }

    #[test]
    fn many_busy_shards_share_the_budget_of_commits() {
        assert_eq!(pause(INTERVAL, 64, 50_000), Duration::from_millis(640));
    }
}
