//! Outcomes of spans.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Traces",
    about: "Outcomes of the spans that the worker exports to an OpenTelemetry collector \
            ([tracing.md](tracing.md)). Without a collector there are none.",
    metrics: &[&SENT, &DROPPED],
};

pub static SENT: Metric =
    Metric::counter("rollcall_spans_sent_total", "spans", "Spans that the collector has accepted");

pub static DROPPED: Metric = Metric::counter(
    "rollcall_spans_dropped_total",
    "spans",
    "Spans that no collector has received",
)
.by(&[Label {
    name: "reason",
    values: "`queue-full`: there were more than the collector accepted in time; `refused`: \
                     it could not be reached, or did not accept them",
}]);
