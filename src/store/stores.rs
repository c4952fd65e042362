//! All stores of one process.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::settings::Settings;
use super::{
    Budget, Counts, Identity, OpenError, RocksStore, Volume, directory, failure, identity,
};
use rollcall_core::{
    record::ShardId,
    shard::{Error, Result},
};

/// Longest wait for a store of this process that is being closed.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// All stores of one process, in one state directory that no other process may use meanwhile.
///
/// They share one block cache and one set of threads; beside that, a store takes some 150 KiB and a
/// dozen descriptors (docs/adr/0015-one-database-per-shard.md). Stores outlive this value; the
/// directory stays locked until the last one is dropped.
pub struct Stores {
    dir: PathBuf,
    settings: Arc<Settings>,
    in_use: Arc<InUse>,
}

/// A store in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub shard: ShardId,
    /// Wall time when it was last written to or closed.
    pub last_used: SystemTime,
    /// Size of its files.
    pub bytes: u64,
}

impl Stores {
    /// Opens the state directory, creating and claiming it if it is new.
    ///
    /// # Errors
    /// [`OpenError`] when another process uses the directory, when it holds something else or
    /// belongs to another reconciliation, or when it cannot be written to.
    pub fn open(
        dir: &Path,
        owner: &Identity,
        budget: &Budget,
    ) -> std::result::Result<Self, OpenError> {
        let failed = |source| OpenError::Io { dir: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = directory::lock(dir).map_err(failed)?.ok_or_else(|| {
            let holder = directory::written_holder(dir);
            let holder = holder.map_or_else(|| "(unknown)".to_owned(), |pid| pid.to_string());
            OpenError::Locked { dir: dir.to_owned(), holder }
        })?;
        identity::claim(dir, owner)?;
        directory::empty_trash(dir).map_err(failed)?;
        let settings = Settings::new(budget.block_cache_bytes)
            .map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(Self {
            dir: dir.to_owned(),
            settings: Arc::new(settings),
            in_use: Arc::new(InUse {
                shards: Mutex::default(),
                given_back: Condvar::new(),
                _lock: lock,
            }),
        })
    }

    /// Opens a shard's store, creating it if missing. Waits if a store of the shard is just being
    /// closed.
    pub fn shard(&self, shard: ShardId) -> Result<RocksStore> {
        let hold = self.in_use.hold(shard)?;
        RocksStore::open(directory::of_shard(&self.dir, shard), Arc::clone(&self.settings), hold)
    }

    /// Returns all stores in the directory, in use or not, by shard.
    pub fn kept(&self) -> Result<Vec<Kept>> {
        let failed = |error| failure::io(error, &self.dir);
        let shards = directory::shards(&self.dir).map_err(failed)?;
        let kept = |shard| {
            let database = directory::of_shard(&self.dir, shard);
            let last_used = directory::last_used(&database)?;
            Ok(Kept { shard, last_used, bytes: directory::bytes(&database)? })
        };
        shards.into_iter().map(kept).collect::<std::io::Result<_>>().map_err(failed)
    }

    /// Returns how much space the directory's file system has.
    ///
    /// # Errors
    /// When it cannot be queried.
    pub fn volume(&self) -> std::io::Result<Volume> {
        Volume::of(&self.dir)
    }

    /// Returns the counts of all stores since the start.
    pub fn counts(&self) -> Counts {
        self.settings.counts()
    }

    /// Deletes a shard's store, which must not be in use.
    pub fn forget(&self, shard: ShardId) -> Result<()> {
        let _hold = self.in_use.hold(shard)?;
        directory::discard(&directory::of_shard(&self.dir, shard))
    }

    /// Deletes the stores that are not in use and have not been for longer than `grace` before
    /// `now`, and returns their shards. Keeping a store for a while makes it cheap to get a shard
    /// back.
    pub fn prune(&self, grace: Duration, now: SystemTime) -> Result<Vec<ShardId>> {
        let mut pruned = Vec::new();
        for kept in self.kept()? {
            // After a clock was set back, a store looks as if it had just been used.
            let unused = now.duration_since(kept.last_used).unwrap_or_default();
            if unused <= grace {
                continue;
            }
            if let Some(_hold) = self.in_use.try_hold(kept.shard) {
                directory::discard(&directory::of_shard(&self.dir, kept.shard))?;
                pruned.push(kept.shard);
            }
        }
        Ok(pruned)
    }
}

/// Which shards' stores are in use. RocksDB would reject a second handle with an error that looks
/// like a broken disk.
struct InUse {
    shards: Mutex<BTreeSet<ShardId>>,
    given_back: Condvar,
    _lock: File,
}

impl InUse {
    fn hold(self: &Arc<Self>, shard: ShardId) -> Result<Hold> {
        let (mut shards, _) = self
            .given_back
            .wait_timeout_while(self.shards(), CLOSE_WAIT, |shards| shards.contains(&shard))
            .unwrap_or_else(PoisonError::into_inner);
        if !shards.insert(shard) {
            return Err(Error::store(format!("the store of shard {shard} is still in use")));
        }
        Ok(Hold { shard, in_use: Arc::clone(self) })
    }

    fn try_hold(self: &Arc<Self>, shard: ShardId) -> Option<Hold> {
        let free = self.shards().insert(shard);
        free.then(|| Hold { shard, in_use: Arc::clone(self) })
    }

    /// A set cannot be left half changed, so a panic elsewhere does not matter.
    fn shards(&self) -> MutexGuard<'_, BTreeSet<ShardId>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to use one shard's directory, released on drop.
pub(super) struct Hold {
    shard: ShardId,
    in_use: Arc<InUse>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.in_use.shards().remove(&self.shard);
        self.in_use.given_back.notify_all();
    }
}
