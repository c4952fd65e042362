//! Limits the size of a shard's commits: smaller after one was too large, then larger again as long
//! as they succeed.

use std::time::Duration;

use crate::shard::{Limits, Size};

/// The longest a commit should take: a third of the transaction timeout.
const TARGET: Duration = Duration::from_millis(3_300);
/// After a commit faster than this, the next one may be larger.
const QUICK: Duration = Duration::from_millis(1_500);
/// After a rejection, the next try has at most a quarter of the size.
const SHRINK: usize = 4;
/// Commits that are only slow do not shrink below this: slowness may have other causes, and each
/// commit should still make progress.
const SLOW_MIN: Size = Size { records: 200, bytes: 16 << 10 };
const LEAST: Size = Size { records: 1, bytes: 1 << 10 };

/// The current limits on a shard's transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(Size);

impl Default for Pace {
    fn default() -> Self {
        Self(most())
    }
}

impl Pace {
    pub fn limit(self) -> Size {
        self.0
    }

    /// Returns whether commits are smaller than they could be.
    pub fn is_reduced(self) -> bool {
        self.0 != most()
    }

    /// Returns whether brokers throttle a client for longer than a commit should take.
    pub fn is_too_long(throttled: Duration) -> bool {
        throttled > TARGET
    }

    /// Records that a transaction of this size was too large; `throttled` is how long brokers had
    /// throttled the client during it.
    pub fn refused(&mut self, size: Size, throttled: Duration) {
        let size = smaller(size, self.0);
        self.0 = if throttled > TARGET * 4 {
            scaled(size, millis(TARGET), millis(throttled), LEAST)
        } else {
            scaled(size, 1, SHRINK, LEAST)
        };
    }

    /// Records that a transaction of this size was committed, and how long that took.
    pub fn committed(&mut self, size: Size, took: Duration) {
        if took > TARGET {
            let least = smaller(SLOW_MIN, self.0);
            self.0 = scaled(smaller(size, self.0), millis(TARGET), millis(took), least);
        } else if took < QUICK && self.is_reduced() {
            let twice = |now: usize, most: usize| now.saturating_mul(2).min(most);
            let (now, most) = (self.0, most());
            let (records, bytes) = (now.records, now.bytes);
            self.0 =
                Size { records: twice(records, most.records), bytes: twice(bytes, most.bytes) };
        }
    }
}

fn most() -> Size {
    let limits = Limits::default();
    Size { records: limits.transaction_records_max, bytes: limits.transaction_bytes_max }
}

fn smaller(one: Size, other: Size) -> Size {
    Size { records: one.records.min(other.records), bytes: one.bytes.min(other.bytes) }
}

/// Returns `parts / of` of a size, but not less than `least`.
fn scaled(size: Size, parts: usize, of: usize, least: Size) -> Size {
    let scale = |from: usize, least: usize| (from.saturating_mul(parts) / of.max(1)).max(least);
    Size { records: scale(size.records, least.records), bytes: scale(size.bytes, least.bytes) }
}

fn millis(time: Duration) -> usize {
    usize::try_from(time.as_millis()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: Size = Size { records: 40_000, bytes: 40_000_000 };

    #[test]
    fn what_is_refused_is_a_quarter_the_next_time_and_one_record_in_the_end() {
        let mut pace = Pace::default();
        pace.refused(MANY, Duration::ZERO);
        assert_eq!(pace.limit(), Size { records: 10_000, bytes: 10_000_000 });
        for _ in 0..10 {
            pace.refused(pace.limit(), Duration::ZERO);
        }
        assert_eq!(pace.limit(), LEAST);
        assert!(pace.is_reduced());
    }

    #[test]
    fn how_long_the_brokers_hold_the_client_back_says_how_much_less() {
        let mut pace = Pace::default();
        pace.refused(MANY, Duration::from_secs(330));
        assert_eq!(pace.limit(), Size { records: 400, bytes: 400_000 });
    }

    #[test]
    fn slow_commits_get_smaller_and_quick_ones_larger_again() {
        let mut pace = Pace::default();
        pace.committed(MANY, Duration::from_secs(1));
        assert!(!pace.is_reduced());
        pace.committed(MANY, Duration::from_millis(6_600));
        assert_eq!(pace.limit(), Size { records: 20_000, bytes: 20_000_000 });
        for _ in 0..20 {
            pace.committed(SLOW_MIN, Duration::from_secs(9));
        }
        assert_eq!(pace.limit(), SLOW_MIN);
        for _ in 0..20 {
            pace.committed(SLOW_MIN, Duration::from_millis(5));
        }
        assert!(!pace.is_reduced());
    }
}
