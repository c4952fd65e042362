//! Figures of stores, for metrics.

use std::path::Path;
use std::time::Duration;

use rocksdb::{DB, properties};

/// Figures of one store, or of several added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Rows and deadlines, as estimated by RocksDB.
    pub entries: u64,
    /// Size of the live files.
    pub bytes: u64,
    /// Size of the cache that all stores of a process share.
    pub block_cache_bytes: u64,
    /// Spills not yet merged; for several stores, the largest number of any of them.
    pub unmerged_files: u64,
    pub background_errors: u64,
    /// Stores whose writes RocksDB is stopping at this moment.
    pub stopped: u64,
}

/// Counts of all stores of a process since its start. They do not decrease when a store is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Time that spills have waited for compaction before they were passed to RocksDB.
    pub spills_waited: Duration,
    /// Time for which RocksDB itself has stalled writes.
    pub writes_stalled: Duration,
    /// Block look-ups that found the block in memory, or not.
    pub block_hits: u64,
    pub block_misses: u64,
    /// Failures of RocksDB's background threads.
    pub background_errors: u64,
}

/// Space on the file system of the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    pub size_bytes: u64,
    /// Free space that this process may use.
    pub free_bytes: u64,
}

impl Figures {
    /// Queries the database, which answers from memory.
    pub(super) fn of(db: &DB) -> Self {
        let ask = |property: &properties::PropName| {
            // A figure that is unavailable is not an error: the store's own calls report what is
            // wrong.
            db.property_int_value(property).ok().flatten().unwrap_or(0)
        };
        Self {
            entries: ask(properties::ESTIMATE_NUM_KEYS),
            bytes: ask(properties::LIVE_SST_FILES_SIZE),
            block_cache_bytes: ask(properties::BLOCK_CACHE_USAGE),
            unmerged_files: ask(&properties::num_files_at_level(0)),
            background_errors: ask(properties::BACKGROUND_ERRORS),
            stopped: ask(properties::IS_WRITE_STOPPED),
        }
    }

    /// Returns the sum of both.
    pub fn with(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            block_cache_bytes: self.block_cache_bytes.max(other.block_cache_bytes),
            unmerged_files: self.unmerged_files.max(other.unmerged_files),
            background_errors: self.background_errors + other.background_errors,
            stopped: self.stopped + other.stopped,
        }
    }
}

impl Volume {
    /// # Errors
    /// When the file system cannot be queried.
    pub(super) fn of(dir: &Path) -> std::io::Result<Self> {
        let stat = rustix::fs::statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Self { size_bytes: bytes(stat.f_blocks), free_bytes: bytes(stat.f_bavail) })
    }
}
