//! What happened to keys, in the words of `docs/semantics.md`.

use super::{Group, SHARD_OR_OTHERS};
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Business",
    about: "What happened to keys. The outcomes are those of [semantics.md](semantics.md): \
            `expected` opens a key, `amended` replaces what it needs; `cancelled`, `overdue`, \
            `orphaned` and `expired` mean what they say. The states of `rollcall_rows` exclude \
            each other: keys that wait for items are `open` plus `overdue`. The console, the \
            state API and the object's status report both together as open (`openKeys`), and \
            how many of them are overdue (`overdueKeys`). The age of the oldest open key is \
            known to within a sixteenth of the time span that open keys have covered: it is at \
            least the metric's value, so an alert on it never fires too early. The console \
            lists the keys themselves.",
    metrics: &[
        &OUTCOMES,
        &COMPLETIONS,
        &FAILURES,
        &COMPLETION_SECONDS,
        &ROWS,
        &OLDEST_OPEN,
        &OVERDUE_AFTER,
        &LAST_COMPLETION,
    ],
};

pub static OUTCOMES: Metric =
    Metric::counter("rollcall_outcomes_total", "events", "Effects of events on their keys")
        .by(&[Label { name: "outcome", values: "the 21 outcomes of semantics.md" }]);

pub static COMPLETIONS: Metric = Metric::counter(
    "rollcall_completions_total",
    "keys",
    "Keys completed, by whether they had been reported as overdue before",
)
.by(&[Label { name: "late", values: "`true`, `false`" }]);

pub static FAILURES: Metric = Metric::counter(
    "rollcall_failures_total",
    "keys",
    "Keys that failed, by whether they had been reported as overdue before",
)
.by(&[Label { name: "late", values: "`true`, `false`" }]);

pub static COMPLETION_SECONDS: Metric = Metric::histogram(
    "rollcall_completion_seconds",
    "seconds",
    "Time from a key's expectation to its completion, by the records' timestamps",
);

pub static ROWS: Metric = Metric::gauge("rollcall_rows", "keys", "Known keys, by state").by(&[
    SHARD_OR_OTHERS,
    Label { name: "state", values: "`open`, `overdue`, `unexpected`, `finished`" },
]);

pub static OLDEST_OPEN: Metric = Metric::gauge(
    "rollcall_oldest_open_seconds",
    "seconds",
    "Minimum time that the oldest open key has waited since its expectation's timestamp; 0 if \
     none is open",
)
.by(&[SHARD_OR_OTHERS]);

pub static OVERDUE_AFTER: Metric = Metric::gauge(
    "rollcall_overdue_after_seconds",
    "seconds",
    "Time after which a key is reported as overdue, from the object; absent if keys never are",
);

pub static LAST_COMPLETION: Metric = Metric::gauge(
    "rollcall_last_completion_timestamp_seconds",
    "seconds",
    "When a completion was last committed, since the epoch",
);
