//! What happened to keys, in the words of `docs/semantics.md`.

use super::{Group, SHARD};
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Business",
    about: "What happened to keys. The outcomes are those of [semantics.md](semantics.md): \
            `expected` opens a key, `amended` replaces what it needs, `cancelled`, `overdue`, \
            `orphaned` and `expired` are told as such. The states of `rollcall_rows` exclude each \
            other: keys that wait for items are `open` plus `overdue`.",
    metrics: &[&OUTCOMES, &COMPLETIONS, &COMPLETION_SECONDS, &ROWS, &LAST_COMPLETION],
};

pub static OUTCOMES: Metric =
    Metric::counter("rollcall_outcomes_total", "events", "What events did to their keys")
        .by(&[Label { name: "outcome", values: "the 18 outcomes of semantics.md" }]);

pub static COMPLETIONS: Metric = Metric::counter(
    "rollcall_completions_total",
    "keys",
    "Keys completed, told apart by whether they had been reported overdue before",
)
.by(&[Label { name: "late", values: "`true`, `false`" }]);

pub static COMPLETION_SECONDS: Metric = Metric::histogram(
    "rollcall_completion_seconds",
    "seconds",
    "Time from a key's expectation to its completion, by the records' timestamps",
);

pub static ROWS: Metric =
    Metric::gauge("rollcall_rows", "keys", "Keys known, by the state they are in").by(&[
        SHARD,
        Label { name: "state", values: "`open`, `overdue`, `unexpected`, `finished`" },
    ]);

pub static LAST_COMPLETION: Metric = Metric::gauge(
    "rollcall_last_completion_timestamp_seconds",
    "seconds",
    "When a completion was last committed, since the epoch",
);
