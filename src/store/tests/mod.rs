//! Tests of the store on a real disk: no mocks.

/// Returns the name of a test in the calling module, for running it again in another process.
macro_rules! name_of {
    ($test:expr) => {
        format!("{}::{}", module_path!().split_once("::").expect("a module").1, $test)
    };
}

mod crash;
mod disk;
mod many;
mod state_dir;

use std::path::Path;
use std::time::SystemTime;

use tempfile::TempDir;

use super::{Budget, Identity, RocksStore, Stores};
use rollcall_core::{
    record::ShardId,
    shard::{Batch, Checkpoint, Due, Spill, Store},
};

const SHARD: ShardId = ShardId(3);

fn owner() -> Identity {
    Identity {
        cluster_id: "kraft-1".to_owned(),
        group: "orders".to_owned(),
        changelog: "orders-changelog".to_owned(),
    }
}

fn open(dir: &Path) -> Stores {
    Stores::open(dir, &owner(), &Budget::new(None, None)).expect("the directory is ours")
}

fn temporary() -> (TempDir, Stores) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stores = open(dir.path());
    (dir, stores)
}

fn due(at_ms: i64, key: &str) -> Due {
    Due { at_ms, key: key.into() }
}

fn checkpoint(changelog_next: i64) -> Checkpoint {
    Checkpoint {
        changelog_next,
        topic_id: "topic-1".to_owned(),
        spilled_at_ms: 1_700_000_000_000,
        deadlines: "overdue=72h".to_owned(),
    }
}

/// Makes a spill of text rows; no text means that the key was forgotten.
fn spill(changelog_next: i64, rows: &[(&str, Option<&str>)], add: &[Due], remove: &[Due]) -> Spill {
    let mut batch = Batch::default();
    for (key, row) in rows {
        batch.push(key.as_bytes(), row.unwrap_or_default().as_bytes());
    }
    let checkpoint = Some(checkpoint(changelog_next));
    let mut spill = Spill::new(checkpoint, batch);
    add.iter().for_each(|due| spill.add_due(due));
    remove.iter().for_each(|due| spill.remove_due(due));
    spill
}

fn get(store: &RocksStore, keys: &[&str]) -> Vec<Option<String>> {
    let keys: Vec<_> = keys.iter().map(|key| key.as_bytes()).collect();
    let rows = store.get_many(&keys).expect("rows can be read");
    let text = |row: Vec<u8>| String::from_utf8(row).expect("the tests write text");
    rows.into_iter().map(|row| row.map(text)).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn changelog_next(store: &RocksStore) -> Option<i64> {
    store.checkpoint().expect("the checkpoint can be read").map(|found| found.changelog_next)
}

#[test]
fn a_new_store_knows_nothing() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    assert_eq!(store.checkpoint(), Ok(None));
    assert_eq!(get(&store, &["a", "b"]), [None, None]);
    assert_eq!(store.due(None, i64::MAX, 10), Ok(vec![]));
}

#[test]
fn a_spill_is_there_at_once_and_after_reopening() {
    let (dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    let rows = [("a", Some("one")), ("b", Some("two")), ("c", None)];
    store.apply(&spill(17, &rows, &[due(5, "a")], &[])).expect("applied");

    let check = |store: &RocksStore| {
        assert_eq!(
            get(store, &["c", "b", "x", "a", "b"]),
            [None, some("two"), None, some("one"), some("two")]
        );
        assert_eq!(store.checkpoint(), Ok(Some(checkpoint(17))));
        assert_eq!(store.due(None, 5, 10), Ok(vec![due(5, "a")]));
    };
    check(&store);
    drop(store);
    check(&stores.shard(SHARD).expect("opened again"));
    drop(stores);
    check(&open(dir.path()).shard(SHARD).expect("opened by the next process"));
}

#[test]
fn the_last_spill_of_a_key_wins_and_forgetting_it_hides_the_older_ones() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(1, &[("a", Some("1")), ("b", Some("1"))], &[], &[])).expect("applied");
    store.apply(&spill(2, &[("a", None), ("b", Some("2"))], &[], &[])).expect("applied");
    assert_eq!(get(&store, &["a", "b"]), [None, some("2")]);
    store.apply(&spill(3, &[("a", Some("3"))], &[], &[])).expect("applied");
    assert_eq!(get(&store, &["a", "b"]), [some("3"), some("2")]);
    assert_eq!(changelog_next(&store), Some(3));
}

