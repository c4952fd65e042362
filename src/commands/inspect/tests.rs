//! Inspecting directories that real stores have written.

use std::fs;
use std::path::Path;

use clap::Parser;
use tempfile::TempDir;

use super::report::{self, Oldest, Rows};
use super::{Args, Error, answer, as_json, story};
use rollcall_core::codec::row;
use rollcall_core::{
    matching::{Deadlines, Items, Phase, Row},
    record::Timestamp,
};
use rollcall_core::{
    record::ShardId,
    shard::{Batch, Checkpoint, Due, Spill, Store},
};
use rollcall_store::{Budget, Identity, RocksStore, Stores};

/// 2023-05-08T21:37:38.571Z
const NOON: Timestamp = 1_683_581_858_571;

fn open(dir: &Path) -> Stores {
    let owner = Identity {
        cluster_id: "kraft-1".to_owned(),
        group: "shipping".to_owned(),
        changelog: "shipping-changelog".to_owned(),
    };
    Stores::open(dir, &owner, &Budget::new(None, None)).expect("the directory is ours")
}

fn write(store: &RocksStore, rows: &[(&str, Row)]) {
    let mut batch = Batch::default();
    for (key, row) in rows {
        let mut value = Vec::new();
        row::encode(row, &mut value);
        batch.push(key.as_bytes(), &value);
    }
    let checkpoint = Checkpoint {
        changelog_next: 17,
        topic_id: "topic-1".to_owned(),
        spilled_at_ms: NOON,
        deadlines: String::new(),
    };
    let mut spill = Spill::new(Some(checkpoint), batch);
    rows.iter().for_each(|(key, _)| spill.add_due(&Due { at_ms: NOON, key: (*key).into() }));
    store.apply(&spill).expect("applied");
}

fn row(phase: Phase, at: Timestamp) -> Row {
    Row { phase, expected: true, expected_at: at, changed_at: at, ..Row::default() }
}

fn half_made() -> Row {
    let items = Items::from_iter([("1", 1, 1), ("2", 2, 1), ("99", 0, 1)]);
    Row { items, missing: 1, overdue: true, changed_at: NOON + 5, ..row(Phase::Open, NOON) }
}

/// Two shards: one with a row of each kind, one that nothing was spilled to.
fn sample() -> (TempDir, Stores, RocksStore) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stores = open(dir.path());
    let store = stores.shard(ShardId(3)).expect("opened");
    let observed_only = Row { expected: false, ..row(Phase::Open, NOON + 2) };
    write(
        &store,
        &[
            ("a", row(Phase::Open, NOON + 1)),
            ("b", half_made()),
            ("c", observed_only),
            ("d", row(Phase::Completed, NOON - 9)),
            ("e", row(Phase::Cancelled, NOON - 9)),
            ("f", row(Phase::Failed, NOON - 9)),
        ],
    );
    drop(stores.shard(ShardId(4)).expect("opened"));
    (dir, stores, store)
}

#[test]
fn rows_are_counted_by_what_they_wait_for_while_a_worker_holds_the_directory() {
    let (dir, _stores, _store) = sample();
    let report = report::gather(dir.path()).expect("gathered");
    let [three, four] = &report.shards[..] else { panic!("two shards: {report:?}") };
    let rows = Rows {
        expected: 2,
        without_expectation: 1,
        overdue: 1,
        completed: 1,
        cancelled: 1,
        failed: 1,
    };
    assert_eq!(three.rows, rows);
    assert_eq!(three.changelog_next, Some(17));
    assert_eq!(three.spilled_at.as_deref(), Some("2023-05-08T21:37:38.571Z"));
    assert_eq!(three.due_entries, 6);
    let oldest = Oldest { key: "b".to_owned(), since: "2023-05-08T21:37:38.571Z".to_owned() };
    assert_eq!(three.oldest_open, Some(oldest));
    assert!(three.disk_bytes > 0);
    assert_eq!((four.changelog_next, &four.rows), (None, &Rows::default()));

    let text = report.to_string();
    let id = std::process::id();
    assert!(text.contains(&format!("used by    process {id};")), "{text}");
    let line = text.lines().find(|line| line.starts_with("    3")).expect("a line of shard 3");
    let cells: Vec<_> = line.split_whitespace().take(10).collect();
    assert_eq!(cells, ["3", "17", "2023-05-08T21:37:38.571Z", "2", "1", "1", "1", "1", "1", "6"]);
}

#[test]
fn the_report_as_json_has_stable_names() {
    let (dir, stores, store) = sample();
    drop((stores, store));
    let report = report::gather(dir.path()).expect("gathered");
    let json: serde_json::Value = serde_json::from_str(&as_json(&report)).expect("it is JSON");
    assert_eq!(json["group"], "shipping");
    assert_eq!(json["usedBy"], serde_json::Value::Null);
    assert_eq!(json["shards"][0]["rows"]["withoutExpectation"], 1);
    assert_eq!(json["shards"][0]["changelogNext"], 17);
    assert_eq!(json["shards"][0]["oldestOpen"]["key"], "b");
    assert_eq!(json["unreadable"], serde_json::json!([]));
}

