//! Since when open keys have been waiting, in bounded memory: a histogram over time.
//!
//! ```text
//!  expected at  ──■────────────■■■──■■■■■──■■■■■■■■──►   ■ buckets with open keys
//!                 ▲ the oldest key was expected in here
//! ```
//!
//! Promise: every open key is in a bucket, and each bucket knows its number of keys, so the first
//! non-empty bucket holds the oldest key, whatever completes in between. If there are too many
//! buckets, those closest to each other are merged, so that none becomes wider than a sixteenth of
//! the time which they cover then; a few old keys keep separate buckets.

use std::{fmt, str::FromStr};

use crate::{
    matching::{Phase, Row},
    record::Timestamp,
};

/// Number of buckets; as text they take a tenth of what a broker accepts as an offset's metadata.
const BUCKETS_MAX: usize = 32;
/// Keys this close to each other share a bucket.
const GRAIN_MS: Timestamp = 1_000;

/// Since when open keys have been waiting, see the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ages {
    /// Ascending, disjoint, none empty.
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    first_ms: Timestamp,
    /// Inclusive.
    last_ms: Timestamp,
    keys: u64,
}

impl Ages {
    /// Returns since when a row has been waiting to be completed, if it has.
    #[inline]
    pub fn since(row: &Row) -> Option<Timestamp> {
        (row.phase == Phase::Open && row.expected).then_some(row.expected_at)
    }

    /// Replaces the time since when a key has been waiting, `from`, with `to`; returns `false` if
    /// no key had been waiting since `from`.
    #[inline]
    #[must_use]
    pub fn moved(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
        if from == to {
            return true;
        }
        let was_there = from.is_none_or(|at| self.remove(at));
        if let Some(at) = to {
            self.add(at);
        }
        was_there
    }

    /// Returns a time at which the oldest open key was already waiting: that key is older by at
    /// most the width of its bucket.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.buckets.first().map(|bucket| bucket.last_ms)
    }

    /// Returns the earliest time in the first bucket: that of the oldest key as long as keys were
    /// only added.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.buckets.first().map(|bucket| bucket.first_ms)
    }

    /// Returns whether the oldest open key may be one that has been waiting since `at`.
    pub fn may_begin_at(&self, at: Option<Timestamp>) -> bool {
        match (self.buckets.first(), at) {
            (None, None) => true,
            (Some(bucket), Some(at)) => (bucket.first_ms..=bucket.last_ms).contains(&at),
            _ => false,
        }
    }

    /// Returns how many keys are waiting.
    pub fn keys(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.keys).sum()
    }

    /// Adds a key that has been waiting since `at`.
    pub fn add(&mut self, at: Timestamp) {
        let after = self.buckets.partition_point(|bucket| bucket.first_ms <= at);
        if let Some(bucket) = self.buckets[..after].last_mut()
            && (at <= bucket.last_ms || at.saturating_sub(bucket.first_ms) <= GRAIN_MS)
        {
            bucket.last_ms = bucket.last_ms.max(at);
            bucket.keys += 1;
            return;
        }
        self.buckets.insert(after, Bucket { first_ms: at, last_ms: at, keys: 1 });
        if self.buckets.len() > BUCKETS_MAX {
            self.join_closest();
        }
    }

    fn remove(&mut self, at: Timestamp) -> bool {
        let after = self.buckets.partition_point(|bucket| bucket.first_ms <= at);
        let found = self.buckets[..after].last_mut().filter(|bucket| at <= bucket.last_ms);
        let Some(bucket) = found else { return false };
        bucket.keys -= 1;
        if bucket.keys == 0 {
            self.buckets.remove(after - 1);
        }
        true
    }

    fn join_closest(&mut self) {
        let width = |at: &usize| self.buckets[at + 1].last_ms.abs_diff(self.buckets[*at].first_ms);
        let closest = (0..self.buckets.len() - 1).min_by_key(width);
        let Some(at) = closest else { return };
        let next = self.buckets.remove(at + 1);
        self.buckets[at].last_ms = next.last_ms;
        self.buckets[at].keys += next.keys;
    }
}

/// ```text
/// <first>+<length>*<keys>,…   hexadecimal; each first counts from the end of the last bucket
/// ```
impl fmt::Display for Ages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = 0;
        for (n, bucket) in self.buckets.iter().enumerate() {
            let Bucket { first_ms, last_ms, keys } = *bucket;
            let comma = if n == 0 { "" } else { "," };
            let length = last_ms - first_ms;
            write!(f, "{comma}{:x}+{length:x}*{keys:x}", first_ms.wrapping_sub(end))?;
            end = last_ms;
        }
        // Not empty: an empty text would mean that the ages are unknown.
        if self.buckets.is_empty() { f.write_str("-") } else { Ok(()) }
    }
}

