//! RocksDB's settings, each with its reason.
//!
//! They are chosen for spills that each span the whole key range, look-ups that mostly find
//! nothing, a memory bound independent of the size of the state, and two cores that should not be
//! busy with compaction.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rocksdb::statistics::{StatsLevel, Ticker};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompactionStyle, DBCompressionType,
    DataBlockIndexType, Env, InfoLogger, IngestExternalFileOptions, LogLevel, LruCacheOptions,
    Options, UniversalCompactOptions,
};

use super::Counts;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Number of sorted runs at which RocksDB starts to compact. Every run costs each look-up a filter
/// probe, and every compaction rewrites rows: with one look-up for each row spilled, 6 had the
/// lowest total CPU cost of the 4, 6, 8 and 10 that were measured.
const RUNS_TO_MERGE: i32 = 6;
/// Number of unmerged spill files at which the next spill waits; RocksDB itself does not slow down
/// ingestion.
pub(super) const UNMERGED_FILES_MAX: u64 = 24;

/// What the databases of one process share.
pub(super) struct Settings {
    pub(super) database: Options,
    pub(super) spilled_file: Options,
    stalled_nanos: AtomicU64,
}

impl Settings {
    /// Returns settings that share one cache and one set of threads.
    pub(super) fn new(cache_bytes: usize) -> std::result::Result<Self, rocksdb::Error> {
        let database = read_write(&block_cache(cache_bytes), &env()?);
        let stalled_nanos = AtomicU64::new(0);
        Ok(Self { spilled_file: spilled_file(&database), database, stalled_nanos })
    }

    /// Records that a spill has waited for compaction.
    pub(super) fn stalled(&self, wait: Duration) {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.stalled_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns RocksDB's counts since the start, for all databases.
    pub(super) fn counts(&self) -> Counts {
        let count = |ticker| self.database.get_ticker_count(ticker);
        Counts {
            spills_waited: Duration::from_nanos(self.stalled_nanos.load(Ordering::Relaxed)),
            writes_stalled: Duration::from_micros(count(Ticker::StallMicros)),
            block_hits: count(Ticker::BlockCacheHit),
            block_misses: count(Ticker::BlockCacheMiss),
            background_errors: count(Ticker::ErrorHandlerBgErrorCount),
        }
    }
}

fn read_write(cache: &Cache, env: &Env) -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_env(env);
    table_format(&mut options, cache);
    compaction(&mut options);
    files(&mut options);
    memtable(&mut options);
    // Counters only: times and histograms would make a look-up too expensive.
    options.enable_statistics();
    options.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
    // Nobody reads the log files of many small databases: important lines go to our own log.
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, |level, message| {
        // Levels are not ordered by severity: every opening writes pages of "headers", which pass
        // the threshold.
        match level {
            LogLevel::Error | LogLevel::Fatal => tracing::error!(message, "rocksdb"),
            LogLevel::Warn => tracing::debug!(message, "rocksdb"),
            LogLevel::Debug | LogLevel::Info | LogLevel::Header => {}
        }
    }));
    options
}

/// Returns the settings for reading a database that another process may be writing.
pub(super) fn read_only(cache_bytes: usize) -> Options {
    let mut options = Options::default();
    table_format(&mut options, &block_cache(cache_bytes));
    // All files are opened at once and stay readable after the owner deletes them.
    options.set_max_open_files(-1);
    options.set_skip_stats_update_on_db_open(true);
    // Without our own logger, RocksDB would create log files in the owner's directory.
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| {}));
    options
}

/// Returns the cache of blocks, indexes and filters that all databases share.
fn block_cache(bytes: usize) -> Cache {
    let mut options = LruCacheOptions::default();
    options.set_capacity(bytes);
    // Few threads look rows up: four parts are enough to avoid contention, and larger parts keep to
    // the bound better.
    options.set_num_shard_bits(2);
    Cache::new_lru_cache_opts(&options)
}

