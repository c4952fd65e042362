//! Ownership and content of a state directory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{SHARD, changelog_next, get, now, open, owner, some, spill, temporary};
use crate::{Budget, Identity, OpenError, Snapshot, Stores, directory, holder};
use rollcall_core::{
    record::ShardId,
    shard::{Error, Store},
};

/// Names the directory that this process holds until its standard input ends.
const HOLD_DIR: &str = "ROLLCALL_TEST_HOLD_DIR";

fn refusal(dir: &Path, owner: &Identity) -> OpenError {
    match Stores::open(dir, owner, &Budget::new(None, None)) {
        Ok(_) => panic!("the directory was not refused"),
        Err(error) => error,
    }
}

#[test]
fn a_directory_in_use_by_another_process_is_refused_by_name() {
    if let Some(dir) = std::env::var_os(HOLD_DIR) {
        let _stores = open(Path::new(&dir));
        eprintln!("held");
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let test = "a_directory_in_use_by_another_process_is_refused_by_name";
    let mut other = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", &name_of!(test), "--nocapture"])
        .env(HOLD_DIR, dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test binary can be run again");
    let mut told = BufReader::new(other.stderr.take().expect("piped")).lines();
    assert_eq!(told.next().expect("it tells").expect("text"), "held");

    let error = refusal(dir.path(), &owner()).to_string();
    let pid = other.id();
    assert!(error.contains(&format!("in use by process {pid}")), "{error}");
    assert!(error.contains(&dir.path().display().to_string()), "{error}");
    assert_eq!(holder(dir.path()).expect("asked"), Some(pid));

    drop(other.stdin.take());
    assert!(other.wait().expect("it was ours").success());
    assert_eq!(holder(dir.path()).expect("asked"), None);
    open(dir.path());
}

#[test]
fn a_directory_stays_locked_until_its_last_store_is_closed() {
    let (dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    drop(stores);
    assert!(matches!(refusal(dir.path(), &owner()), OpenError::Locked { .. }));
    drop(store);
    open(dir.path());
}

#[test]
fn a_directory_of_another_reconciliation_is_refused_with_the_remedy() {
    let (dir, stores) = temporary();
    drop(stores);
    let strangers = [
        Identity { cluster_id: "kraft-2".to_owned(), ..owner() },
        Identity { group: "payments".to_owned(), ..owner() },
        Identity { changelog: "other-changelog".to_owned(), ..owner() },
    ];
    for stranger in strangers {
        let error = refusal(dir.path(), &stranger);
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("holds the state of group `orders`"), "{text}");
        assert!(text.contains("--state-dir"), "{text}");
        assert!(matches!(Error::from(error), Error::Misconfigured(_)));
    }
    open(dir.path());
}

#[test]
fn a_directory_of_a_later_format_is_refused_with_the_way_out() {
    let (dir, stores) = temporary();
    drop(stores);
    fs::write(dir.path().join("rollcall.json"), r#"{"format":2,"owner":"?"}"#).expect("written");
    let error = refusal(dir.path(), &owner());
    assert!(matches!(error, OpenError::Format { found: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("run the version that wrote it"), "{error}");
}

#[test]
fn a_directory_with_something_else_in_it_is_not_taken_over() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(dir.path().join("photos")).expect("created");
    let error = refusal(dir.path(), &owner());
    assert!(error.to_string().contains("`photos`"), "{error}");
    fs::rename(dir.path().join("photos"), dir.path().join("lost+found")).expect("renamed");
    open(dir.path());
}

#[test]
fn an_unreadable_identity_is_refused() {
    let (dir, stores) = temporary();
    drop(stores);
    fs::write(dir.path().join("rollcall.json"), "").expect("written");
    assert!(matches!(refusal(dir.path(), &owner()), OpenError::Unreadable { .. }));
}

#[test]
fn a_store_that_is_being_closed_is_waited_for() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(4, &[("a", Some("1"))], &[], &[])).expect("applied");
    thread::scope(|scope| {
        let next = scope.spawn(|| stores.shard(SHARD).expect("it is waited for"));
        drop(store);
        assert_eq!(changelog_next(&next.join().expect("no panic")), Some(4));
    });
}

#[test]
fn every_shard_has_a_store_of_its_own() {
    let (_dir, stores) = temporary();
    let (three, four) =
        (stores.shard(ShardId(3)).expect("3"), stores.shard(ShardId(4)).expect("4"));
    three.apply(&spill(3, &[("a", Some("three"))], &[], &[])).expect("applied");
    four.apply(&spill(4, &[("a", Some("four"))], &[], &[])).expect("applied");
    assert_eq!(get(&three, &["a"]), [some("three")]);
    assert_eq!(get(&four, &["a"]), [some("four")]);
}

#[test]
fn stores_are_kept_for_a_grace_period_and_then_pruned() {
    let (dir, stores) = temporary();
    let used = stores.shard(ShardId(0)).expect("opened");
    for shard in [ShardId(1), ShardId(2), ShardId(10)] {
        let store = stores.shard(shard).expect("opened");
        store.apply(&spill(1, &[("a", Some("1"))], &[], &[])).expect("applied");
    }
    let (now, hour) = (now(), Duration::from_secs(3600));
    for shard in [ShardId(0), ShardId(1), ShardId(10)] {
        let database = directory::of_shard(dir.path(), shard);
        directory::touch(&database, now - 25 * hour).expect("touched");
    }
    let kept = stores.kept().expect("listed");
    assert_eq!(kept.iter().map(|kept| kept.shard.0).collect::<Vec<_>>(), [0, 1, 2, 10]);
    assert_eq!(kept[1].last_used, now - 25 * hour);
    assert!(kept.iter().all(|kept| kept.bytes > 0));

    assert_eq!(stores.prune(26 * hour, now), Ok(vec![]));
    assert_eq!(stores.prune(24 * hour, now), Ok(vec![ShardId(1), ShardId(10)]));
    let left = stores.kept().expect("listed");
    assert_eq!(left.iter().map(|kept| kept.shard.0).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(used.checkpoint(), Ok(None));
}

#[test]
fn closing_a_store_notes_its_last_use() {
    let (dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    let database = directory::of_shard(dir.path(), SHARD);
    let long_ago = now() - Duration::from_secs(86_400);
    directory::touch(&database, long_ago).expect("touched");
    drop(store);
    assert!(directory::last_used(&database).expect("read") > long_ago);
}

#[test]
fn a_forgotten_store_is_gone() {
    let (_dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(4, &[("a", Some("1"))], &[], &[])).expect("applied");
    drop(store);
    stores.forget(SHARD).expect("forgotten");
    assert_eq!(stores.kept(), Ok(vec![]));
    assert_eq!(changelog_next(&stores.shard(SHARD).expect("opened")), None);
}

#[test]
fn a_look_from_outside_changes_nothing_and_outlives_what_it_sees() {
    let (dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(4, &[("a", Some("1")), ("b", Some("1"))], &[], &[])).expect("applied");
    let names = || {
        let entries = fs::read_dir(directory::of_shard(dir.path(), SHARD)).expect("listed");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("read").file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let seen = Snapshot::open(dir.path(), SHARD).expect("opened").expect("it has a database");
    assert_eq!(names(), before);

    // The owner continues, and compacts away every file that is being read.
    for n in 5..40 {
        store.apply(&spill(n, &[("a", None), ("b", Some("2"))], &[], &[])).expect("applied");
    }
    let mut rows = Vec::new();
    let collect = |key: &[u8], row: &[u8]| {
        rows.push((key.to_vec(), row.to_vec()));
        Ok(())
    };
    seen.rows(collect).expect("read");
    let expected = [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"1".to_vec())];
    assert_eq!(rows, expected);
    assert_eq!(seen.row(b"a"), Ok(Some(b"1".to_vec())));
    let checkpoint = seen.checkpoint().expect("read").expect("there is one");
    assert_eq!(checkpoint.changelog_next, 4);
    assert_eq!(get(&store, &["a", "b"]), [None, some("2")]);
}

#[test]
fn a_look_at_nothing_finds_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert!(Snapshot::open(dir.path(), SHARD).expect("no error").is_none());
    assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0);
}
