//! Transactions.

use super::{Group, LANE, REACTION};
use crate::metrics::Metric;

pub static GROUP: Group = Group {
    title: "Commits",
    about: "A transaction holds the commits of all shards of a lane that have something to commit. \
            Commits are counted by shard: their number is `rollcall_commit_seconds_count`; the \
            records and bytes of one are the rates of the counters divided by its rate.",
    metrics: &[
        &TRANSACTIONS,
        &PAUSE,
        &SECONDS,
        &FAILURES,
        &CHANGELOG_RECORDS,
        &OUTPUT_RECORDS,
        &BYTES,
        &LARGE_ROWS,
        &LARGE_ROW_BYTES,
    ],
};

pub static TRANSACTIONS: Metric = Metric::counter(
    "rollcall_transactions_total",
    "transactions",
    "Transactions committed; each holds the commits of several shards",
);

pub static PAUSE: Metric = Metric::gauge(
    "rollcall_commit_pause_seconds",
    "seconds",
    "Pause between the starts of two transactions without a backlog, which grows with the number \
     of partitions that they touch",
)
.by(&[LANE]);

pub static SECONDS: Metric = Metric::histogram(
    "rollcall_commit_seconds",
    "seconds",
    "Duration of a shard's commit: that of the transaction on Kafka which holds it",
);

pub static FAILURES: Metric = Metric::counter(
    "rollcall_commit_failures_total",
    "commits",
    "Commits of shards that failed, by reaction",
)
.by(&[REACTION]);

pub static CHANGELOG_RECORDS: Metric =
    Metric::counter("rollcall_changelog_records_total", "records", "Rows committed");

pub static OUTPUT_RECORDS: Metric = Metric::counter(
    "rollcall_output_records_total",
    "records",
    "Completions, overdue reports and dead letters committed",
);

pub static BYTES: Metric = Metric::counter(
    "rollcall_committed_bytes_total",
    "bytes",
    "Keys and values of rows and outputs committed",
);

pub static LARGE_ROWS: Metric = Metric::counter(
    "rollcall_large_rows_total",
    "records",
    "Committed rows of more than 64 KiB: keys with very many items",
);

pub static LARGE_ROW_BYTES: Metric =
    Metric::counter("rollcall_large_row_bytes_total", "bytes", "Size of those rows");
