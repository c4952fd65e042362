//! Tests of what goes into transactions and spills, and what may be evicted.

use super::*;
use crate::matching::Counting;

const RULES: Rules = Rules {
    counting: Counting::Distinct,
    allow_empty: false,
    failed: None,
    reports_cancelled: false,
    overdue_after_ms: Some(10_000),
    orphans_after_ms: Some(50_000),
    expire_after_ms: None,
    memory_ms: 100_000,
    row_bytes_max: 4_096,
    list_bytes_max: None,
};

fn open_row(at: Timestamp) -> Row {
    let items = [("1", 1, 0)].into_iter().collect();
    Row {
        phase: Phase::Open,
        expected: true,
        expected_at: at,
        changed_at: at,
        missing: 1,
        items,
        ..Row::default()
    }
}

fn finished_row(at: Timestamp) -> Row {
    Row { phase: Phase::Completed, expected: true, changed_at: at, ..Row::default() }
}

fn put(cache: &mut Cache, key: &str, row: &Row) -> SlotId {
    let (Ok(id) | Err(id)) = cache.find_or_insert(key.as_bytes());
    cache.write(id, row);
    id
}

fn encoded(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    row::encode(row, &mut bytes);
    bytes
}

fn restore(cache: &mut Cache, key: &str, row: &Row) {
    cache.restore(key.as_bytes(), Some(&encoded(row))).expect("it is a row");
}

fn entries<'a>(listed: impl Iterator<Item = (Timestamp, &'a [u8])>) -> Vec<(Timestamp, String)> {
    listed.map(|(at_ms, key)| (at_ms, String::from_utf8_lossy(key).into_owned())).collect()
}

fn keys(batch: &Batch) -> Vec<String> {
    let mut keys: Vec<_> =
        batch.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect();
    keys.sort();
    keys
}

#[test]
fn a_row_changed_twice_in_an_overlay_goes_into_its_transaction_once() {
    let mut cache = Cache::default();
    put(&mut cache, "a", &open_row(1));
    put(&mut cache, "a", &open_row(2));
    put(&mut cache, "b", &open_row(3));
    assert_eq!(keys(&cache.take_changes(&RULES)), ["a", "b"]);
    assert_eq!(cache.changed_rows(), 0);
    put(&mut cache, "b", &open_row(4));
    assert_eq!(keys(&cache.take_changes(&RULES)), ["b"]);
}

#[test]
fn a_forgotten_key_is_written_as_an_empty_value() {
    let mut cache = Cache::default();
    put(&mut cache, "a", &Row::default());
    let changes = cache.take_changes(&RULES);
    assert_eq!(changes.iter().next(), Some((&b"a"[..], &b""[..])));
}

#[test]
fn a_row_changed_while_its_spill_is_under_way_stays_dirty() {
    let mut cache = Cache::default();
    put(&mut cache, "a", &open_row(1));
    put(&mut cache, "b", &open_row(1));
    cache.take_changes(&RULES);
    assert_eq!(keys(&cache.take_spill(&RULES).rows), ["a", "b"]);
    put(&mut cache, "b", &open_row(2));
    cache.take_changes(&RULES);
    cache.spilled();
    cache.evict(0);
    assert!(cache.find_or_insert(b"a").is_err(), "a was clean and could be evicted");
    assert!(cache.find_or_insert(b"b").is_ok(), "b is not in the store as it is");
    assert_eq!(keys(&cache.take_spill(&RULES).rows), ["b"]);
}

#[test]
fn dirty_rows_are_never_evicted() {
    let mut cache = Cache::default();
    put(&mut cache, "a", &finished_row(1));
    cache.take_changes(&RULES);
    cache.evict(0);
    assert!(cache.find_or_insert(b"a").is_ok());
}

#[test]
fn finished_rows_are_evicted_before_open_ones() {
    let mut cache = Cache::default();
    put(&mut cache, "open", &open_row(1));
    put(&mut cache, "finished", &finished_row(1));
    cache.take_changes(&RULES);
    cache.take_spill(&RULES);
    cache.spilled();
    cache.evict(cache.bytes() - 1);
    assert!(cache.find_or_insert(b"open").is_ok());
    assert!(cache.find_or_insert(b"finished").is_err());
}

