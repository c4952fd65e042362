//! Measurements of the clients of a process about the brokers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;

use super::contact::{Contact, Up};

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// Belongs to the group and fetches nothing.
    Member,
    /// Reads a lane's inputs.
    Data,
    /// Commits a shard's transactions.
    Producer,
}

impl Client {
    /// Returns the name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Data => "data",
            Self::Producer => "producer",
        }
    }
}

/// One broker as seen by the clients of one kind; counts are since the start of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerFigures {
    pub client: Client,
    pub id: i32,
    /// Mean time until a response, over the last interval of each client; `None` without responses.
    pub round_trip: Option<Duration>,
    /// Requests sent again.
    pub retries: u64,
    /// Requests never answered.
    pub timeouts: u64,
    /// Requests that could not be sent, and responses that could not be parsed.
    pub errors: u64,
}

/// The measurements of all clients of a process. Counts outlive the clients, so that they never
/// decrease.
#[derive(Debug, Default)]
pub struct Brokers {
    meters: AtomicU64,
    seen: Mutex<Seen>,
    /// Whether the brokers answer at all.
    pub contact: Contact,
}

#[derive(Debug, Default)]
struct Seen {
    counts: BTreeMap<(Client, i32), Counts>,
    /// By client, then by meter in use.
    answers: BTreeMap<(Client, u64), BTreeMap<i32, Answers>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    retries: u64,
    timeouts: u64,
    errors: u64,
}

/// Responses within a client's last interval, and the total time spent waiting for them.
#[derive(Debug, Clone, Copy, Default)]
struct Answers {
    count: u64,
    micros: u64,
}

impl Brokers {
    /// Returns the meter of one client.
    pub(super) fn meter(self: &Arc<Self>, client: Client) -> Meter {
        let id = self.meters.fetch_add(1, Ordering::Relaxed);
        Meter { client, id, brokers: Arc::clone(self), before: Mutex::default() }
    }

    /// Returns the figures by kind of client and broker id.
    pub fn figures(&self) -> Vec<BrokerFigures> {
        let seen = self.seen();
        let figures = seen.counts.iter().map(|(&(client, id), counts)| {
            let of_client = seen.answers.range((client, 0)..=(client, u64::MAX));
            let answers = of_client.filter_map(|(_, brokers)| brokers.get(&id));
            let (count, micros) =
                answers.fold((0, 0), |sum, told| (sum.0 + told.count, sum.1 + told.micros));
            let round_trip = (count > 0).then(|| Duration::from_micros(micros / count.max(1)));
            let Counts { retries, timeouts, errors } = *counts;
            BrokerFigures { client, id, round_trip, retries, timeouts, errors }
        });
        figures.collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics under this lock")
    }
}

/// Records the measurements of one client, until it is dropped with the client.
#[derive(Debug)]
pub(super) struct Meter {
    client: Client,
    id: u64,
    brokers: Arc<Brokers>,
    /// The counts of this client's previous report.
    before: Mutex<BTreeMap<i32, Counts>>,
}

impl Meter {
    /// Records the statistics that librdkafka reports every `statistics.interval.ms`, as JSON.
    pub(super) fn note(&self, statistics: &[u8]) {
        let Ok(told) = serde_json::from_slice::<Statistics>(statistics) else {
            // Only the figures depend on it, and the next report comes soon.
            return tracing::debug!("statistics of the client cannot be read");
        };
        self.brokers.contact.up(told.up());
        let mut before = self.before.lock().expect("nothing panics under this lock");
        let mut seen = self.brokers.seen();
        let mut answers = BTreeMap::new();
        for (id, (counts, answered)) in told.by_broker() {
            let last = before.insert(id, counts).unwrap_or_default();
            let sum = seen.counts.entry((self.client, id)).or_default();
            sum.retries += counts.retries.saturating_sub(last.retries);
            sum.timeouts += counts.timeouts.saturating_sub(last.timeouts);
            sum.errors += counts.errors.saturating_sub(last.errors);
            answers.insert(id, answered);
        }
        seen.answers.insert((self.client, self.id), answers);
    }
}

impl Meter {
    /// Returns what the clients have heard from the brokers.
    pub(super) fn contact(&self) -> &Contact {
        &self.brokers.contact
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.brokers.seen().answers.remove(&(self.client, self.id));
    }
}

/// The part of librdkafka's statistics that is used. Topics and partitions make up most of the
/// rest, which is skipped.
#[derive(Deserialize)]
struct Statistics {
    brokers: BTreeMap<String, Connection>,
}

