//! Restoring a shard's rows.

use super::{Group, SHARD, SHARD_OR_OTHERS};
use crate::metrics::Metric;

pub static GROUP: Group = Group {
    title: "Restore",
    about: "Restoring a shard's rows. The remaining work is given in offsets of the changelog, \
            some of which hold no record.",
    metrics: &[&REMAINING, &RESTORED, &OPEN_SECONDS],
};

pub static REMAINING: Metric = Metric::gauge(
    "rollcall_restore_remaining_offsets",
    "offsets",
    "Changelog offsets still to be read by a shard that is being opened",
)
.by(&[SHARD]);

pub static RESTORED: Metric = Metric::counter(
    "rollcall_restored_records_total",
    "records",
    "Changelog records read to restore rows, counted as they are read",
);

pub static OPEN_SECONDS: Metric = Metric::gauge(
    "rollcall_last_open_seconds",
    "seconds",
    "Duration of the last opening of a shard: fencing, offsets and restore",
)
.by(&[SHARD_OR_OTHERS]);
