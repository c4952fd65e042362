//! What a killed process leaves behind.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::{SHARD, changelog_next, due, get, open, spill};
use crate::{directory, spill as spill_file};
use rollcall_core::shard::{Spill, Store};

/// Names the directory in which this process runs as the victim.
const VICTIM_DIR: &str = "ROLLCALL_TEST_VICTIM_DIR";
const KEYS: i64 = 500;
const KILLS: u32 = 24;
/// Each kill comes this much later after a spill than the previous one: a spill takes a few
/// milliseconds, so the kills hit all parts of it.
const STEP: Duration = Duration::from_micros(300);

/// The `n`th spill rewrites every key, forgets one and moves every deadline.
fn nth(n: i64) -> Spill {
    let row = n.to_string();
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    let value = |k: i64| (k != n % KEYS).then_some(row.as_str());
    let rows: Vec<_> = (0..).zip(&keys).map(|(k, key)| (key.as_str(), value(k))).collect();
    let moved = |at| keys.iter().map(|key| due(at, key)).collect::<Vec<_>>();
    spill(n, &rows, &moved(n), &moved(n - 1))
}

fn key(k: i64) -> String {
    format!("order-{k:05}")
}

fn apply_for_ever(dir: &Path) -> ! {
    let store = open(dir).shard(SHARD).expect("opened");
    let mut n = changelog_next(&store).unwrap_or(0);
    let mut next = nth(n + 1);
    loop {
        store.apply(&next).expect("applied");
        n += 1;
        // Prepared in advance, so that after the report only the next spill can be interrupted.
        next = nth(n + 1);
        writeln!(std::io::stderr(), "applied {n}").expect("the parent reads");
    }
}

fn victim(dir: &Path) -> Child {
    Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", &name_of!("a_kill_leaves_whole_spills_only"), "--nocapture"])
        .env(VICTIM_DIR, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the test binary can be run again")
}

/// Kills the victim `later` than it has reported its third spill, and returns the last spill it
/// reported.
fn kill(mut victim: Child, later: Duration) -> i64 {
    let told = BufReader::new(victim.stderr.take().expect("its errors are piped"));
    let mut numbers = told.lines().map(|line| {
        let line = line.expect("the victim writes text");
        let number = line.strip_prefix("applied ").and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("the victim failed: {line}"))
    });
    let mut last: i64 = numbers.by_ref().nth(2).expect("the victim goes on for ever");
    thread::sleep(later);
    victim.kill().expect("it lives");
    for number in numbers {
        last = number;
    }
    victim.wait().expect("it was ours");
    last
}

#[test]
fn a_kill_leaves_whole_spills_only() {
    if let Some(dir) = std::env::var_os(VICTIM_DIR) {
        apply_for_ever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    for nth_kill in 0..KILLS {
        let last = kill(victim(dir.path()), STEP * nth_kill);

        let store = open(dir.path()).shard(SHARD).expect("a kill does not damage a store");
        let n = changelog_next(&store).expect("spills were applied");
        assert!(n == last || n == last + 1, "spill {last} was there before the kill, {n} is now");
        let keys: Vec<_> = (0..KEYS).map(key).collect();
        let names: Vec<_> = keys.iter().map(String::as_str).collect();
        let row = |k| (k != n % KEYS).then(|| n.to_string());
        assert_eq!(get(&store, &names), (0..KEYS).map(row).collect::<Vec<_>>());
        let expected: Vec<_> = names.iter().map(|key| due(n, key)).collect();
        assert_eq!(store.due(None, i64::MAX, usize::MAX), Ok(expected));
    }
}

#[test]
fn what_a_crash_left_of_a_spill_is_unlinked_and_not_written_to() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stores = open(dir.path());
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&nth(1)).expect("applied");
    // A crash after linking a file and before removing its first name leaves two names of one file.
    let database = directory::of_shard(dir.path(), SHARD);
    let files = std::fs::read_dir(&database).expect("listed").map(|entry| entry.expect("read"));
    let table = files
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .expect("a spill is a file");
    let leftover = database.join(spill_file::FILE);
    std::fs::hard_link(&table, &leftover).expect("linked");
    let before = std::fs::read(&table).expect("read");

    store.apply(&nth(2)).expect("applied");
    assert_eq!(std::fs::read(&table).expect("still there"), before);
    assert!(!leftover.exists());

    std::fs::hard_link(&table, &leftover).expect("linked");
    drop(store);
    let store = stores.shard(SHARD).expect("opened");
    assert!(!leftover.exists());
    assert_eq!(changelog_next(&store), Some(2));
}

#[test]
fn a_crash_in_the_middle_of_a_wipe_leaves_a_new_store() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stores = open(dir.path());
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&nth(1)).expect("applied");
    drop((store, stores));
    // The crash comes after the first step, when some files have been deleted.
    let database = directory::of_shard(dir.path(), SHARD);
    let trash = database.with_extension("trash");
    std::fs::rename(&database, &trash).expect("renamed");
    std::fs::remove_file(trash.join("CURRENT")).expect("deleted");

    let stores = open(dir.path());
    assert!(!trash.exists());
    assert_eq!(changelog_next(&stores.shard(SHARD).expect("opened")), None);
}
