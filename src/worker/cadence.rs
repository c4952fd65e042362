//! How often lanes commit: often under low load, rarely under high load.

use std::time::Duration;

/// How often lanes commit.
#[derive(Debug, Clone, Copy)]
pub struct Cadence {
    /// The pause between two transactions of a lane while there is a backlog.
    pub interval: Duration,
    /// How many partitions the transactions of all lanes may touch in a second.
    pub partitions_per_second: u32,
    /// The number of lanes.
    pub lanes: usize,
}

/// A lane with more unread records than this for each of its shards has a backlog.
const BACKLOG_RECORDS: i64 = 2_000;

/// Returns whether so much is left to read that fewer and larger transactions are better.
pub fn is_backlog(lag: i64, shards: usize) -> bool {
    lag >= BACKLOG_RECORDS.saturating_mul(i64::try_from(shards).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_judged_by_what_each_shard_has_to_read() {
        assert!(is_backlog(2_000, 1));
        assert!(!is_backlog(2_000, 64));
        assert!(is_backlog(128_000, 64));
    }
}
