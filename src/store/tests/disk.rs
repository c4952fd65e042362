//! Full disks and damaged files.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{SHARD, changelog_next, due, get, open, some, spill, temporary};
use crate::directory;
use rollcall_core::shard::{Batch, Error, Spill, Store};

/// Names the directory in which this process fills a disk.
const FULL_DIR: &str = "ROLLCALL_TEST_FULL_DIR";
const ROWS: usize = 20_000;

/// Incompressible rows: about a megabyte and a half.
fn large(changelog_next: i64) -> Spill {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_add(changelog_next.cast_unsigned());
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut rows = Batch::default();
    for n in 0..ROWS {
        let row: Vec<u8> = (0..8).flat_map(|_| noise()).collect();
        rows.push(format!("order-{n:06}").as_bytes(), &row);
    }
    Spill::new(spill(changelog_next, &[], &[], &[]).checkpoint, rows)
}

/// Spills until the disk is full, and checks that the earlier content is still there.
fn fill(dir: &Path) {
    let stores = open(dir);
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&spill(1, &[("a", Some("1"))], &[due(1, "a")], &[])).expect("there is room");
    let full = (2..100).find_map(|n| store.apply(&large(n)).err()).expect("the disk fills up");
    let Error::Interrupted(message) = full else { panic!("not a full disk: {full:?}") };
    let advice = format!("free space in {}", dir.display());
    assert!(message.starts_with("local store: "), "{message}");
    assert!(message.contains(&advice), "{message}");

    let kept = changelog_next(&store).expect("the first spill is there");
    assert_eq!(get(&store, &["a"]), [some("1")]);
    let names: Vec<_> = (0..ROWS).map(|n| format!("order-{n:06}")).collect();
    let names: Vec<_> = names.iter().map(String::as_bytes).collect();
    let rows = store.get_many(&names).expect("reading goes on");
    let expected = large(kept);
    let expected = expected.rows.iter().map(|(_, row)| (kept > 1).then(|| row.to_vec()));
    assert!(rows.into_iter().eq(expected), "rows and checkpoint {kept} do not belong together");
}

/// Runs `test` of this test binary as the disk filler in `dir`, started by `shell` commands.
fn filler(shell: &str, test: &str, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{shell} && exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("a test has a path"))
        .args(["--exact", &name_of!(test), "--nocapture"])
        .env(FULL_DIR, dir);
    command
}

fn assert_passed(output: &Output) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_file_that_may_not_grow_interrupts_the_shard_and_loses_nothing() {
    if let Some(dir) = std::env::var_os(FULL_DIR) {
        return fill(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    // In units of 512 bytes; the signal would otherwise kill the process.
    let limit = "trap '' XFSZ && ulimit -f 2000";
    let test = "a_file_that_may_not_grow_interrupts_the_shard_and_loses_nothing";
    assert_passed(&filler(limit, test, dir.path()).output().expect("a shell"));
    // With space again, the same store continues.
    let stores = open(dir.path());
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&large(500)).expect("there is room");
    assert_eq!(changelog_next(&store), Some(500));
}

#[test]
fn a_full_disk_interrupts_the_shard_and_loses_nothing() {
    if let Some(dir) = std::env::var_os(FULL_DIR) {
        return fill(Path::new(&dir));
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mount = format!("mount -t tmpfs -o size=6m none '{}'", dir.path().display());
    let test = "a_full_disk_interrupts_the_shard_and_loses_nothing";
    // A small disk needs the right to mount, which a private namespace gives where allowed.
    let allowed = |options: &&[&str]| {
        let tried = Command::new("unshare").args(*options).args(["sh", "-c", &mount]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let ways: [&[&str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];
    let Some(options) = ways.into_iter().find(allowed) else {
        eprintln!("no small disk can be mounted here; a bounded file stands for it");
        return;
    };
    let inner = filler(&mount, test, dir.path());
    let output = Command::new("unshare")
        .args(options)
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(FULL_DIR, dir.path())
        .output();
    assert_passed(&output.expect("it was allowed before"));
}

fn files(dir: &Path, name: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory::of_shard(dir, SHARD)).expect("listed");
    let named = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()).is_some_and(&name);
    entries.map(|entry| entry.expect("read").path()).filter(named).collect()
}

fn overwrite(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).expect("opened");
    let length = usize::try_from(file.metadata().expect("stat").len()).expect("small");
    file.write_all_at(&vec![0xa5; length], 0).expect("written");
}

/// Damages a closed store of some rows, and checks that it is reported as corrupt, by the opening
/// or by the first use, and that wiping repairs it.
fn damaged_by(damage: impl Fn(&Path)) {
    let (dir, stores) = temporary();
    let store = stores.shard(SHARD).expect("opened");
    store.apply(&large(1)).expect("applied");
    drop(store);
    damage(dir.path());

    let mut store = stores.shard(SHARD).expect("a damaged store is handed out");
    let names: Vec<_> = (0..ROWS).map(|n| format!("order-{n:06}")).collect();
    let names: Vec<_> = names.iter().map(String::as_bytes).collect();
    let used = store.checkpoint().and_then(|_| store.get_many(&names));
    assert!(matches!(used, Err(Error::Corrupt(_))), "{:?}", used.map(|rows| rows.len()));

    store.wipe().expect("wiped");
    assert_eq!(changelog_next(&store), None);
    store.apply(&spill(2, &[("a", Some("2"))], &[], &[])).expect("applied");
    assert_eq!(get(&store, &["a", "order-000001"]), [some("2"), None]);
}

#[test]
fn a_damaged_table_is_corrupt_and_wiping_heals_it() {
    damaged_by(|dir| files(dir, |name| name.ends_with(".sst")).iter().for_each(|f| overwrite(f)));
}

#[test]
fn a_damaged_block_in_a_table_is_corrupt_and_wiping_heals_it() {
    damaged_by(|dir| {
        for path in files(dir, |name| name.ends_with(".sst")) {
            let file = OpenOptions::new().write(true).open(path).expect("opened");
            file.write_all_at(&[0xa5; 64], 300_000).expect("written");
        }
    });
}

#[test]
fn a_missing_table_is_corrupt_and_wiping_heals_it() {
    damaged_by(|dir| {
        for file in files(dir, |name| name.ends_with(".sst")) {
            fs::remove_file(file).expect("deleted");
        }
    });
}

#[test]
fn a_damaged_list_of_tables_is_corrupt_and_wiping_heals_it() {
    damaged_by(|dir| files(dir, |n| n.starts_with("MANIFEST")).iter().for_each(|f| overwrite(f)));
}

#[test]
fn a_damaged_pointer_to_the_list_is_corrupt_and_wiping_heals_it() {
    damaged_by(|dir| files(dir, |name| name == "CURRENT").iter().for_each(|file| overwrite(file)));
}

#[test]
fn an_unknown_checkpoint_is_corrupt() {
    let (dir, stores) = temporary();
    drop(stores.shard(SHARD).expect("opened"));
    let database = directory::of_shard(dir.path(), SHARD);
    let raw = rocksdb::DB::open_default(database).expect("opened");
    raw.put(super::super::keys::CHECKPOINT, b"{\"offset\":1}").expect("put");
    drop(raw);
    let store = stores.shard(SHARD).expect("opened");
    assert!(matches!(store.checkpoint(), Err(Error::Corrupt(_))));
}
