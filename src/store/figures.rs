//! What stores tell of themselves, for metrics.

use std::path::Path;
use std::time::Duration;

use rocksdb::{DB, properties};

/// Figures of one store, or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Rows and deadlines, as RocksDB estimates.
    pub entries: u64,
    /// Live files.
    pub bytes: u64,
    /// The cache that all stores of a process share.
    pub block_cache_bytes: u64,
    /// Spills not yet merged; of several stores the most that one has.
    pub unmerged_files: u64,
    pub background_errors: u64,
    /// Stores whose writes RocksDB holds up at this moment.
    pub stopped: u64,
}

/// What all stores of a process have counted since it was started. None of it falls when a store is
/// closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Time that spills have waited for merging to catch up, before RocksDB was asked.
    pub spills_waited: Duration,
    /// Time for which RocksDB itself has held writes up.
    pub writes_stalled: Duration,
    /// Blocks of files that were looked for in memory and found there, or not.
    pub block_hits: u64,
    pub block_misses: u64,
    /// Failures of RocksDB's background threads.
    pub background_errors: u64,
}

/// Room on the file system of the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    pub size_bytes: u64,
    /// What this process may use of what is free.
    pub free_bytes: u64,
}

impl Figures {
    /// Asks the database, which answers from memory.
    pub(super) fn of(db: &DB) -> Self {
        let ask = |property: &properties::PropName| {
            // What cannot be told is no reason to fail: the store's own calls say what is wrong.
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

    /// Returns the figures of both.
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
    /// When the file system cannot be asked.
    pub(super) fn of(dir: &Path) -> std::io::Result<Self> {
        let stat = rustix::fs::statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Self { size_bytes: bytes(stat.f_blocks), free_bytes: bytes(stat.f_bavail) })
    }
}
