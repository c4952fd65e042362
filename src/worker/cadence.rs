//! How often lanes commit: often under low load, rarely under high load.

use std::{num::NonZeroU32, time::Duration};

use rollcall_object::Settings;

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

impl Cadence {
    /// Returns how often the object asks for commits; a budget of this worker's own comes first.
    pub fn of(settings: &Settings, budget: Option<NonZeroU32>, lanes: usize) -> Self {
        Self {
            interval: settings.commit_interval,
            partitions_per_second: budget.map_or(settings.commit_budget, NonZeroU32::get),
            lanes,
        }
    }
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
    fn the_object_says_how_often_lanes_commit_unless_the_worker_does() {
        let shipping = include_str!("../../manifests/local/shipping.yaml");
        let budget = |text: &str, own| {
            let settings = rollcall_object::parse(text).expect("a valid object");
            Cadence::of(&settings, own, 2).partitions_per_second
        };
        assert_eq!(budget(shipping, None), 2_000);
        let frugal = shipping.replace("spec:\n", "spec:\n  commitBudget: 500\n");
        assert_eq!(budget(&frugal, None), 500);
        assert_eq!(budget(&frugal, NonZeroU32::new(50)), 50);
    }

    #[test]
    fn a_backlog_is_judged_by_what_each_shard_has_to_read() {
        assert!(is_backlog(2_000, 1));
        assert!(!is_backlog(2_000, 64));
        assert!(is_backlog(128_000, 64));
    }
}