#[test]
fn a_key_is_told_with_what_it_needs_has_and_misses() {
    let (dir, _stores, _store) = sample();
    let story = story::of(dir.path(), "b").expect("it is there");
    let expected = "b
  shard     3
  phase     open
  expected  2023-05-08T21:37:38.571Z
  changed   2023-05-08T21:37:38.576Z
  overdue   reported

NEEDED  HAVE  MISSING  ITEM
     1     1        0  1
     2     1        1  2
     0     1        0  99
";
    assert_eq!(story.to_string(), expected);
    let json: serde_json::Value = serde_json::from_str(&as_json(&story)).expect("it is JSON");
    assert_eq!(
        json["items"][1],
        serde_json::json!({"item": "2", "needed": 2, "have": 1, "missing": 1})
    );
    let unknown = story::of(dir.path(), "x").expect_err("it is not there");
    assert!(matches!(unknown, Error::UnknownKey(_)));
}

#[test]
fn a_key_is_told_with_what_is_kept_of_its_records() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stores = open(dir.path());
    let store = stores.shard(ShardId(3)).expect("opened");
    let mut row = half_made();
    let kept = row.kept.assign("\"customer\":\"c-7\"", b"\x012\x08\0\0\0\"at\":1e9");
    assert_eq!(kept, Some(()));
    write(&store, &[("k", row)]);
    let story = story::of(dir.path(), "k").expect("it is there");
    let text = story.to_string();
    assert!(text.contains("\n  kept      {\"customer\":\"c-7\"}\n"), "{text}");
    assert!(text.contains("1  2  {\"at\":1e9}\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&as_json(&story)).expect("it is JSON");
    assert_eq!(json["kept"], "{\"customer\":\"c-7\"}");
    assert_eq!(json["items"][1]["kept"], "{\"at\":1e9}");
    assert_eq!(json["items"][0].get("kept"), None);
}

#[test]
fn a_key_is_told_with_the_deadlines_that_its_record_names() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stores = open(dir.path());
    let store = stores.shard(ShardId(3)).expect("opened");
    let deadlines = Deadlines { overdue: Some(NOON + 1_000), expire: Some(NOON + 2_000) };
    write(&store, &[("a", half_made()), ("k", Row { deadlines, ..half_made() })]);
    let told = |key| story::of(dir.path(), key).expect("it is there");
    let text = told("k").to_string();
    let named = "overdue at 2023-05-08T21:37:39.571Z, expires at 2023-05-08T21:37:40.571Z";
    assert!(text.contains(&format!("\n  by record {named}\n")), "{text}");
    let json: serde_json::Value = serde_json::from_str(&as_json(&told("k"))).expect("it is JSON");
    assert_eq!(json["namedDeadlines"]["expired"], "2023-05-08T21:37:40.571Z");
    assert!(!told("a").to_string().contains("by record"));
}

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn told(words: &[&str]) -> Result<String, String> {
    let line = Line::try_parse_from(["inspect"].iter().chain(words));
    let line = line.map_err(|error| error.to_string())?;
    answer(line.args).map(|(text, _)| text)
}

#[test]
fn a_key_is_looked_up_in_a_state_directory_as_it_is_among_workers() {
    let (dir, _stores, _store) = sample();
    let dir = dir.path().to_str().expect("a path of text");
    let story = told(&["b", "--state", dir]).expect("it is there");
    assert!(story.starts_with("b\n  shard     3\n"), "{story}");
    assert_eq!(told(&["--key", "b", "--state", dir]).as_ref(), Ok(&story));
    assert_eq!(told(&["--state", dir, "b", "-f", "x.yaml"]).as_ref(), Ok(&story));
    assert!(told(&["--state", dir]).is_ok_and(|report| report.contains("shipping")));
    for (words, remedy) in [
        (&["b"][..], "-f FILE to ask the running workers of that Reconciliation, or --state DIR"),
        (&[], "give KEY with -f FILE, or --state DIR"),
        (&["b", "--key", "b", "--state", dir], "cannot be used with"),
        (&["b", "-f", "x.yaml", "--server", "https://a:1"], "write http://host:port"),
        (&["no such key", "--state", dir], "no row of key `no such key` on disk"),
    ] {
        let refused = told(words).expect_err("it is not looked up");
        assert!(refused.contains(remedy), "{refused}");
    }
}

#[test]
fn a_damaged_store_is_named_and_the_others_are_shown() {
    let (dir, stores, store) = sample();
    write(&stores.shard(ShardId(4)).expect("opened"), &[("z", row(Phase::Open, NOON))]);
    drop((stores, store));
    for entry in fs::read_dir(dir.path().join("3")).expect("listed") {
        let path = entry.expect("read").path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            fs::write(path, "not a table").expect("written");
        }
    }
    let report = report::gather(dir.path()).expect("gathered");
    assert_eq!(report.shards.iter().map(|shard| shard.shard).collect::<Vec<_>>(), [4]);
    assert_eq!(report.unreadable[0].shard, 3);
    let text = report.to_string();
    assert!(text.contains("error: shard 3: the local store cannot be trusted"), "{text}");
}

#[test]
fn a_row_of_a_later_version_is_named_with_its_key() {
    let (dir, stores, store) = sample();
    let mut rows = Batch::default();
    rows.push(b"order-7", &[200, 1]);
    store.apply(&Spill::new(None, rows)).expect("applied");
    drop((stores, store));
    let report = report::gather(dir.path()).expect("gathered");
    let error = &report.unreadable[0].error;
    assert!(error.starts_with("shard 3: row of key `order-7`: the row has version 200"), "{error}");
}

#[test]
fn a_directory_without_state_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for dir in [dir.path().to_owned(), dir.path().join("missing")] {
        let error = report::gather(&dir).expect_err("nobody has claimed it");
        assert!(error.to_string().contains("--state-dir"), "{error}");
    }
}
