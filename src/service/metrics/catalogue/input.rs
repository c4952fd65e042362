//! Progress on the input, and records that could not be used.

use super::{Group, SHARD, SHARD_OR_OTHERS, SOME_SHARD, TOPIC};
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Input",
    about: "Progress on the input. Lag in seconds is the age of the newest record that was \
            processed, while there is more to read. It is 0 once everything is read; if an open \
            transaction hides the rest, it is the time since that transaction began.",
    metrics: &[
        &RECORDS,
        &SKIPPED,
        &NEXT_OFFSET,
        &LAG_RECORDS,
        &LAG_SECONDS,
        &OPEN_TRANSACTION_SECONDS,
        &UNUSABLE_TIMES,
        &DEAD_LETTERS,
        &WRONG_PARTITION,
        &LOST,
        &RECREATED,
    ],
};

pub static RECORDS: Metric =
    Metric::counter("rollcall_records_total", "records", "Input records processed")
        .by(&[SHARD, TOPIC]);

pub static SKIPPED: Metric = Metric::counter(
    "rollcall_skipped_records_total",
    "records",
    "Input records that belong to no entry of their topic, since no `where` holds for them",
)
.by(&[TOPIC]);

pub static NEXT_OFFSET: Metric =
    Metric::gauge("rollcall_next_offset", "offset", "First input offset not yet processed")
        .by(&[SOME_SHARD, TOPIC]);

pub static LAG_RECORDS: Metric =
    Metric::gauge("rollcall_lag_records", "offsets", "Input offsets still to be read")
        .by(&[SHARD_OR_OTHERS, TOPIC]);

pub static LAG_SECONDS: Metric = Metric::gauge(
    "rollcall_lag_seconds",
    "seconds",
    "Age of the newest record processed while there are offsets to read, else 0",
)
.by(&[SHARD_OR_OTHERS, TOPIC]);

pub static OPEN_TRANSACTION_SECONDS: Metric = Metric::gauge(
    "rollcall_open_transaction_seconds",
    "seconds",
    "Time for which an open transaction of a producer has hidden later input, else 0",
)
.by(&[SHARD_OR_OTHERS, TOPIC]);

pub static UNUSABLE_TIMES: Metric = Metric::counter(
    "rollcall_records_unusable_time_total",
    "records",
    "Input records without a timestamp, or with one outside of `spec.limits`: the wall clock \
     is used for them",
)
.by(&[TOPIC]);

pub static DEAD_LETTERS: Metric = Metric::counter(
    "rollcall_dead_letters_total",
    "records",
    "Input records that could not be used",
)
.by(&[Label { name: "reason", values: "the 17 reasons of semantics.md" }]);

pub static WRONG_PARTITION: Metric = Metric::counter(
    "rollcall_wrong_partition_records_total",
    "records",
    "Dead letters that were in another partition than their key belongs to",
)
.by(&[TOPIC]);

pub static LOST: Metric = Metric::counter(
    "rollcall_lost_records_total",
    "offsets",
    "Input offsets that Kafka had deleted before they were processed",
);

pub static RECREATED: Metric = Metric::counter(
    "rollcall_inputs_recreated_total",
    "partitions",
    "Input partitions that were read from the start because their topic was recreated",
);
