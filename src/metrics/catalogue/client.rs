//! The way to the brokers.

use super::Group;
use crate::metrics::{Label, Metric};

pub static GROUP: Group = Group {
    title: "Client",
    about: "The way to the brokers, as the group's member sees it every ten seconds. It fetches \
            nothing, so its round trips are those of small requests that a broker answers at once.",
    metrics: &[&ROUND_TRIP, &RETRIES, &TIMEOUTS, &ERRORS],
};

const BROKER: Label = Label { name: "broker", values: "the brokers' ids" };

pub static ROUND_TRIP: Metric = Metric::gauge(
    "rollcall_broker_round_trip_seconds",
    "seconds",
    "Mean time until a broker answered, over the last interval",
)
.by(&[BROKER]);

pub static RETRIES: Metric =
    Metric::counter("rollcall_broker_retries_total", "requests", "Requests sent again")
        .by(&[BROKER]);

pub static TIMEOUTS: Metric =
    Metric::counter("rollcall_broker_timeouts_total", "requests", "Requests never answered")
        .by(&[BROKER]);

pub static ERRORS: Metric = Metric::counter(
    "rollcall_broker_errors_total",
    "errors",
    "Requests that could not be sent, and answers that could not be read",
)
.by(&[BROKER]);
