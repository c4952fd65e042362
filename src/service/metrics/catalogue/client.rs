//! Requests to the brokers.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Client",
    about: "Requests to the brokers, as librdkafka measures them every ten seconds. The group's \
            `member` fetches nothing: its round trips are those of small requests that a broker \
            answers at once. Those of `producer` are what a commit waits for, including \
            replication; those of `data` and `reader` contain up to 20 ms that a broker waits for \
            records. A `reader` exists while a shard is restored.",
    metrics: &[&ROUND_TRIP, &RETRIES, &TIMEOUTS, &ERRORS],
};

const BROKER: Label = Label { name: "broker", values: "the brokers' ids" };
const CLIENT: Label = Label { name: "client", values: "`member`, `data`, `producer`" };

pub static ROUND_TRIP: Metric = Metric::gauge(
    "rollcall_broker_round_trip_seconds",
    "seconds",
    "Mean time until a broker answered, over the last interval",
)
.by(&[BROKER, CLIENT]);

pub static RETRIES: Metric =
    Metric::counter("rollcall_broker_retries_total", "requests", "Requests sent again")
        .by(&[BROKER, CLIENT]);

pub static TIMEOUTS: Metric =
    Metric::counter("rollcall_broker_timeouts_total", "requests", "Requests never answered")
        .by(&[BROKER, CLIENT]);

pub static ERRORS: Metric = Metric::counter(
    "rollcall_broker_errors_total",
    "errors",
    "Requests that could not be sent, and answers that could not be read",
)
.by(&[BROKER, CLIENT]);