/// Returns the environment with the background threads that all databases share.
fn env() -> std::result::Result<Env, rocksdb::Error> {
    let mut env = Env::new()?;
    // Compaction is limited across all shards, however many there are. Two threads, so that a large
    // compaction of one shard does not block small ones of the others.
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    env.set_background_threads(if cores > 1 { 2 } else { 1 });
    // At normal priority: when compaction starves, look-ups search more runs, which costs a busy
    // worker more than the compaction does (four times the CPU for a miss).
    Ok(env)
}

/// Returns the settings of a spill file, for a database with the settings `database`.
fn spilled_file(database: &Options) -> Options {
    let mut options = database.clone();
    // The first compaction soon rewrites it: compressing it would cost a quarter of the spill's
    // time.
    options.set_compression_type(DBCompressionType::None);
    options
}

/// Returns how a spill is ingested.
pub(super) fn ingestion() -> IngestExternalFileOptions {
    let mut options = IngestExternalFileOptions::default();
    // The file is linked, not copied.
    options.set_move_files(true);
    // Memtables are always empty. If one ever were not, an error is better than a hidden flush.
    options.set_allow_blocking_flush(false);
    options
}

fn table_format(options: &mut Options, cache: &Cache) {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    // Finding a row means reading and decompressing one block: small blocks, since look-ups are
    // random.
    table.set_block_size(4 * KIB);
    // Most look-ups are for new keys: with these filters, 1 % of them read a block needlessly.
    table.set_bloom_filter(10.0, false);
    // Indexes and filters grow with the state, so they are kept in the bounded cache. They are
    // partitioned, since a whole filter would evict everything else from a small cache; the
    // partitions are large enough that the sorted keys of one look-up share them.
    table.set_cache_index_and_filter_blocks(true);
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(16 * KIB);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    // The top level is a few bytes for each partition, and every look-up needs it.
    table.set_pin_top_level_index_and_filter(true);
    // A hash index inside each block avoids the binary search.
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    table.set_format_version(6);
    options.set_block_based_table_factory(&table);
    // Merged files are read and kept for long: a third smaller for little CPU.
    options.set_compression_type(DBCompressionType::Lz4);
}

fn compaction(options: &mut Options) {
    // Every spill spans all keys, so leveled compaction would rewrite the whole first level for a
    // few rows. Universal compaction merges files of similar size.
    options.set_compaction_style(DBCompactionStyle::Universal);
    let mut universal = UniversalCompactOptions::default();
    universal.set_size_ratio(10);
    // Rewritten and forgotten rows may take as much space as the live ones.
    universal.set_max_size_amplification_percent(100);
    options.set_universal_compaction_options(&universal);
    options.set_level_zero_file_num_compaction_trigger(RUNS_TO_MERGE);
    // Merged data is deleted file by file, and indexes and filters are built file by file.
    options.set_target_file_size_base(16 * MIB as u64);
    // One compaction of a shard at a time; `env` limits them across all shards.
    options.set_max_background_jobs(2);
    // The default of 2 MiB for every file being merged does not fit a bounded budget.
    options.set_compaction_readahead_size(256 * KIB);
    options.set_writable_file_max_buffer_size(256 * KIB as u64);
    // Dirty pages are written steadily instead of in one long sync at the end.
    options.set_bytes_per_sync(MIB as u64);
}

fn files(options: &mut Options) {
    // Opened on demand, few at a time: many shards share the process's file descriptors.
    options.set_max_open_files(64);
    options.set_max_file_opening_threads(1);
    options.set_table_cache_num_shard_bits(2);
    // Opening a store reads its manifest, which must not grow for the lifetime of the process.
    options.set_max_manifest_file_size(4 * MIB);
    options.set_manifest_preallocation_size(64 * KIB);
    // Of RocksDB's statistics only a few counters are read, when metrics are scraped; collecting
    // statistics in between would read files or wake a thread.
    options.set_skip_stats_update_on_db_open(true);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
}

fn memtable(options: &mut Options) {
    // Never written to; the smallest that RocksDB accepts.
    options.set_write_buffer_size(64 * KIB);
    options.set_max_write_buffer_number(2);
}