/// The text is not in the format of [`Ages`].
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable;

impl FromStr for Ages {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        if text == "-" {
            return Ok(Self::default());
        }
        let number = |text: &str| u64::from_str_radix(text, 16).map_err(|_| Unreadable);
        let (mut buckets, mut end) = (Vec::<Bucket>::new(), 0_i64);
        for bucket in text.split(',') {
            let (first, rest) = bucket.split_once('+').ok_or(Unreadable)?;
            let (length, keys) = rest.split_once('*').ok_or(Unreadable)?;
            let first_ms = end.wrapping_add(number(first)?.cast_signed());
            let length = i64::try_from(number(length)?).map_err(|_| Unreadable)?;
            let last_ms = first_ms.checked_add(length).ok_or(Unreadable)?;
            let keys = number(keys)?;
            let in_order = buckets.last().is_none_or(|before| before.last_ms < first_ms);
            if keys == 0 || !in_order || buckets.len() == BUCKETS_MAX {
                return Err(Unreadable);
            }
            buckets.push(Bucket { first_ms, last_ms, keys });
            end = last_ms;
        }
        Ok(Self { buckets })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn of(times: &[Timestamp]) -> Ages {
        let mut ages = Ages::default();
        times.iter().for_each(|at| ages.add(*at));
        ages
    }

    #[test]
    fn a_few_old_keys_are_known_to_the_millisecond_among_many_young_ones() {
        let day = 86_400_000;
        let mut ages = of(&[5, day, 2 * day]);
        (0..100_000).for_each(|n| ages.add(30 * day + n * 36));
        for old in [5, day, 2 * day] {
            assert_eq!(ages.oldest(), Some(old));
            assert!(ages.moved(Some(old), None));
        }
        // The hour of the many is cut into parts of a few minutes.
        let oldest = ages.oldest().expect("many are open") - 30 * day;
        assert!((0..5 * 60_000).contains(&oldest), "{oldest}");
        assert_eq!(ages.keys(), 100_000);
    }

    #[test]
    fn nothing_open_has_no_age() {
        let mut ages = of(&[7]);
        assert!(ages.moved(Some(7), Some(7)));
        assert_eq!(ages.oldest(), Some(7));
        assert!(ages.moved(Some(7), None));
        assert_eq!(ages.oldest(), None);
        assert!(!ages.moved(Some(7), None), "no key waits since then");
    }

    #[test]
    fn times_before_the_epoch_are_written_and_read() {
        let ages = of(&[-5_000_000, -3, 0, 1_700_000_000_000, i64::MAX - 1]);
        assert_eq!(ages.to_string().parse(), Ok(ages));
        assert_eq!(Ages::default().to_string().parse(), Ok(Ages::default()));
    }

    #[test]
    fn what_others_write_is_not_read() {
        for text in ["", "1", "1+1", "1+1*0", "x+1*1", "5+0*1,0+0*1", "1+-1*1", "1+1*1,"] {
            assert_eq!(text.parse::<Ages>(), Err(Unreadable), "{text}");
        }
    }

    #[test]
    fn as_text_they_fit_beside_an_offset() {
        let mut ages = Ages::default();
        (0..64).for_each(|n| ages.add(1_700_000_000_000 + n * 604_800_000));
        ages.buckets.iter_mut().for_each(|bucket| bucket.keys = 999_999_999);
        assert!(ages.to_string().len() < 1_500, "{} bytes", ages.to_string().len());
    }

    proptest! {
        #[test]
        fn the_oldest_key_lies_in_the_first_bucket_whatever_comes_and_goes(
            changes in proptest::collection::vec((0..500_000_i64, any::<bool>()), 1..400),
        ) {
            let mut ages = Ages::default();
            let mut open: BTreeMap<Timestamp, u64> = BTreeMap::new();
            for (at, comes) in changes {
                if comes {
                    ages.add(at);
                    *open.entry(at).or_default() += 1;
                } else if let Some(at) = open.range(at..).next().map(|(at, _)| *at) {
                    prop_assert!(ages.moved(Some(at), None));
                    let keys = open.get_mut(&at).expect("it was just found");
                    *keys -= 1;
                    if *keys == 0 {
                        open.remove(&at);
                    }
                }
                prop_assert!(ages.buckets.len() <= BUCKETS_MAX);
                prop_assert!(ages.buckets.is_sorted_by(|a, b| a.last_ms < b.first_ms));
                prop_assert!(ages.may_begin_at(open.keys().next().copied()));
                prop_assert_eq!(ages.keys(), open.values().sum::<u64>());
                prop_assert_eq!(ages.to_string().parse(), Ok(ages.clone()));
            }
        }
    }
}
