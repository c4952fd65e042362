//! The state directory: its lock, its stores, and how a store leaves it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::failure;
use rollcall_core::{record::ShardId, shard::Result};

pub(super) const LOCK: &str = "rollcall.lock";
const TRASH: &str = "trash";

/// Longest wait for the lock: a process that is just ending, or someone who is only asking for
/// the holder, gives it back within this time.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Takes the directory's lock, which lasts until the file is dropped or the process dies.
/// Returns `None` when another process holds it.
pub(super) fn lock(dir: &Path) -> io::Result<Option<File>> {
    let mut file = open_lock(dir)?;
    let patience = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < patience => {
                thread::sleep(LOCK_POLL);
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())?;
    Ok(Some(file))
}

fn open_lock(dir: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK))
}

/// Returns the id that the holder of the lock wrote into it.
pub(super) fn written_holder(dir: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(dir.join(LOCK)).ok()?.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Returns the process that works in the directory, if any; 0 when it has not said its id.
pub fn holder(dir: &Path) -> io::Result<Option<u32>> {
    let file = match File::open(dir.join(LOCK)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(written_holder(dir).unwrap_or(0))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns where a shard's database lives.
pub(super) fn of_shard(dir: &Path, shard: ShardId) -> PathBuf {
    dir.join(shard.to_string())
}

/// Returns the shards that have a store in the directory, in order.
pub fn shards(dir: &Path) -> io::Result<Vec<ShardId>> {
    let mut shards = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            shards.extend(name.to_str().and_then(|name| name.parse().ok()).map(ShardId));
        }
    }
    shards.sort_unstable();
    Ok(shards)
}

/// Deletes a database in one step that cannot be half done: after a crash it is whole or gone.
pub(super) fn discard(database: &Path) -> Result<()> {
    let failed = |error| failure::io(error, database);
    let trash = database.with_extension(TRASH);
    remove_dir(&trash).map_err(failed)?;
    match fs::rename(database, &trash) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(failed)?,
    }
    // Before the first file goes, or a loss of power could bring back half a database.
    let parent = database.parent().expect("a database lies in a state directory");
    sync(parent).map_err(failed)?;
    remove_dir(&trash).map_err(failed)
}

/// Deletes what a crash in the middle of [`discard`] has left.
pub(super) fn empty_trash(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == TRASH) {
            remove_dir(&path)?;
        }
    }
    Ok(())
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the directory's entries survive a loss of power.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Notes when a database was last in use: the time its directory was changed.
pub(super) fn touch(database: &Path, at: SystemTime) -> io::Result<()> {
    File::open(database)?.set_modified(at)
}

/// Returns when a database was last in use.
pub(super) fn last_used(database: &Path) -> io::Result<SystemTime> {
    fs::metadata(database)?.modified()
}

/// Returns the bytes of a database's files. Files that go away meanwhile do not count.
pub(super) fn bytes(database: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(database)? {
        match entry?.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            metadata => bytes += metadata?.len(),
        }
    }
    Ok(bytes)
}
