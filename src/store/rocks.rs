//! One shard's rows in RocksDB.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rocksdb::{DB, DBRawIterator, Options, ReadOptions};

use super::settings::Settings;
use super::stores::Hold;
use super::{Figures, directory, failure, keys, settings, spill};
use rollcall_core::record::Timestamp;
use rollcall_core::shard::{Checkpoint, Due, Error, Result, Spill, Store};

/// Rows looked up at once: each row that is found pins its block, so this bounds the pinned memory.
const LOOKUP_MAX: usize = 256;
/// Longest time a spill waits for compaction; then it continues, so that a shard is slow rather
/// than stuck.
const MERGE_WAIT: Duration = Duration::from_secs(5);
/// How often a waiting spill checks again.
const MERGE_POLL: Duration = Duration::from_millis(5);

/// One shard's rows in RocksDB.
///
/// A damaged database is also returned: every call fails with [`Error::Corrupt`] until
/// [`Store::wipe`] repairs it.
pub struct RocksStore {
    database: Database,
    dir: PathBuf,
    settings: Arc<Settings>,
    /// Dropped after the database, so that the next owner finds it closed.
    _hold: Hold,
}

enum Database {
    Open(Open),
    Failed(Error),
}

struct Open {
    db: DB,
    /// Nothing was ever spilled: look-ups can skip the disk.
    empty: AtomicBool,
}

impl RocksStore {
    /// Opens the shard's database in `dir`, creating it if missing.
    pub(super) fn open(dir: PathBuf, settings: Arc<Settings>, hold: Hold) -> Result<Self> {
        let database = match open(&dir, &settings.database) {
            Ok(open) => Database::Open(open),
            Err(error @ Error::Corrupt(_)) => Database::Failed(error),
            Err(error) => return Err(error),
        };
        Ok(Self { database, dir, settings, _hold: hold })
    }

    fn database(&self) -> Result<&Open> {
        match &self.database {
            Database::Open(open) => Ok(open),
            Database::Failed(error) => Err(error.clone()),
        }
    }

    fn failed(&self, error: &rocksdb::Error) -> Error {
        failure::reaction(error, &self.dir)
    }

    /// Returns the database's figures; zeros if it is damaged.
    pub fn figures(&self) -> Figures {
        self.database().map(|open| Figures::of(&open.db)).unwrap_or_default()
    }

    /// Returns how many spills are waiting to be merged.
    pub(super) fn unmerged_files(&self) -> Result<u64> {
        let db = &self.database()?.db;
        let level_zero = rocksdb::properties::num_files_at_level(0);
        let files = db.property_int_value(&level_zero).map_err(|error| self.failed(&error))?;
        Ok(files.unwrap_or(0))
    }

    /// Waits, for a bounded time, until compaction has caught up with the spills.
    fn wait_for_merging(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let unmerged = self.unmerged_files()?;
            if unmerged < settings::UNMERGED_FILES_MAX {
                return Ok(());
            }
            if start.elapsed() > MERGE_WAIT {
                let dir = self.dir.display();
                tracing::warn!(%dir, unmerged, "merging lags behind the spills");
                return Ok(());
            }
            thread::sleep(MERGE_POLL);
            self.settings.stalled(MERGE_POLL);
        }
    }
}

impl Store for RocksStore {
    fn apply(&self, spill: &Spill) -> Result<()> {
        let open = self.database()?;
        if spill.is_empty() {
            return Ok(());
        }
        self.wait_for_merging()?;
        let file = self.dir.join(spill::FILE);
        remove_leftover(&file)?;
        spill::write(spill, &self.settings.spilled_file, &file)?;
        open.db
            .ingest_external_file_opts(&settings::ingestion(), vec![&file])
            .map_err(|error| self.failed(&error))?;
        open.empty.store(false, Ordering::Release);
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        checkpoint_in(&self.database()?.db, &self.dir)
    }

    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>> {
        let open = self.database()?;
        if open.empty.load(Ordering::Acquire) {
            return Ok(vec![None; keys.len()]);
        }
        let family = open.db.cf_handle(FAMILY).expect("the database was opened with it");
        let options = ReadOptions::default();
        let mut rows = Vec::with_capacity(keys.len());
        let (mut names, mut ends) = (Vec::new(), Vec::new());
        for keys in keys.chunks(LOOKUP_MAX) {
            names.clear();
            ends.clear();
            for key in keys {
                let start = names.len();
                keys::push_row(&mut names, key);
                ends.push((start, names.len()));
            }
            let wanted = ends.iter().map(|&(start, end)| &names[start..end]);
            for row in open.db.batched_multi_get_cf_opt(family, wanted, false, &options) {
                let row = row.map_err(|error| self.failed(&error))?;
                rows.push(row.map(|row| row.to_vec()));
            }
        }
        Ok(rows)
    }

