//! Which keys the store may contain. Most keys that are not in memory are new, and this filter
//! recognizes them without a look-up in the store.
//!
//! Promise: a key in the store is never reported as new. Ban: nothing else is concluded from it; it
//! never removes a key, so a key that was forgotten only costs a look-up.

use std::hash::{BuildHasher, Hasher};

use fastbloom::BloomFilter;
use foldhash::fast::FixedState;

use crate::shard::{Batch, Result, Store, row_of};

/// With this, each full layer has 1 % of the new keys looked up needlessly.
const BITS_PER_KEY: usize = 10;
/// Keys of the first layer. It takes 640 bytes, so that it fits into the share of each of a
/// thousand shards.
const FIRST_LAYER_KEYS: usize = 1 << 9;
/// How many times as many keys the next layer holds; the last one has the rest of the memory. Each
/// layer costs a look at it, so there should be few.
const LAYER_GROWTH: usize = 8;

/// A set of keys that grows by layers, within a bound.
pub struct KeyFilter {
    layers: Vec<Layer>,
    bytes_max: usize,
    state: State,
    has_overflowed: bool,
    hasher: FixedState,
}

struct Layer {
    filter: BloomFilter<FixedState>,
    keys: usize,
    keys_max: usize,
}

/// How much is known about the content of the store.
enum State {
    /// Everything up to this key, in the store's order, and everything spilled since.
    Scanning(Option<Vec<u8>>),
    Complete,
    /// There was no room for more keys, but many of them may have been forgotten since.
    Overflowed,
    /// The store contains more keys than this much memory allows for.
    TooMany {
        bytes_max: usize,
    },
}

impl KeyFilter {
    /// Returns the filter of an empty store.
    pub fn of_empty_store(bytes_max: usize) -> Self {
        let (state, hasher) = (State::Complete, FixedState::default());
        Self { layers: Vec::new(), bytes_max, state, has_overflowed: false, hasher }
    }

    /// Returns the filter of a store that has to be scanned first; see [`Self::scan`].
    pub fn of_filled_store(bytes_max: usize) -> Self {
        Self { state: State::Scanning(None), ..Self::of_empty_store(bytes_max) }
    }

