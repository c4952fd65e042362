//! The state directory: its lock, its stores, and how a store is deleted.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::failure;
use rollcall_core::{record::ShardId, shard::Result};

pub(super) const LOCK: &str = "rollcall.lock";
const TRASH: &str = "trash";

/// Longest wait for the lock: a process that is about to end, or one that only asks for the holder,
/// releases it within this time.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_POLL: Duration = Duration::from_millis(20);

/// Takes the directory's lock, which is held until the file is dropped or the process dies. Returns
/// `None` if another process holds it.
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

/// Returns the process id that the holder of the lock wrote into it.
pub(super) fn written_holder(dir: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(dir.join(LOCK)).ok()?.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Returns the process that uses the directory, if any; 0 if it has not written its id.
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

/// Returns the path of a shard's database.
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

/// Deletes a database atomically: after a crash it is either whole or gone.
pub(super) fn discard(database: &Path) -> Result<()> {
    let failed = |error| failure::io(error, database);
    let trash = database.with_extension(TRASH);
    remove_dir(&trash).map_err(failed)?;
    match fs::rename(database, &trash) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(failed)?,
    }
    // Before the first file is deleted, or a power loss could bring back half a database.
    let parent = database.parent().expect("a database lies in a state directory");
    sync(parent).map_err(failed)?;
    remove_dir(&trash).map_err(failed)
}

/// Deletes what a crash during [`discard`] has left.
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

/// Makes the directory's entries durable against a power loss.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Records when a database was last in use, as the modification time of its directory.
pub(super) fn touch(database: &Path, at: SystemTime) -> io::Result<()> {
    File::open(database)?.set_modified(at)
}

/// Returns when a database was last in use.
pub(super) fn last_used(database: &Path) -> io::Result<SystemTime> {
    fs::metadata(database)?.modified()
}

/// Returns the total size of a database's files. Files deleted meanwhile do not count.
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
