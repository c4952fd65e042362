//! The operator.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Operator",
    about: "What `rollcall operator` exposes, in addition to the metrics of its process.",
    metrics: &[&RECONCILES, &ERRORS, &SECONDS, &QUEUE, &LEADER, &READY, &OBJECTS],
};

pub static RECONCILES: Metric = Metric::counter(
    "rollcall_operator_reconciles_total",
    "reconciles",
    "Reconciles of objects, by result",
)
.by(&[Label { name: "result", values: "`ok`, `error`" }]);

pub static ERRORS: Metric = Metric::counter(
    "rollcall_operator_reconcile_errors_total",
    "reconciles",
    "Reconciles that failed, by reason",
)
.by(&[Label { name: "reason", values: "the reasons of the object's conditions" }]);

pub static SECONDS: Metric =
    Metric::histogram("rollcall_operator_reconcile_seconds", "seconds", "Duration of a reconcile");

pub static QUEUE: Metric = Metric::gauge(
    "rollcall_operator_queue_length",
    "objects",
    "Objects that wait to be reconciled",
);

pub static LEADER: Metric = Metric::gauge(
    "rollcall_operator_leader",
    "boolean",
    "1 for the leader, 0 for replicas that stand by",
);

pub static READY: Metric = Metric::gauge(
    "rollcall_operator_ready",
    "boolean",
    "1 if the object's condition Ready is true, else 0; a paused object is ready",
)
.by(&[
    Label { name: "namespace", values: "of the object" },
    Label { name: "name", values: "of the object" },
]);

pub static OBJECTS: Metric =
    Metric::gauge("rollcall_operator_objects", "objects", "Reconciliations that the operator sees");
