//! What the schema registry was asked for.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Schemas",
    about: "The schemas of records, from a schema registry ([formats.md](formats.md)). Zero if no \
            input needs one.",
    metrics: &[&REQUESTS, &CACHED, &AWAITED],
};

pub static REQUESTS: Metric = Metric::counter(
    "rollcall_schema_requests_total",
    "requests",
    "Requests to the schema registry",
)
.by(&[Label {
    name: "result",
    values: "`found`; `unknown`: the registry does not have it; `failed`: no usable answer",
}]);

pub static CACHED: Metric =
    Metric::gauge("rollcall_schemas_cached", "schemas", "Schemas that the worker knows");

pub static AWAITED: Metric = Metric::gauge(
    "rollcall_schemas_awaited",
    "schemas",
    "Schemas that were asked for and are not there yet: shards wait for them",
);