#[test]
fn bytes_return_to_zero_when_everything_is_evicted() {
    let mut cache = Cache::default();
    let long = "k".repeat(100);
    put(&mut cache, &long, &open_row(1));
    put(&mut cache, "b", &finished_row(1));
    cache.take_changes(&RULES);
    cache.take_spill(&RULES);
    cache.spilled();
    cache.evict(0);
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn the_index_on_disk_follows_a_rows_deadline() {
    let mut cache = Cache::default();
    put(&mut cache, "a", &open_row(0));
    cache.take_changes(&RULES);
    let first = cache.take_spill(&RULES);
    let entry = |at_ms| vec![(at_ms, "a".to_owned())];
    assert_eq!((entries(first.due()), entries(first.not_due())), (entry(10_000), vec![]));
    cache.spilled();
    put(&mut cache, "a", &finished_row(5));
    cache.take_changes(&RULES);
    let second = cache.take_spill(&RULES);
    assert_eq!((entries(second.due()), entries(second.not_due())), (entry(100_005), entry(10_000)));
}

#[test]
fn a_stale_index_entry_is_removed_by_the_next_spill() {
    let mut cache = Cache::default();
    restore(&mut cache, "a", &finished_row(7));
    let (Ok(id) | Err(id)) = cache.find_or_insert(b"a");
    let entry = Due { at_ms: 10_000, key: b"a".to_vec() };
    cache.stale_index_entry(id, entry);
    assert_eq!(entries(cache.take_spill(&RULES).not_due()), [(10_000, "a".to_owned())]);
}

#[test]
fn deadlines_of_restored_rows_fire() {
    let mut cache = Cache::default();
    restore(&mut cache, "a", &open_row(0));
    cache.list_dirty(&RULES);
    let mut due = Vec::new();
    cache.pop_due(20_000, 10, &mut due);
    assert_eq!(due.len(), 1);
}

#[test]
fn deadlines_of_dirty_rows_fire_until_the_store_lists_them() {
    let mut cache = Cache::default();
    let id = put(&mut cache, "a", &open_row(0));
    cache.take_changes(&RULES);
    let mut due = Vec::new();
    cache.pop_due(5_000, 10, &mut due);
    assert!(due.is_empty());
    cache.take_spill(&RULES);
    cache.pop_due(20_000, 10, &mut due);
    assert_eq!(due, [id], "the spill has not landed, so the store cannot list it");
    cache.spilled();
    due.clear();
    cache.pop_due(20_000, 10, &mut due);
    assert!(due.is_empty());
}

#[test]
fn a_row_is_read_as_it_was_written_whatever_the_row_read_before() {
    let mut cache = Cache::default();
    let written = Row { items: [("1", 1, 0), ("2", 1, 1)].into_iter().collect(), ..open_row(7) };
    let id = put(&mut cache, "a", &written);
    let absent = put(&mut cache, "b", &Row::default());
    let mut row = finished_row(9);
    cache.read(id, &mut row).expect("it is a row");
    assert_eq!(row, written);
    cache.read(absent, &mut row).expect("nothing is a row too");
    assert_eq!(row, Row::default());
}

#[test]
fn places_are_used_again() {
    let mut cache = Cache::default();
    for round in 0..3 {
        for n in 0..3_000 {
            put(&mut cache, &format!("{round}-{n}"), &finished_row(1));
        }
        cache.take_changes(&RULES);
        cache.take_spill(&RULES);
        cache.spilled();
        cache.evict(0);
    }
    assert_eq!(cache.slots.len(), 3_000);
}

#[test]
fn bytes_that_are_no_row_are_refused() {
    let mut cache = Cache::default();
    assert_eq!(cache.restore(b"a", Some(&[200, 1])), Err(RowError::UnknownVersion(200)));
    let Err(id) = cache.find_or_insert(b"b") else { panic!("nothing was cached") };
    assert_eq!(cache.load(id, &[1], &RULES), Err(RowError::Malformed));
}

fn walk(cache: &Cache, from: Option<DirtyCursor>) -> Vec<String> {
    let (mut seen, mut next) = (Vec::new(), from);
    while let Some(from) = next {
        next = cache.dirty(from, 2, |key, _| seen.push(String::from_utf8_lossy(key).into_owned()));
    }
    seen
}

#[test]
fn a_peek_sees_what_is_in_memory_and_adds_nothing() {
    let mut cache = Cache::default();
    put(&mut cache, "a", &open_row(1));
    assert_eq!(cache.peek(b"a"), Some(&encoded(&open_row(1))[..]));
    assert_eq!(cache.peek(b"b"), None);
    assert!(cache.find_or_insert(b"b").is_err(), "the peek has not inserted it");
    assert_eq!(cache.peek(b"b"), Some(&b""[..]));
}

#[test]
fn a_walk_sees_every_dirty_row_though_a_spill_is_taken_meanwhile() {
    let mut cache = Cache::default();
    for key in ["a", "b", "c", "d", "e"] {
        put(&mut cache, key, &open_row(1));
    }
    let mut first = Vec::new();
    let next = cache.dirty(cache.first_dirty(), 2, |key, _| first.push(key.to_vec()));
    cache.take_changes(&RULES);
    cache.take_spill(&RULES);
    put(&mut cache, "f", &open_row(1));
    assert_eq!(first, [b"a", b"b"]);
    assert_eq!(walk(&cache, next), ["c", "d", "e"]);
    assert_eq!(walk(&cache, Some(cache.first_dirty())), ["a", "b", "c", "d", "e", "f"]);

    let from = cache.first_dirty();
    cache.spilled();
    assert_eq!(walk(&cache, Some(from)), ["f"], "the store has the others");
}
