//! The disk under a running worker fails: the worker reports it, and nothing is lost.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::worker::Worker;

/// Enough that the smallest memory budget cannot hold all rows.
const ORDERS: usize = 100_000;

/// Returns a reconciliation whose workers keep almost nothing in memory.
fn small(name: &str) -> Reconciliation {
    Reconciliation::new(&Broker::shared(), name).with("memoryBudget", "16Mi")
}

fn id(n: usize) -> String {
    format!("{n:036}")
}

fn order_all(shop: &Reconciliation) {
    (0..ORDERS).for_each(|n| shop.order(&id(n), &[1]));
}

fn make_all(shop: &Reconciliation) {
    (0..ORDERS).for_each(|n| shop.made(&id(n), 1));
}

fn assert_all_shipped_once(shop: &Reconciliation) {
    let shipped = shop.shipped_ids();
    assert!(shipped.into_iter().eq((0..ORDERS).map(id)), "each order is shipped once");
}

fn sorted_files(state: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
        entries.flatten().map(|entry| entry.path()).collect()
    };
    let files = list(state).into_iter().filter(|path| path.is_dir()).flat_map(|dir| list(&dir));
    files.filter(|path| path.extension().is_some_and(|extension| extension == "sst")).collect()
}

fn overwrite(path: &Path) {
    // Compaction may have deleted it meanwhile.
    let Ok(file) = OpenOptions::new().write(true).open(path) else { return };
    let length = usize::try_from(file.metadata().expect("stat").len()).expect("small");
    file.write_all_at(&vec![0xa5; length], 0).expect("written");
}

#[test]
fn a_store_that_is_damaged_under_a_running_worker_is_restored() {
    let shop = small("damaged");
    let worker = shop.worker("w-1");
    order_all(&shop);
    shop.settle();
    let state = shop.state_dir("w-1");
    let files = eventually("rows were spilled", WAIT_TIMEOUT, || {
        Some(sorted_files(&state)).filter(|files| !files.is_empty())
    });
    files.iter().for_each(|file| overwrite(file));
    make_all(&shop);
    worker.process.says(&["cannot be trusted"]);
    shop.settle();
    drop(worker);
    assert_all_shipped_once(&shop);
}

#[test]
fn a_worker_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let shop = small("full");
    let mounted = shop.path("disk");
    fs::create_dir_all(&mounted).expect("the directory is ours");
    let (state, ballast) = (mounted.join("state"), mounted.join("ballast"));
    let disk = format!(
        "mount -t tmpfs -o size=64m none '{}' && head -c 64000K /dev/zero >'{}'",
        mounted.display(),
        ballast.display()
    );
    // A small disk needs the right to mount, which a private namespace gives where allowed.
    let ways: [&[&str]; 2] = [&["unshare", "--mount"], &["unshare", "--map-root-user", "--mount"]];
    let allowed = |way: &&[&str]| {
        let tried = Command::new(way[0]).args(&way[1..]).args(["sh", "-c", &disk]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(way) = ways.into_iter().find(allowed) else {
        eprintln!("no small disk can be mounted here; the store's own tests stand for it");
        return;
    };
    let shell = format!("{disk} && exec \"$0\" \"$@\"");
    let command = [way, &["sh", "-c", &shell]].concat();
    let worker = Worker::start_by(&command, &shop, "w-1", &state).ready();
    order_all(&shop);
    shop.flush();
    worker.process.says(&["free space in", &state.display().to_string()]);
    fs::remove_file(worker.process.file(&ballast)).expect("the ballast is there");
    make_all(&shop);
    shop.settle();
    drop(worker);
    assert_all_shipped_once(&shop);
}
