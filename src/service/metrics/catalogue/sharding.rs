//! Which worker has which shard, and how that changes.

use super::{Group, REACTION, SHARD};
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Sharding",
    about: "Which worker has which shard: see the label `worker` of `rollcall_shard_state`. A \
            shard without a series has no owner. A thread's stall is the time since its last \
            progress; a thread that waits for work is not stalled.",
    metrics: &[
        &PARTITIONS,
        &JOINED,
        &TROUBLE,
        &SHARD_ROOM,
        &SHARD_STATE,
        &SHARD_FAILURES,
        &INVARIANT_VIOLATIONS,
        &REBALANCES,
        &REVOCATIONS,
        &REVOCATION_SECONDS,
        &THREAD_STALLED,
    ],
};

pub static PARTITIONS: Metric = Metric::gauge(
    "rollcall_partitions",
    "shards",
    "Partitions of every input topic; the workers together have to own all of them",
);

pub static JOINED: Metric =
    Metric::gauge("rollcall_joined", "boolean", "1 while this worker is a member of the group");

pub static TROUBLE: Metric = Metric::gauge(
    "rollcall_trouble",
    "boolean",
    "1 for each problem that keeps this worker as a whole from working, or that needs attention",
)
.by(&[Label { name: "reason", values: "as in the `Ready` condition: `BrokerUnreachable`, …" }]);

pub static SHARD_ROOM: Metric = Metric::gauge(
    "rollcall_shard_room",
    "shards",
    "Further shards that the system's limits on threads and open files allow",
);

pub static SHARD_STATE: Metric = Metric::gauge(
    "rollcall_shard_state",
    "boolean",
    "1 for the state that a shard of this worker is in",
)
.by(&[SHARD, Label { name: "state", values: "`opening`, `running`, `waiting`, `stopped`" }]);

pub static SHARD_FAILURES: Metric = Metric::counter(
    "rollcall_shard_failures_total",
    "failures",
    "Failures after which a shard had to be opened again, by reaction",
)
.by(&[REACTION]);

pub static INVARIANT_VIOLATIONS: Metric = Metric::counter(
    "rollcall_invariant_violations_total",
    "violations",
    "Violations of invariants: bugs in Rollcall, after which a shard was opened again",
)
.by(&[Label { name: "invariant", values: "`R-1` to `R-7` of docs/architecture.md" }]);

pub static REBALANCES: Metric = Metric::counter(
    "rollcall_rebalances_total",
    "rebalances",
    "Generations of the group that this worker has seen, by effect on the worker",
)
.by(&[Label {
    name: "reason",
    values: "`joined`: it joined; `gained`: it gained shards; `others`: other workers came or went",
}]);

pub static REVOCATIONS: Metric = Metric::counter(
    "rollcall_revocations_total",
    "revocations",
    "How often the group took shards from this worker",
)
.by(&[Label {
    name: "reason",
    values: "`rebalance`: others get them; `lost`: its session has ended; `refused`: another \
             process has its name; `stopping`: it leaves the group",
}]);

pub static REVOCATION_SECONDS: Metric = Metric::counter(
    "rollcall_revocation_seconds_total",
    "seconds",
    "Time spent giving up shards, which delays the group's rebalance",
);

pub static THREAD_STALLED: Metric = Metric::gauge(
    "rollcall_thread_stalled_seconds",
    "seconds",
    "Time since a thread with work to do last made progress",
)
.by(&[Label { name: "thread", values: "`membership`, `supervisor`, `lane-N`, `commit-N`" }]);
