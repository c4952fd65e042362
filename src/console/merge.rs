//! Merges several workers' pages into one.

use std::collections::BTreeMap;

use rollcall_service::state_api::{
    CensusFacts, KeyEntry, KeyPage, MissingItem, MissingPage, RecentPage,
};

/// A key's position among all that wait: where a page of keys ends, in the format of `next`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct KeyCursor {
    since_ms: i64,
    key: String,
}

impl KeyCursor {
    fn of(entry: &KeyEntry) -> Self {
        let since = entry.since.parse::<jiff::Timestamp>();
        let since_ms = since.map_or(i64::MIN, jiff::Timestamp::as_millisecond);
        Self { since_ms, key: entry.key.clone() }
    }

    fn parse(text: &str) -> Option<Self> {
        let (since, key) = text.split_once(':')?;
        Some(Self { since_ms: since.parse().ok()?, key: key.to_owned() })
    }

    fn text(&self) -> String {
        format!("{}:{}", self.since_ms, self.key)
    }
}

/// Merges pages that were asked for with the same `after` and `limit`.
///
/// A worker's page ends at its `next`. What other workers have beyond the first of those ends waits
/// for a later page, because that worker may have something in between.
pub fn keys(pages: Vec<KeyPage>, limit: usize) -> KeyPage {
    let ends = pages.iter().filter_map(|page| KeyCursor::parse(page.next.as_deref()?));
    let end = ends.min();
    let census = census(pages.iter().map(|page| &page.census));
    let mut keys: Vec<(KeyCursor, KeyEntry)> = pages
        .into_iter()
        .flat_map(|page| page.keys)
        .map(|entry| (KeyCursor::of(&entry), entry))
        .filter(|(cursor, _)| end.as_ref().is_none_or(|end| cursor <= end))
        .collect();
    keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    let next = if keys.len() > limit {
        keys.truncate(limit);
        keys.last().map(|(cursor, _)| cursor.text())
    } else {
        end.map(|end| end.text())
    };
    KeyPage { keys: keys.into_iter().map(|(_, entry)| entry).collect(), next, census }
}

/// Adds up the items that keys wait for.
pub fn missing(pages: Vec<MissingPage>, limit: usize) -> MissingPage {
    let all_items_counted = pages.iter().all(|page| page.all_items_counted);
    let census = census(pages.iter().map(|page| &page.census));
    let mut sums: BTreeMap<String, MissingItem> = BTreeMap::new();
    for item in pages.into_iter().flat_map(|page| page.items) {
        match sums.get_mut(&item.item) {
            None => {
                sums.insert(item.item.clone(), item);
            }
            Some(sum) => {
                sum.keys += item.keys;
                sum.units += item.units;
                // RFC 3339 in UTC sorts as text.
                sum.oldest_since = item.oldest_since.min(std::mem::take(&mut sum.oldest_since));
            }
        }
    }
    let mut items: Vec<MissingItem> = sums.into_values().collect();
    items.sort_by_key(|item| std::cmp::Reverse((item.keys, item.units)));
    items.truncate(limit);
    MissingPage { items, all_items_counted, census }
}

/// Merges the last outputs; `None` without any page.
pub fn recent(pages: Vec<RecentPage>, limit: usize) -> Option<RecentPage> {
    let mut pages = pages.into_iter();
    let mut merged = pages.next()?;
    merged.records.extend(pages.flat_map(|page| page.records));
    merged.records.sort_by(|a, b| b.committed_at.cmp(&a.committed_at));
    merged.records.truncate(limit);
    Some(merged)
}

fn census<'a>(all: impl Iterator<Item = &'a CensusFacts>) -> CensusFacts {
    let mut sum = CensusFacts {
        at: String::new(),
        complete: true,
        rows_seen: 0,
        open: 0,
        overdue: 0,
        unexpected: 0,
        shards_not_asked: Vec::new(),
    };
    for census in all {
        // The oldest time: all of the merged data is at least as new.
        if sum.at.is_empty() || census.at < sum.at {
            sum.at.clone_from(&census.at);
        }
        sum.complete &= census.complete;
        sum.rows_seen += census.rows_seen;
        sum.open += census.open;
        sum.overdue += census.overdue;
        sum.unexpected += census.unexpected;
        sum.shards_not_asked.extend(&census.shards_not_asked);
    }
    sum.shards_not_asked.sort_unstable();
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_service::state_api::KeyState;

    fn facts() -> CensusFacts {
        census([].into_iter())
    }

    fn page(keys: &[(i64, &str)], next: Option<&str>) -> KeyPage {
        let entry = |&(since, key): &(i64, &str)| KeyEntry {
            key: key.to_owned(),
            shard: 0,
            state: KeyState::Open,
            since: format!("{:.3}", jiff::Timestamp::from_millisecond(since).expect("in range")),
            deadline: None,
            expected_total: 1,
            missing_total: 1,
            items: vec![],
        };
        let keys = keys.iter().map(entry).collect();
        KeyPage { keys, next: next.map(str::to_owned), census: facts() }
    }

    fn told(page: &KeyPage) -> Vec<&str> {
        page.keys.iter().map(|entry| &entry.key[..]).collect()
    }

    #[test]
    fn pages_of_several_workers_become_one_in_order() {
        let merged = keys(vec![page(&[(1, "a"), (4, "d")], None), page(&[(2, "b")], None)], 2);
        assert_eq!(told(&merged), ["a", "b"]);
        assert_eq!(merged.next.as_deref(), Some("2:b"));
    }

    #[test]
    fn nothing_is_shown_before_what_a_worker_has_not_told_yet() {
        let first = page(&[(1, "a"), (2, "b")], Some("2:b"));
        let second = page(&[(1, "c"), (9, "z")], Some("9:z"));
        let merged = keys(vec![first, second], 9);
        assert_eq!(told(&merged), ["a", "c", "b"]);
        assert_eq!(merged.next.as_deref(), Some("2:b"));
    }

    #[test]
    fn a_page_whose_keys_have_all_completed_still_leads_on() {
        let merged = keys(vec![page(&[], Some("7:g"))], 5);
        assert_eq!((told(&merged).len(), merged.next.as_deref()), (0, Some("7:g")));
    }

    #[test]
    fn what_keys_wait_for_is_added_up() {
        let page = |keys, since: &str| MissingPage {
            items: vec![MissingItem {
                item: "bolt".to_owned(),
                keys,
                units: 2 * keys,
                oldest_since: since.to_owned(),
            }],
            all_items_counted: true,
            census: facts(),
        };
        let merged =
            missing(vec![page(2, "2026-01-02T00:00:00Z"), page(3, "2026-01-01T00:00:00Z")], 9);
        assert_eq!((merged.items[0].keys, merged.items[0].units), (5, 10));
        assert_eq!(merged.items[0].oldest_since, "2026-01-01T00:00:00Z");
    }
}
