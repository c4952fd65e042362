//! Rows in memory and on disk.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Store",
    about: "Rows in memory and on disk, of all shards of the worker. The share of look-ups that \
            memory answers is 1 minus the rate of misses divided by the rate of look-ups.",
    metrics: &[
        &ROW_CACHE_BYTES,
        &ROW_LOOKUPS,
        &ROW_MISSES,
        &STORE_ROWS,
        &STORE_BYTES,
        &BLOCK_CACHE_BYTES,
        &UNMERGED_FILES,
        &STALL_SECONDS,
        &BACKGROUND_ERRORS,
        &VOLUME_BYTES,
        &VOLUME_FREE_BYTES,
    ],
};

pub static ROW_CACHE_BYTES: Metric =
    Metric::gauge("rollcall_row_cache_bytes", "bytes", "Rows in memory");

pub static ROW_LOOKUPS: Metric =
    Metric::counter("rollcall_row_lookups_total", "look-ups", "Rows looked up in memory");

pub static ROW_MISSES: Metric = Metric::counter(
    "rollcall_row_misses_total",
    "look-ups",
    "Rows that were not in memory and were looked up in the store",
);

pub static STORE_ROWS: Metric = Metric::gauge(
    "rollcall_store_entries",
    "entries",
    "Entries of the local stores, as RocksDB estimates: rows, and their deadlines",
);

pub static STORE_BYTES: Metric =
    Metric::gauge("rollcall_store_bytes", "bytes", "Live files of the local stores");

pub static BLOCK_CACHE_BYTES: Metric =
    Metric::gauge("rollcall_block_cache_bytes", "bytes", "Blocks of the local stores in memory");

pub static UNMERGED_FILES: Metric = Metric::gauge(
    "rollcall_store_unmerged_files",
    "files",
    "Spilled files not yet merged, of the shard that has the most",
);

pub static STALL_SECONDS: Metric = Metric::counter(
    "rollcall_store_stall_seconds_total",
    "seconds",
    "Time that spills waited for merging to catch up",
);

pub static BACKGROUND_ERRORS: Metric = Metric::gauge(
    "rollcall_store_background_errors",
    "errors",
    "Errors of RocksDB's background threads in the stores that are open",
);

const VOLUME: Label = Label { name: "volume", values: "`state`: where `--state-dir` lies" };

pub static VOLUME_BYTES: Metric =
    Metric::gauge("rollcall_volume_size_bytes", "bytes", "Size of the file system").by(&[VOLUME]);

pub static VOLUME_FREE_BYTES: Metric = Metric::gauge(
    "rollcall_volume_free_bytes",
    "bytes",
    "Room on the file system that this process may use",
)
.by(&[VOLUME]);