#[test]
fn rows_survive_many_spills_and_the_merging_behind_them() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    let keys: Vec<_> = (0..1000).map(|n| format!("key-{n:04}")).collect();
    for round in 0..60 {
        let row = format!("round-{round}");
        let mine = keys.iter().enumerate().filter(|(n, _)| n % 60 >= round);
        let rows: Vec<_> = mine.map(|(_, key)| (key.as_str(), Some(row.as_str()))).collect();
        let round = i64::try_from(round).expect("small");
        store.apply(&spill(round, &rows, &[], &[])).expect("applied");
    }
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let expected: Vec<_> = (0..1000).map(|n| Some(format!("round-{}", n % 60))).collect();
    assert_eq!(get(&store, &keys), expected);
    let files = store.unmerged_files().expect("the database tells");
    assert!(files <= super::settings::UNMERGED_FILES_MAX, "{files} files are not merged");
}

#[test]
fn deadlines_come_in_order_bounded_by_time_and_number() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    let all = [due(-7, "z"), due(0, "a"), due(10, "a"), due(10, "b"), due(11, "a"), due(900, "c")];
    store.apply(&spill(1, &[], &all, &[])).expect("applied");

    assert_eq!(store.due(None, 10, 100), Ok(all[..4].to_vec()));
    assert_eq!(store.due(None, i64::MAX, 100), Ok(all.to_vec()));
    assert_eq!(store.due(None, i64::MAX, 2), Ok(all[..2].to_vec()));
    assert_eq!(store.due(Some(&all[2]), 11, 100), Ok(all[3..5].to_vec()));
    assert_eq!(store.due(Some(&all[5]), i64::MAX, 100), Ok(vec![]));
    assert_eq!(store.due(Some(&all[5]), 10, 100), Ok(vec![]));
    assert_eq!(store.due(None, -8, 100), Ok(vec![]));
}

#[test]
fn deadlines_are_added_and_removed_in_one_spill() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(1, &[], &[due(1, "a"), due(2, "b"), due(3, "c")], &[])).expect("applied");
    let (add, remove) = ([due(0, "d"), due(2, "c"), due(9, "a")], [due(1, "a"), due(3, "c")]);
    store.apply(&spill(2, &[], &add, &remove)).expect("applied");
    let left = vec![due(0, "d"), due(2, "b"), due(2, "c"), due(9, "a")];
    assert_eq!(store.due(None, i64::MAX, 100), Ok(left));
}

#[test]
fn keys_and_rows_may_be_any_bytes() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    let keys: [&[u8]; 4] = [b"", b"\0", b"\xff\xff", b"r"];
    let mut made = spill(1, &[], &[Due { at_ms: 1, key: vec![0xff, 0] }], &[]);
    for key in [keys[0], keys[1], keys[3], keys[2]] {
        made.rows.push(key, &[0, 0xff]);
    }
    store.apply(&made).expect("applied");
    assert_eq!(store.get_many(&keys), Ok(vec![Some(vec![0, 0xff]); 4]));
    assert_eq!(store.due(None, 1, 9), Ok(vec![Due { at_ms: 1, key: vec![0xff, 0] }]));
}

#[test]
fn what_rocksdb_counts_outlives_its_stores() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(1, &[("a", Some("1"))], &[], &[])).expect("applied");
    let before = stores.counts();
    assert_eq!(get(&store, &["a"]), [some("1")]);
    let after = stores.counts();
    assert!(after.block_hits + after.block_misses > before.block_hits + before.block_misses);
    assert_eq!((after.background_errors, store.figures().stopped), (0, 0));
    drop(store);
    assert_eq!(stores.counts(), after);
}

#[test]
fn a_wiped_store_is_new_and_usable() {
    let (_dir, stores) = temporary();
    let mut store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(5, &[("a", Some("1"))], &[due(1, "a")], &[])).expect("applied");
    store.wipe().expect("wiped");
    assert_eq!(store.checkpoint(), Ok(None));
    assert_eq!(get(&store, &["a"]), [None]);
    assert_eq!(store.due(None, i64::MAX, 9), Ok(vec![]));

    store.apply(&spill(6, &[("b", Some("2"))], &[], &[])).expect("applied");
    drop(store);
    let store = stores.shard(SHARD).expect("opened again");
    assert_eq!(get(&store, &["a", "b"]), [None, some("2")]);
    assert_eq!(changelog_next(&store), Some(6));
}

#[test]
fn an_empty_spill_writes_nothing() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&Spill::default()).expect("applied");
    assert_eq!(store.checkpoint(), Ok(None));
    assert_eq!(store.unmerged_files(), Ok(0));
}

#[test]
fn a_spill_out_of_order_is_refused_whole() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(1, &[("a", Some("1"))], &[], &[])).expect("applied");
    let disordered = spill(2, &[("b", Some("2")), ("a", Some("2"))], &[], &[]);
    assert!(store.apply(&disordered).is_err());
    assert_eq!(get(&store, &["a", "b"]), [some("1"), None]);
    assert_eq!(changelog_next(&store), Some(1));
}

/// The machine's clock, for comparison with file times.
fn now() -> SystemTime {
    SystemTime::now()
}
