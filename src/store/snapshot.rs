//! Reads a store from outside, while its owner may be writing to it.

use std::path::{Path, PathBuf};

use rocksdb::{DB, ReadOptions};

use super::rocks::checkpoint_in;
use super::{Identity, OpenError, directory, failure, identity, keys, settings};
use rollcall_core::{
    record::ShardId,
    shard::{Checkpoint, Due, Error, Result},
};

/// Enough for the indexes and filters of one store.
const CACHE_BYTES: usize = 8 << 20;
/// The owner may delete files after we have read the manifest and before we open them.
const ATTEMPTS_MAX: usize = 10;

/// One shard's store as of the time it was opened. Takes no lock and writes nothing.
pub struct Snapshot {
    db: DB,
    dir: PathBuf,
}

impl Snapshot {
    /// Returns what the directory belongs to.
    pub fn identity(state_dir: &Path) -> std::result::Result<Option<Identity>, OpenError> {
        identity::read(state_dir)
    }

    /// Opens the store of `shard`; `None` if it has no database yet.
    pub fn open(state_dir: &Path, shard: ShardId) -> Result<Option<Self>> {
        let dir = directory::of_shard(state_dir, shard);
        let options = settings::read_only(CACHE_BYTES);
        let mut attempts = 0;
        loop {
            if !dir.join("CURRENT").exists() {
                return Ok(None);
            }
            attempts += 1;
            match DB::open_for_read_only(&options, &dir, false) {
                Ok(db) => return Ok(Some(Self { db, dir })),
                Err(error) if attempts == ATTEMPTS_MAX => {
                    return Err(failure::reaction(&error, &dir));
                }
                Err(_) => {}
            }
        }
    }

    pub fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        checkpoint_in(&self.db, &self.dir)
    }

    /// Returns the size of the store's files.
    pub fn bytes(&self) -> Result<u64> {
        directory::bytes(&self.dir).map_err(|error| failure::io(error, &self.dir))
    }

    /// Returns one key's row.
    pub fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut name = Vec::new();
        keys::push_row(&mut name, key);
        self.db.get(name).map_err(|error| failure::reaction(&error, &self.dir))
    }

    /// Calls `row` with every key and row, in key order, until it fails.
    pub fn rows(&self, mut row: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
        self.scan(keys::ROW_RANGE, |name, value| {
            row(keys::row_key(name).expect("the range holds rows only"), value)
        })
    }

    /// Calls `due` with every entry of the deadline index, in order, until it fails.
    pub fn due(&self, mut due: impl FnMut(Due) -> Result<()>) -> Result<()> {
        self.scan(keys::DUE_RANGE, |name, _| {
            due(keys::due_of(name).ok_or_else(|| Error::store("an entry of the due index"))?)
        })
    }

    fn scan(
        &self,
        (first, end): (&[u8], &[u8]),
        mut show: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(first);
        options.set_iterate_upper_bound(end);
        // A full scan must not evict what look-ups need.
        options.fill_cache(false);
        let mut entries = self.db.raw_iterator_opt(options);
        entries.seek_to_first();
        while let Some((name, value)) = entries.item() {
            show(name, value)?;
            entries.next();
        }
        entries.status().map_err(|error| failure::reaction(&error, &self.dir))
    }
}
