//! What happened to keys, in the words of `docs/semantics.md`.

use super::{Group, SHARD};
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Business",
    about: "What happened to keys. The outcomes are those of [semantics.md](semantics.md): \
            `expected` opens a key, `amended` replaces what it needs, `cancelled`, `overdue`, \
            `orphaned` and `expired` are told as such. The states of `rollcall_rows` exclude each \
            other: keys that wait for items are `open` plus `overdue`. The console, the state API \
            and the object's status tell those together as open (`openKeys`), and how many of them \
            are overdue beside it (`overdueKeys`). Of the oldest open key it is \
            known within a sixteenth of the time over which open keys have stretched: its age \
            is at least what the metric tells, so an alert on it never fires too early. The \
            console lists the keys themselves.",
    metrics: &[
        &OUTCOMES,
        &COMPLETIONS,
        &COMPLETION_SECONDS,
        &ROWS,
        &OLDEST_OPEN,
        &OVERDUE_AFTER,
        &LAST_COMPLETION,
    ],
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

pub static OLDEST_OPEN: Metric = Metric::gauge(
    "rollcall_oldest_open_seconds",
    "seconds",
    "Time that the oldest open key has waited at least, since its expectation's timestamp; 0 if \
     none is open",
)
.by(&[SHARD]);

pub static OVERDUE_AFTER: Metric = Metric::gauge(
    "rollcall_overdue_after_seconds",
    "seconds",
    "Time after which a key is reported overdue, as the object says; absent where none is",
);

pub static LAST_COMPLETION: Metric = Metric::gauge(
    "rollcall_last_completion_timestamp_seconds",
    "seconds",
    "When a completion was last committed, since the epoch",
);