#[derive(Deserialize)]
struct Connection {
    nodeid: i32,
    nodename: String,
    txretries: u64,
    req_timeouts: u64,
    txerrs: u64,
    rxerrs: u64,
    rtt: Window,
    state: String,
    /// Microseconds since it entered this state.
    stateage: i64,
    /// Microseconds since the last response; -1 before the first one.
    #[serde(default = "never")]
    rxidle: i64,
}

fn never() -> i64 {
    -1
}

#[derive(Deserialize)]
struct Window {
    cnt: i64,
    sum: i64,
}

impl Statistics {
    fn up(&self) -> impl Iterator<Item = Up<'_>> {
        let micros = |micros: i64| u64::try_from(micros).ok().map(Duration::from_micros);
        let up = self.brokers.values().filter(|connection| connection.state == "UP");
        up.map(move |connection| Up {
            address: &connection.nodename,
            since: micros(connection.stateage).unwrap_or_default(),
            silent: micros(connection.rxidle),
        })
    }

    /// Returns the figures of all connections to each broker.
    ///
    /// A coordinator has a separate connection, without an id but with the address of one that has
    /// an id. A bootstrap server that was never reached has no id at all.
    fn by_broker(&self) -> BTreeMap<i32, (Counts, Answers)> {
        let mut ids: BTreeMap<&str, i32> = BTreeMap::new();
        for connection in self.brokers.values().filter(|connection| connection.nodeid >= 0) {
            ids.insert(&connection.nodename, connection.nodeid);
        }
        let mut figures: BTreeMap<i32, (Counts, Answers)> = BTreeMap::new();
        for connection in self.brokers.values() {
            let Some(id) = ids.get(&connection.nodename[..]) else { continue };
            let (counts, answers) = figures.entry(*id).or_default();
            counts.retries += connection.txretries;
            counts.timeouts += connection.req_timeouts;
            counts.errors += connection.txerrs + connection.rxerrs;
            answers.count += u64::try_from(connection.rtt.cnt).unwrap_or(0);
            answers.micros += u64::try_from(connection.rtt.sum).unwrap_or(0);
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(name: &str, id: i32, retries: u64, answers: i64, micros: i64) -> String {
        format!(
            r#""{name}/{id}":{{"name":"{name}/{id}","nodeid":{id},"nodename":"{name}",
            "txretries":{retries},"req_timeouts":1,"txerrs":0,"rxerrs":0,
            "state":"UP","stateage":5,"rxidle":1,
            "rtt":{{"min":1,"max":2,"avg":1,"sum":{micros},"cnt":{answers}}}}}"#
        )
    }

    fn told(connections: &[String]) -> String {
        format!(r#"{{"name":"x","brokers":{{{}}},"topics":{{}}}}"#, connections.join(","))
    }

    #[test]
    fn the_coordinators_connection_counts_for_the_broker_that_it_goes_to() {
        let brokers = Arc::new(Brokers::default());
        let meter = brokers.meter(Client::Member);
        meter.note(
            told(&[
                connection("k:9092", 7, 2, 1, 70_000),
                connection("k:9092", -1, 2, 9, 10_000),
                connection("l:9092", 3, 2, 0, 0),
                connection("m:9092", -1, 9, 5, 5),
            ])
            .as_bytes(),
        );
        let figures = brokers.figures();
        assert_eq!(figures.iter().map(|broker| broker.id).collect::<Vec<_>>(), [3, 7]);
        assert_eq!(figures[0].round_trip, None);
        assert_eq!(figures[1].round_trip, Some(Duration::from_millis(8)));
        assert_eq!((figures[1].retries, figures[1].timeouts), (4, 2));
    }

    #[test]
    fn counts_outlive_their_client_and_round_trips_do_not() {
        let brokers = Arc::new(Brokers::default());
        let first = brokers.meter(Client::Producer);
        first.note(told(&[connection("k:9092", 1, 5, 1, 1_000)]).as_bytes());
        first.note(told(&[connection("k:9092", 1, 7, 1, 3_000)]).as_bytes());
        let second = brokers.meter(Client::Producer);
        second.note(told(&[connection("k:9092", 1, 10, 1, 1_000)]).as_bytes());
        let both = &brokers.figures()[0];
        assert_eq!((both.client, both.retries), (Client::Producer, 17));
        assert_eq!(both.round_trip, Some(Duration::from_millis(2)));
        drop(first);
        let left = &brokers.figures()[0];
        assert_eq!((left.retries, left.round_trip), (17, Some(Duration::from_millis(1))));
    }

    #[test]
    fn what_is_no_statistics_is_passed_over() {
        let brokers = Arc::new(Brokers::default());
        brokers.meter(Client::Data).note(b"{");
        assert_eq!(brokers.figures(), []);
    }
}
