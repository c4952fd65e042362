//! What a client has measured on its way to the brokers.

use std::{collections::BTreeMap, time::Duration};

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
///
/// The group's coordinator has a connection of its own, which has no id but the same address as
/// one that has. What was only configured and never answered has no id at all.
pub(super) fn of(statistics: &Statistics) -> Vec<BrokerFigures> {
    let mut connections: BTreeMap<&str, Vec<&Broker>> = BTreeMap::new();
    for broker in statistics.brokers.values() {
        connections.entry(&broker.nodename).or_default().push(broker);
    }
    let mut figures: Vec<_> =
        connections.values().filter_map(|connections| together(connections)).collect();
    figures.sort_unstable_by_key(|broker| broker.id);
    figures
}

/// Returns the figures of all connections to one broker, if its id is known.
fn together(connections: &[&Broker]) -> Option<BrokerFigures> {
    let id = connections.iter().map(|broker| broker.nodeid).max().filter(|id| *id >= 0)?;
    let windows = || connections.iter().filter_map(|broker| broker.rtt.as_ref());
    let answers: i64 = windows().map(|window| window.cnt).sum();
    let micros: i64 = windows().map(|window| window.sum).sum();
    let sum = |count: fn(&Broker) -> u64| connections.iter().map(|broker| count(broker)).sum();
    Some(BrokerFigures {
        id,
        round_trip: (answers > 0)
            .then(|| Duration::from_micros(u64::try_from(micros / answers).unwrap_or(0))),
        retries: sum(|broker| broker.txretries),
        timeouts: sum(|broker| broker.req_timeouts),
        errors: sum(|broker| broker.txerrs + broker.rxerrs),
    })
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::Window;

    use super::*;

    fn connection(nodeid: i32, nodename: &str, answers: i64, micros: i64) -> Broker {
        Broker {
            nodeid,
            nodename: nodename.to_owned(),
            txretries: 2,
            rtt: Some(Window { cnt: answers, sum: micros, ..Window::default() }),
            ..Broker::default()
        }
    }

    #[test]
    fn the_coordinators_connection_counts_for_the_broker_that_it_goes_to() {
        let mut statistics = Statistics::default();
        for (name, broker) in [
            ("k:9092/7", connection(7, "k:9092", 1, 70_000)),
            ("GroupCoordinator", connection(-1, "k:9092", 9, 10_000)),
            ("l:9092/3", connection(3, "l:9092", 0, 0)),
            ("m:9092/bootstrap", connection(-1, "m:9092", 5, 5)),
        ] {
            statistics.brokers.insert(name.to_owned(), broker);
        }
        let told = of(&statistics);
        assert_eq!(told.iter().map(|broker| broker.id).collect::<Vec<_>>(), [3, 7]);
        assert_eq!(told[0].round_trip, None);
        assert_eq!(told[1].round_trip, Some(Duration::from_millis(8)));
        assert_eq!(told[1].retries, 4);
    }
}
