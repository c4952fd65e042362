//! What many stores take of a process together.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use super::{changelog_next, open, spill};
use rollcall_core::{record::ShardId, shard::Store};

/// Names the directory in which this process, without other tests beside it, opens stores.
const STORES_DIR: &str = "ROLLCALL_TEST_STORES_DIR";
const STORES: i32 = 40;
const OPENERS: i32 = 8;
const SPILLS: i64 = 8;
/// Four files and folders that a database has open all the time, and its lock; the runs that wait
/// to be merged; and those of a merge.
const DESCRIPTORS_OF_A_STORE: usize = 16;

fn count(dir: &str) -> usize {
    fs::read_dir(dir).expect("the system tells").count()
}

fn open_and_spill(dir: &Path) {
    let stores = open(dir);
    let descriptors = || count("/proc/self/fd");
    let (before, threads_before) = (descriptors(), count("/proc/self/task"));
    let opened = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for opener in 0..OPENERS {
            let (stores, opened) = (&stores, &opened);
            scope.spawn(move || {
                for shard in (0..STORES).filter(|shard| shard % OPENERS == opener) {
                    let store = stores.shard(ShardId(shard)).expect("opened");
                    assert_eq!(changelog_next(&store), None);
                    opened.lock().expect("no panic").push(store);
                }
            });
        }
    });
    let opened = opened.into_inner().expect("no panic");
    let mut most = descriptors();
    for n in 1..=SPILLS {
        for store in &opened {
            store.apply(&spill(n, &[("a", Some("1"))], &[], &[])).expect("applied");
        }
        most = most.max(descriptors());
    }
    let each = (most - before).div_ceil(opened.len());
    assert!(each <= DESCRIPTORS_OF_A_STORE, "{each} descriptors for each store");
    // Those that merge for all of them, and that of RocksDB's timers.
    let threads = count("/proc/self/task") - threads_before;
    assert!(threads <= 4, "{threads} threads more");
}

#[test]
fn many_stores_share_threads_and_take_few_descriptors() {
    if let Some(dir) = std::env::var_os(STORES_DIR) {
        return open_and_spill(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let test = name_of!("many_stores_share_threads_and_take_few_descriptors");
    let output = Command::new(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", &test, "--nocapture"])
        .env(STORES_DIR, dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("the test binary can be run again");
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
