//! Rows in memory and on disk.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Store",
    about: "Rows in memory and on disk, of all shards of the worker. A row is looked up in three \
            steps: first among the rows in memory, which answer `rollcall_row_lookups_total` minus \
            the misses and the new keys; then among the keys known not to be in the store, \
            `rollcall_row_new_keys_total`; the rest, `rollcall_row_misses_total`, is looked up in \
            the store, whose blocks are in memory or on disk, \
            `rollcall_block_cache_lookups_total`.",
    metrics: &[
        &MEMORY_BUDGET,
        &ROW_CACHE_BYTES,
        &CACHED_ROWS,
        &ROW_LOOKUPS,
        &ROW_NEW_KEYS,
        &ROW_MISSES,
        &BLOCK_CACHE_LOOKUPS,
        &STORE_ROWS,
        &STORE_BYTES,
        &BLOCK_CACHE_BYTES,
        &UNMERGED_FILES,
        &STALL_SECONDS,
        &WRITE_STALL_SECONDS,
        &WRITES_STOPPED,
        &BACKGROUND_ERRORS,
        &BACKGROUND_FAILURES,
        &VOLUME_BYTES,
        &VOLUME_FREE_BYTES,
    ],
};

pub static MEMORY_BUDGET: Metric = Metric::gauge(
    "rollcall_memory_budget_bytes",
    "bytes",
    "Memory for rows, blocks, fetched records and transactions",
);

pub static ROW_CACHE_BYTES: Metric =
    Metric::gauge("rollcall_row_cache_bytes", "bytes", "Rows in memory");

pub static CACHED_ROWS: Metric = Metric::gauge(
    "rollcall_cached_rows",
    "keys",
    "Rows in memory, by stage",
)
.by(&[Label {
    name: "tier",
    values: "`overlay`: not committed; `dirty`: not in the store yet; `clean`: also in the store",
}]);

pub static ROW_LOOKUPS: Metric =
    Metric::counter("rollcall_row_lookups_total", "look-ups", "Rows looked up in memory");

pub static ROW_MISSES: Metric = Metric::counter(
    "rollcall_row_misses_total",
    "look-ups",
    "Rows that were not in memory and were looked up in the store",
);

pub static ROW_NEW_KEYS: Metric = Metric::counter(
    "rollcall_row_new_keys_total",
    "look-ups",
    "Rows that were not in memory and are known not to be in the store",
);

pub static BLOCK_CACHE_LOOKUPS: Metric = Metric::counter(
    "rollcall_block_cache_lookups_total",
    "look-ups",
    "Blocks of the local stores that were looked up in memory, as RocksDB counts them",
)
.by(&[Label { name: "result", values: "`hit`, `miss`: read from disk" }]);

pub static STORE_ROWS: Metric = Metric::gauge(
    "rollcall_store_entries",
    "entries",
    "Entries of the local stores, as RocksDB estimates: rows and their deadlines",
);

pub static STORE_BYTES: Metric =
    Metric::gauge("rollcall_store_bytes", "bytes", "Live files of the local stores");

pub static BLOCK_CACHE_BYTES: Metric =
    Metric::gauge("rollcall_block_cache_bytes", "bytes", "Blocks of the local stores in memory");

pub static UNMERGED_FILES: Metric = Metric::gauge(
    "rollcall_store_unmerged_files",
    "files",
    "Spilled files not yet merged, for the shard that has the most",
);

pub static STALL_SECONDS: Metric = Metric::counter(
    "rollcall_store_stall_seconds_total",
    "seconds",
    "Time that spills waited for merging to catch up",
);

pub static WRITE_STALL_SECONDS: Metric = Metric::counter(
    "rollcall_store_write_stall_seconds_total",
    "seconds",
    "Time for which RocksDB itself stalled writes",
);

pub static WRITES_STOPPED: Metric = Metric::gauge(
    "rollcall_store_writes_stopped",
    "stores",
    "Stores whose writes RocksDB currently stops",
);

pub static BACKGROUND_ERRORS: Metric = Metric::gauge(
    "rollcall_store_background_errors",
    "errors",
    "Errors of RocksDB's background threads in open stores",
);

pub static BACKGROUND_FAILURES: Metric = Metric::counter(
    "rollcall_store_background_failures_total",
    "errors",
    "Errors of RocksDB's background threads since the start, including stores closed since",
);

const VOLUME: Label = Label { name: "volume", values: "`state`: the one with `--state-dir`" };

pub static VOLUME_BYTES: Metric =
    Metric::gauge("rollcall_volume_size_bytes", "bytes", "Size of the file system").by(&[VOLUME]);

pub static VOLUME_FREE_BYTES: Metric = Metric::gauge(
    "rollcall_volume_free_bytes",
    "bytes",
    "Space on the file system that this process may still use",
)
.by(&[VOLUME]);