    fn scan(
        &self,
        after: Option<&[u8]>,
        limit: usize,
        row: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<usize> {
        let open = self.database()?;
        if open.empty.load(Ordering::Acquire) {
            return Ok(0);
        }
        let mut entries = rows_after(&open.db, after);
        let mut shown = 0;
        while shown < limit
            && let Some((name, value)) = entries.item()
        {
            row(keys::row_key(name).expect("the range holds rows only"), value);
            shown += 1;
            entries.next();
        }
        entries.status().map_err(|error| self.failed(&error))?;
        Ok(shown)
    }

    fn due(&self, after: Option<&Due>, until_ms: Timestamp, limit: usize) -> Result<Vec<Due>> {
        let mut found = Vec::new();
        let open = self.database()?;
        let past = after.is_some_and(|after| after.at_ms > until_ms);
        if past || open.empty.load(Ordering::Acquire) {
            return Ok(found);
        }
        let mut entries = due_entries(&open.db, after, until_ms);
        while found.len() < limit && entries.valid() {
            let name = entries.key().expect("a valid iterator has a key");
            let due = keys::due_of(name)
                .ok_or_else(|| failure::corrupt("an entry of the due index", &self.dir))?;
            found.push(due);
            entries.next();
        }
        entries.status().map_err(|error| self.failed(&error))?;
        Ok(found)
    }

    fn wipe(&mut self) -> Result<()> {
        // Closes the database, whose files are about to be deleted.
        let reason = "wiping the local store did not finish".to_owned();
        self.database = Database::Failed(Error::Corrupt(reason));
        directory::discard(&self.dir)?;
        self.database = Database::Open(open(&self.dir, &self.settings.database)?);
        Ok(())
    }
}

impl Drop for RocksStore {
    /// Records when the store was last in use, for [`super::Stores::prune`].
    fn drop(&mut self) {
        if let Err(error) = directory::touch(&self.dir, SystemTime::now()) {
            tracing::debug!(%error, dir = %self.dir.display(), "last use of a store not noted");
        }
    }
}

const FAMILY: &str = rocksdb::DEFAULT_COLUMN_FAMILY_NAME;

fn open(dir: &Path, options: &Options) -> Result<Open> {
    std::fs::create_dir_all(dir).map_err(|error| failure::io(error, dir))?;
    remove_leftover(&dir.join(spill::FILE))?;
    let failed = |error| failure::reaction(&error, dir);
    let db = DB::open_cf_with_opts(options, dir, [(FAMILY, options.clone())]).map_err(failed)?;
    let mut first = db.raw_iterator();
    first.seek_to_first();
    let empty = AtomicBool::new(!first.valid());
    first.status().map_err(failed)?;
    drop(first);
    Ok(Open { db, empty })
}

/// Removes what a crash has left of a spill.
///
/// It may be a second name of a live database file, so it must be unlinked and never written to.
fn remove_leftover(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failure::io(error, file)),
        _ => Ok(()),
    }
}

/// Reads the checkpoint of the last spill.
pub(super) fn checkpoint_in(db: &DB, dir: &Path) -> Result<Option<Checkpoint>> {
    let bytes = db.get_pinned(keys::CHECKPOINT).map_err(|error| failure::reaction(&error, dir))?;
    bytes
        .map(|bytes| serde_json::from_slice(&bytes))
        .transpose()
        .map_err(|error| failure::corrupt(format!("the checkpoint: {error}"), dir))
}

/// Returns an iterator positioned at the first row after the key `after`.
fn rows_after<'a>(db: &'a DB, after: Option<&[u8]>) -> DBRawIterator<'a> {
    let mut first = Vec::new();
    match after {
        Some(key) => {
            keys::push_row(&mut first, key);
            // The smallest key past this one.
            first.push(0);
        }
        None => first.extend_from_slice(keys::ROW_RANGE.0),
    }
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(first);
    options.set_iterate_upper_bound(keys::ROW_RANGE.1);
    // A full scan must not evict what look-ups need.
    options.fill_cache(false);
    let mut entries = db.raw_iterator_opt(options);
    entries.seek_to_first();
    entries
}

/// Returns an iterator positioned at the first deadline after `after`.
///
/// The bounds keep it from scanning entries before `after` that have been removed, and entries that
/// are due later.
fn due_entries<'a>(db: &'a DB, after: Option<&Due>, until_ms: Timestamp) -> DBRawIterator<'a> {
    let mut first = Vec::new();
    match after {
        Some(after) => {
            keys::push_due(&mut first, after.at_ms, &after.key);
            // The smallest key past this one.
            first.push(0);
        }
        None => first.extend_from_slice(keys::DUE_RANGE.0),
    }
    let mut end = Vec::new();
    match until_ms.checked_add(1) {
        Some(later) => keys::push_due(&mut end, later, b""),
        None => end.extend_from_slice(keys::DUE_RANGE.1),
    }
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(first);
    options.set_iterate_upper_bound(end);
    let mut entries = db.raw_iterator_opt(options);
    entries.seek_to_first();
    entries
}