    /// Sets how much memory it may use: it changes with the number of shards of the process.
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        let may_fit_now = match self.state {
            State::TooMany { bytes_max: too_few } => bytes_max / 2 >= too_few,
            State::Scanning(_) | State::Complete | State::Overflowed => false,
        };
        if may_fit_now || self.bytes() > bytes_max {
            self.overflow();
        }
    }

    /// Returns the memory that it uses.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| layer.filter.num_bits() / 8).sum()
    }

    /// Returns whether the store may contain the key.
    #[inline]
    pub fn may_hold(&self, key: &[u8]) -> bool {
        if !matches!(self.state, State::Complete) {
            return true;
        }
        let hash = self.hash(key);
        // The newest layer is the largest.
        self.layers.iter().rev().any(|layer| layer.filter.contains_hash(hash))
    }

    /// Adds the keys of a spill; before it is applied, so that the store never contains more.
    pub fn add(&mut self, rows: &Batch) {
        for (key, value) in rows.iter() {
            if row_of(value).is_some() {
                self.insert(key);
            }
        }
    }

    /// Reads the next keys of the store, until its content is known, and returns how many it has
    /// read.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub fn scan<S: Store>(&mut self, store: &S, limit: usize) -> Result<usize> {
        let State::Scanning(after) = &mut self.state else { return Ok(0) };
        let after = after.take();
        let mut last = None;
        let shown = store.scan(after.as_deref(), limit, &mut |key, _| {
            self.insert(key);
            let last: &mut Vec<u8> = last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
        })?;
        if matches!(self.state, State::Scanning(_)) {
            self.state = if shown >= limit {
                State::Scanning(last)
            } else if self.has_overflowed && self.keys() > self.keys_max() / 2 {
                // It would soon overflow again, and the scan would be repeated for little benefit.
                State::TooMany { bytes_max: self.bytes_max }
            } else {
                State::Complete
            };
        }
        Ok(shown)
    }

    /// Starts again after an overflow. Only while no spill is under way: its keys would be missed.
    pub fn start_over(&mut self) {
        if matches!(self.state, State::Overflowed) {
            self.layers.clear();
            self.state = State::Scanning(None);
        }
    }

    fn keys(&self) -> usize {
        self.layers.iter().map(|layer| layer.keys).sum()
    }

    fn keys_max(&self) -> usize {
        self.bytes_max * 8 / BITS_PER_KEY
    }

    fn insert(&mut self, key: &[u8]) {
        if matches!(self.state, State::Overflowed | State::TooMany { .. }) {
            return;
        }
        let hash = self.hash(key);
        if self.layers.iter().rev().any(|layer| layer.filter.contains_hash(hash)) {
            return;
        }
        if self.layers.last().is_none_or(|layer| layer.keys == layer.keys_max) {
            self.grow();
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.filter.insert_hash(hash);
            layer.keys += 1;
        }
    }

    /// Adds a layer, or frees all layers if there is no room for it.
    fn grow(&mut self) {
        let last = self.layers.last().map(|layer| layer.keys_max);
        let wanted = last.map_or(FIRST_LAYER_KEYS, |last| last * LAYER_GROWTH);
        let room = self.bytes_max.saturating_sub(self.bytes()) * 8 / BITS_PER_KEY;
        let keys_max = wanted.min(room);
        if keys_max < last.unwrap_or(FIRST_LAYER_KEYS) {
            return match self.state {
                State::Complete | State::Overflowed => self.overflow(),
                State::Scanning(_) | State::TooMany { .. } => {
                    self.layers.clear();
                    self.state = State::TooMany { bytes_max: self.bytes_max };
                }
            };
        }
        // Rounded down to whole words, so that it takes no more than there is.
        let filter = BloomFilter::with_num_bits(keys_max * BITS_PER_KEY / 64 * 64)
            .hasher(self.hasher.clone())
            .expected_items(keys_max);
        self.layers.push(Layer { filter, keys: 0, keys_max });
    }

    /// Frees all layers, until [`Self::start_over`].
    fn overflow(&mut self) {
        self.layers.clear();
        self.state = State::Overflowed;
        self.has_overflowed = true;
    }

    fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::{Checkpoint, Due, Spill};

    /// A store of keys, sorted.
    struct Keys(Vec<Vec<u8>>);

    impl Store for Keys {
        fn scan(
            &self,
            after: Option<&[u8]>,
            limit: usize,
            row: &mut dyn FnMut(&[u8], &[u8]),
        ) -> Result<usize> {
            let rest = self.0.iter().filter(|key| after.is_none_or(|after| &key[..] > after));
            Ok(rest.take(limit).map(|key| row(key, b"row")).count())
        }

        fn apply(&self, _: &Spill) -> Result<()> {
            unreachable!("it is only looked through")
        }

        fn checkpoint(&self) -> Result<Option<Checkpoint>> {
            unreachable!("it is only looked through")
        }

        fn get_many(&self, _: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
            unreachable!("it is only looked through")
        }

        fn due(&self, _: Option<&Due>, _: i64, _: usize) -> Result<Vec<Due>> {
            unreachable!("it is only looked through")
        }

        fn wipe(&mut self) -> Result<()> {
            unreachable!("it is only looked through")
        }
    }

    fn key(n: usize) -> Vec<u8> {
        format!("key-{n:07}").into_bytes()
    }

    fn spill(keys: std::ops::Range<usize>) -> Batch {
        let mut rows = Batch::default();
        for n in keys {
            rows.push(&key(n), b"row");
        }
        rows
    }

    fn new_among(known: &KeyFilter, keys: std::ops::Range<usize>) -> usize {
        keys.filter(|&n| !known.may_hold(&key(n))).count()
    }

    fn scan_all(known: &mut KeyFilter, store: &Keys) {
        while matches!(known.state, State::Scanning(_)) {
            known.scan(store, 5_000).expect("keys can be read");
        }
    }

    #[test]
    fn what_was_spilled_is_known_and_most_other_keys_are_new() {
        let mut known = KeyFilter::of_empty_store(1 << 20);
        assert_eq!(new_among(&known, 0..1_000), 1_000);
        known.add(&spill(0..100_000));
        assert_eq!(new_among(&known, 0..100_000), 0);
        assert!(new_among(&known, 100_000..200_000) > 95_000);
    }

    #[test]
    fn nothing_is_new_before_a_filled_store_was_looked_through() {
        let store = Keys((0..12_000).map(key).collect());
        let mut known = KeyFilter::of_filled_store(1 << 20);
        assert_eq!(known.scan(&store, 5_000).expect("keys can be read"), 5_000);
        assert_eq!(new_among(&known, 0..20_000), 0);
        known.add(&spill(12_000..12_100));
        scan_all(&mut known, &store);
        assert_eq!(new_among(&known, 0..12_100), 0);
        assert!(new_among(&known, 12_100..20_000) > 7_500);
    }

    #[test]
    fn memory_is_bounded_and_forgotten_keys_make_room() {
        let bytes_max = 200 << 10;
        let mut known = KeyFilter::of_empty_store(bytes_max);
        known.add(&spill(0..1_000_000));
        assert!(known.bytes() <= bytes_max);
        assert_eq!(new_among(&known, 0..2_000_000), 0, "what does not fit is not called new");
        known.start_over();
        scan_all(&mut known, &Keys((0..10_000).map(key).collect()));
        assert_eq!(new_among(&known, 0..10_000), 0);
        assert!(new_among(&known, 10_000..20_000) > 9_000);
    }

    #[test]
    fn a_store_of_too_many_keys_is_not_read_again_and_again() {
        let mut known = KeyFilter::of_empty_store(200 << 10);
        known.add(&spill(0..1_000_000));
        known.start_over();
        scan_all(&mut known, &Keys((0..90_000).map(key).collect()));
        assert!(matches!(known.state, State::TooMany { .. }));
    }

    /// What each of a thousand shards has by default: an eighth of its part of 96 MiB.
    const SHARE_OF_A_THOUSAND: usize = (96 << 20) / 1_000 / 8;

    #[test]
    fn a_thousandth_of_the_memory_holds_many_times_the_rows_that_fit_into_memory() {
        let mut known = KeyFilter::of_empty_store(SHARE_OF_A_THOUSAND);
        known.add(&spill(0..1));
        assert!(known.bytes() < 1_000, "{}", known.bytes());
        known.add(&spill(1..9_500));
        assert_eq!(new_among(&known, 0..9_500), 0);
        assert!(new_among(&known, 10_000..20_000) > 9_500);
        assert!(known.bytes() <= SHARE_OF_A_THOUSAND);
    }

    #[test]
    fn the_memory_of_fewer_shards_is_used_and_given_back() {
        let store = Keys((0..100_000).map(key).collect());
        let mut known = KeyFilter::of_filled_store(SHARE_OF_A_THOUSAND);
        scan_all(&mut known, &store);
        assert_eq!(new_among(&known, 100_000..110_000), 0, "they are too many");
        // Nothing is read again for a little more.
        known.set_bytes_max(SHARE_OF_A_THOUSAND + 1_000);
        known.start_over();
        assert_eq!(known.scan(&store, 10).expect("keys can be read"), 0);
        known.set_bytes_max(SHARE_OF_A_THOUSAND * 25);
        known.start_over();
        scan_all(&mut known, &store);
        assert!(new_among(&known, 100_000..110_000) > 9_500);
        known.set_bytes_max(SHARE_OF_A_THOUSAND);
        assert!(known.bytes() <= SHARE_OF_A_THOUSAND);
        assert_eq!(new_among(&known, 0..110_000), 0);
    }

    #[test]
    fn a_forgotten_key_is_not_added() {
        let mut known = KeyFilter::of_empty_store(1 << 20);
        let mut rows = Batch::default();
        rows.push(b"gone", b"");
        known.add(&rows);
        assert!(!known.may_hold(b"gone"));
    }
}
