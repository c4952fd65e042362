//! Collects what a scan counts: the oldest keys by state, and what they are waiting for.
//!
//! Promise: bounded memory, however many keys are added.

use std::collections::{BinaryHeap, HashMap};

use super::story::{since, state, time};
use rollcall_core::{
    matching::Row,
    record::{ShardId, Timestamp},
};
use rollcall_service::state_api::{KeyState, MissingItem};

/// Keys of each state that a scan lists; paging further takes another scan.
pub const LISTED_MAX: usize = 2_000;
/// Number of different items that are counted.
const ITEMS_MAX: usize = 100_000;
/// Number of ranked items that are kept.
const RANKED_MAX: usize = 1_000;

/// A key's position among all waiting keys: by age, then by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPosition {
    pub since_ms: Timestamp,
    pub key: Vec<u8>,
}

impl KeyPosition {
    /// Parses the position in the `after` parameter of a request.
    pub fn parse(text: &str) -> Option<Self> {
        let (since, key) = text.split_once(':')?;
        Some(Self { since_ms: since.parse().ok()?, key: key.as_bytes().to_vec() })
    }
}

impl KeyPosition {
    fn order(&self) -> (Timestamp, &[u8]) {
        (self.since_ms, &self.key)
    }
}

impl std::fmt::Display for KeyPosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.since_ms, String::from_utf8_lossy(&self.key))
    }
}

/// The oldest keys of one state after some position.
#[derive(Debug, Default)]
pub struct Oldest {
    keys: BinaryHeap<(KeyPosition, ShardId)>,
    passed_over: bool,
    pub total: u64,
}

impl Oldest {
    fn add(
        &mut self,
        since_ms: Timestamp,
        key: &[u8],
        shard: ShardId,
        after: Option<&KeyPosition>,
    ) {
        self.total += 1;
        if after.is_some_and(|after| (since_ms, key) <= after.order()) {
            return;
        }
        if self.keys.len() == LISTED_MAX {
            self.passed_over = true;
            let (last, _) = self.keys.peek().expect("the list is full");
            if (since_ms, key) >= last.order() {
                return;
            }
            self.keys.pop();
        }
        self.keys.push((KeyPosition { since_ms, key: key.to_vec() }, shard));
    }

    fn into_list(self) -> List {
        List { keys: self.keys.into_sorted_vec(), more: self.passed_over, total: self.total }
    }
}

/// The oldest keys of one state, in order.
#[derive(Debug)]
pub struct List {
    pub keys: Vec<(KeyPosition, ShardId)>,
    /// There are keys after the last one.
    pub more: bool,
    /// Number of keys in the state, listed or not.
    pub total: u64,
}

#[derive(Debug)]
struct Missing {
    keys: u64,
    units: u64,
    oldest_ms: Timestamp,
}

/// Counts open rows.
#[derive(Debug, Default)]
pub struct ScanTotals {
    after: Option<KeyPosition>,
    open: Oldest,
    overdue: Oldest,
    unexpected: Oldest,
    missing: HashMap<Box<str>, Missing>,
    items_left_out: bool,
}

/// The result of the count.
#[derive(Debug)]
pub struct Totals {
    pub open: List,
    pub overdue: List,
    pub unexpected: List,
    /// The most wanted first.
    pub missing: Vec<MissingItem>,
    pub all_items_counted: bool,
}

impl ScanTotals {
    /// Lists only keys after `after`, but counts all.
    pub fn after(after: Option<KeyPosition>) -> Self {
        Self { after, ..Self::default() }
    }

    /// Counts an open row.
    pub fn add(&mut self, shard: ShardId, key: &[u8], row: &Row) {
        let (since, after) = (since(row), self.after.as_ref());
        match state(row) {
            Some(KeyState::Unexpected) => self.unexpected.add(since, key, shard, after),
            Some(KeyState::Open) => self.open.add(since, key, shard, after),
            Some(KeyState::Overdue) => {
                self.open.add(since, key, shard, after);
                self.overdue.add(since, key, shard, after);
            }
            Some(KeyState::Completed | KeyState::Cancelled | KeyState::Failed) | None => return,
        }
        if row.expected {
            self.add_missing(row, since);
        }
    }

