//! Which record timestamps can be used (S30).

use crate::record::Timestamp;

/// Bounds of the timestamps that are accepted as the time at which a record was written.
///
/// Others come from producers that write none (−1 or 0), or seconds, microseconds or nanoseconds,
/// or whose clock is wrong. A deadline based on one of them would be due since 1970 or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The earliest usable timestamp, in milliseconds since the epoch.
    pub min_ms: Timestamp,
    /// How far ahead of the wall clock a timestamp may be, in milliseconds.
    pub ahead_max_ms: Timestamp,
}

impl Times {
    /// Bounds that accept every timestamp.
    pub const ANY: Self = Self { min_ms: Timestamp::MIN, ahead_max_ms: Timestamp::MAX };

    /// Returns `timestamp_ms` if it can be used by a reader whose wall clock shows `wall_ms`.
    #[inline]
    pub fn usable(&self, timestamp_ms: Timestamp, wall_ms: Timestamp) -> Option<Timestamp> {
        let latest_ms = wall_ms.saturating_add(self.ahead_max_ms);
        (self.min_ms <= timestamp_ms && timestamp_ms <= latest_ms).then_some(timestamp_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: Timestamp = 86_400_000;
    const NOW_MS: Timestamp = 1_700_000_000_000;
    const TIMES: Times = Times { min_ms: 946_684_800_000, ahead_max_ms: DAY_MS };

    #[test]
    fn milliseconds_of_this_century_are_used_and_other_units_are_not() {
        for usable in [NOW_MS, 946_684_800_000, NOW_MS + DAY_MS, NOW_MS - 8_000 * DAY_MS] {
            assert_eq!(TIMES.usable(usable, NOW_MS), Some(usable));
        }
        let (seconds, micros, nanos) = (NOW_MS / 1_000, NOW_MS * 1_000, NOW_MS * 1_000_000);
        let ends = [Timestamp::MIN, Timestamp::MAX, NOW_MS + DAY_MS + 1, 946_684_799_999];
        for unusable in [-1, 0, seconds, micros, nanos].into_iter().chain(ends) {
            assert_eq!(TIMES.usable(unusable, NOW_MS), None, "{unusable}");
        }
    }

    #[test]
    fn any_time_is_any() {
        for timestamp in [Timestamp::MIN, -1, 0, NOW_MS, Timestamp::MAX] {
            assert_eq!(Times::ANY.usable(timestamp, NOW_MS), Some(timestamp));
        }
    }
}
