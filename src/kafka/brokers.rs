//! What a client has measured on its way to the brokers.

use std::time::Duration;

use rdkafka::statistics::{Broker, Statistics};

/// One broker as a client sees it; counts since the client was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerFigures {
    pub id: i32,
    /// Mean time until an answer, over the last interval; `None` without any.
    pub round_trip: Option<Duration>,
    /// Requests sent again.
    pub retries: u64,
    /// Requests never answered.
    pub timeouts: u64,
    /// Requests that could not be sent, and answers that could not be read.
    pub errors: u64,
}

/// Returns the brokers in the order of their ids.
pub(super) fn of(statistics: &Statistics) -> Vec<BrokerFigures> {
    // Besides the brokers there are their addresses as configured, and handles for coordinators.
    let known = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
    let mut figures: Vec<BrokerFigures> = Vec::new();
    for broker in known {
        let of = figures_of(broker);
        match figures.iter_mut().find(|figures| figures.id == of.id) {
            Some(same) => same.add(&of),
            None => figures.push(of),
        }
    }
    figures.sort_unstable_by_key(|broker| broker.id);
    figures
}

fn figures_of(broker: &Broker) -> BrokerFigures {
    let answered = broker.rtt.as_ref().filter(|window| window.cnt > 0);
    let micros = answered.and_then(|window| u64::try_from(window.avg).ok());
    BrokerFigures {
        id: broker.nodeid,
        round_trip: micros.map(Duration::from_micros),
        retries: broker.txretries,
        timeouts: broker.req_timeouts,
        errors: broker.txerrs + broker.rxerrs,
    }
}

impl BrokerFigures {
    /// Adds what another connection to the same broker has seen; the slower one counts.
    fn add(&mut self, other: &Self) {
        self.round_trip = self.round_trip.max(other.round_trip);
        self.retries += other.retries;
        self.timeouts += other.timeouts;
        self.errors += other.errors;
    }
}