    fn add_missing(&mut self, row: &Row, since: Timestamp) {
        for item in row.items.iter().filter(|item| item.missing() > 0) {
            let units = u64::from(item.missing());
            if let Some(found) = self.missing.get_mut(item.text) {
                found.keys += 1;
                found.units += units;
                found.oldest_ms = found.oldest_ms.min(since);
            } else if self.missing.len() < ITEMS_MAX {
                let first = Missing { keys: 1, units, oldest_ms: since };
                self.missing.insert(item.text.into(), first);
            } else {
                self.items_left_out = true;
            }
        }
    }

    /// Ends the count.
    pub fn finish(self) -> Totals {
        let mut ranked: Vec<_> = self.missing.into_iter().collect();
        ranked.sort_unstable_by(|(a_text, a), (b_text, b)| {
            (b.keys, b.units, a_text).cmp(&(a.keys, a.units, b_text))
        });
        ranked.truncate(RANKED_MAX);
        let missing = ranked.into_iter().map(|(text, missing)| MissingItem {
            item: text.into_string(),
            keys: missing.keys,
            units: missing.units,
            oldest_since: time(missing.oldest_ms),
        });
        Totals {
            open: self.open.into_list(),
            overdue: self.overdue.into_list(),
            unexpected: self.unexpected.into_list(),
            missing: missing.collect(),
            all_items_counted: !self.items_left_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::matching::Phase;

    fn open(at: Timestamp, items: &[(&str, u32, u32)]) -> Row {
        Row {
            phase: Phase::Open,
            expected: true,
            expected_at: at,
            items: items.iter().copied().collect(),
            ..Row::default()
        }
    }

    fn keys(list: &List) -> Vec<String> {
        list.keys.iter().map(|(place, _)| place.to_string()).collect()
    }

    #[test]
    fn the_oldest_keys_come_first_and_the_rest_on_later_pages() {
        let rows = LISTED_MAX as i64 + 500;
        let count = |after: Option<KeyPosition>| {
            let mut totals = ScanTotals::after(after);
            // Not in order: each is twice as old as the one before the last.
            for n in 0..rows {
                let at = (n * 7_919) % rows;
                totals.add(ShardId(0), format!("k{at}").as_bytes(), &open(at, &[]));
            }
            totals.finish().open
        };
        let first = count(None);
        assert_eq!((first.keys.len(), first.more, first.total), (LISTED_MAX, true, rows as u64));
        assert_eq!(keys(&first)[..2], ["0:k0", "1:k1"]);
        let rest = count(first.keys.last().map(|(place, _)| place.clone()));
        assert_eq!((rest.keys.len(), rest.more), (500, false));
        assert_eq!(keys(&rest)[0], format!("{LISTED_MAX}:k{LISTED_MAX}"));
    }

    #[test]
    fn an_overdue_key_is_listed_as_open_too() {
        let mut totals = ScanTotals::default();
        totals.add(ShardId(0), b"late", &Row { overdue: true, ..open(1, &[]) });
        totals.add(ShardId(0), b"stray", &Row { expected: false, changed_at: 5, ..open(0, &[]) });
        totals.add(ShardId(0), b"done", &Row { phase: Phase::Completed, ..open(0, &[]) });
        let Totals { open, overdue, unexpected, .. } = totals.finish();
        assert_eq!(keys(&open), ["1:late"]);
        assert_eq!(keys(&overdue), ["1:late"]);
        assert_eq!(keys(&unexpected), ["5:stray"]);
    }

    #[test]
    fn missing_items_are_ranked_by_the_keys_that_wait_for_them() {
        let mut totals = ScanTotals::default();
        totals.add(ShardId(0), b"a", &open(1_000, &[("bolt", 3, 1), ("nut", 1, 1)]));
        totals.add(ShardId(0), b"b", &open(2_000, &[("nut", 1, 0), ("bolt", 1, 0)]));
        totals.add(ShardId(0), b"c", &Row { expected: false, ..open(0, &[("nut", 0, 1)]) });
        let Totals { missing, all_items_counted, .. } = totals.finish();
        let bolt =
            MissingItem { item: "bolt".to_owned(), keys: 2, units: 3, oldest_since: time(1_000) };
        assert_eq!(missing[0], bolt);
        assert_eq!((&missing[1].item[..], missing[1].keys), ("nut", 1));
        assert!(all_items_counted);
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = KeyPosition { since_ms: -5, key: b"a:b".to_vec() };
        assert_eq!(KeyPosition::parse(&place.to_string()), Some(place));
        assert_eq!(KeyPosition::parse("tuesday:a"), None);
        assert_eq!(KeyPosition::parse("5"), None);
    }
}
