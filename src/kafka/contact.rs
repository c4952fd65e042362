//! Whether brokers answer this process, and the last error of each.
//!
//! All long-lived clients of a process report here: errors as they occur, and every few seconds
//! which connections are up. An error stands until a connection to the same broker is established
//! after it: an older connection that is still up proves nothing, since brokers authenticate a
//! client only when a connection is established.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;

use super::topic_error::TopicError;
use rollcall_core::shard::Error;

/// An error that has not recurred for this long is dropped, even if no client has connected to that
/// broker since: clients repeat a persisting error every half a minute.
const FORGOTTEN: Duration = Duration::from_secs(120);
/// Errors are delivered shortly after they occur, when the connection may be up again.
const DELIVERY: Duration = Duration::from_secs(1);

/// What clients have last heard from the brokers, by broker address.
#[derive(Debug, Default)]
pub struct Contact(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// When any broker last answered.
    answered: Option<Instant>,
    errors: BTreeMap<String, Failed>,
}

/// The last error on the way to a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub code: RDKafkaErrorCode,
    /// librdkafka's message, which begins with the broker's name.
    pub text: String,
    at: Instant,
}

impl Failed {
    /// Returns whether the broker was reached but rejects our login or certificate, or we do not
    /// trust its certificate.
    fn is_login(&self) -> bool {
        is_login(self.code)
    }

    /// Returns reason and message of a login that the brokers at `servers` reject; `None` for other
    /// errors.
    pub fn refused_login(&self, servers: &str) -> Option<(&'static str, String)> {
        let TopicError { reason, error } = TopicError::refusal(self.code, servers, &self.text)?;
        match error {
            Error::Interrupted(message) => Some((reason, message)),
            other => Some((reason, other.to_string())),
        }
    }
}

/// A connection that is up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Up<'a> {
    /// `host:port`.
    pub address: &'a str,
    /// How long it has been up.
    pub since: Duration,
    /// How long ago the broker last answered on it; `None` before the first answer.
    pub silent: Option<Duration>,
}

impl Contact {
    /// Records an error that a client reports about its connections or the whole cluster.
    pub(super) fn failed(&self, code: RDKafkaErrorCode, text: &str) {
        if is_connection(code) {
            let failed = Failed { code, text: text.to_owned(), at: Instant::now() };
            self.heard().errors.insert(address(text).to_owned(), failed);
        }
    }

    /// Records which connections of one client are up now.
    pub(super) fn up<'a>(&self, connections: impl Iterator<Item = Up<'a>>) {
        let now = Instant::now();
        let mut heard = self.heard();
        for Up { address, since, silent } in connections {
            let Some(silent) = silent else { continue };
            heard.answered = heard.answered.max(now.checked_sub(silent));
            let made_at = now.checked_sub(since).unwrap_or(now);
            let after = |failed: &Failed| failed.at < made_at + DELIVERY;
            if heard.errors.get(address).is_some_and(after) {
                heard.errors.remove(address);
            }
        }
    }

    /// Returns when any broker last answered; `None` before the first answer.
    pub fn answered(&self) -> Option<Instant> {
        self.heard().answered
    }

    /// Returns the last error that still stands; login errors take precedence.
    pub fn last_error(&self) -> Option<Failed> {
        let heard = self.heard();
        let newest = |wanted: bool| {
            let lasts = |failed: &&Failed| failed.at.elapsed() < FORGOTTEN;
            let errors = heard.errors.values().filter(lasts);
            let errors = errors.filter(|failed| failed.is_login() == wanted);
            errors.max_by_key(|failed| failed.at).cloned()
        };
        newest(true).or_else(|| newest(false))
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

fn is_login(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::SSL
    )
}

/// Returns whether an error concerns the connection to a broker. The error that all brokers are
/// down is excluded: it follows from the errors of each broker and names none.
pub(super) fn is_connection(code: RDKafkaErrorCode) -> bool {
    is_login(code)
        || matches!(
            code,
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
        )
}

/// Returns the address of the broker that librdkafka names first: `sasl_ssl://host:port/id: …`, or
/// `GroupCoordinator: host:port: …` for a coordinator's separate connection.
fn address(text: &str) -> &str {
    let (name, rest) = text.split_once(": ").unwrap_or((text, ""));
    let name = name.split_once("://").map_or(name, |(_, name)| name);
    match name.rsplit_once('/') {
        Some((address, _)) => address,
        None => rest.split_once(": ").map_or(name, |(address, _)| address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "sasl_ssl://k:9092/1: SASL authentication error: wrong password";

    fn up(address: &str, since: u64) -> [Up<'_>; 1] {
        let since = Duration::from_millis(since);
        [Up { address, since, silent: Some(Duration::ZERO) }]
    }

    #[test]
    fn a_broker_is_known_by_its_address_whatever_the_connection_is_called() {
        assert_eq!(address(REFUSED), "k:9092");
        assert_eq!(address("k:9092/bootstrap: Connect to ipv4#1.2.3.4:9092 failed"), "k:9092");
        assert_eq!(address("GroupCoordinator: k:9092: Connect to … failed: refused"), "k:9092");
        assert_eq!(address("ssl://[::1]:9092/2: handshake failed: x"), "[::1]:9092");
        assert_eq!(address("something else"), "something else");
    }

    #[test]
    fn a_refusal_stands_until_a_newer_connection_to_the_same_broker_is_up() {
        let contact = Contact::default();
        contact.failed(RDKafkaErrorCode::Authentication, REFUSED);
        contact.up(up("k:9092", 60_000).into_iter());
        contact.up(up("other:9092", 0).into_iter());
        assert!(contact.last_error().is_some_and(|failed| failed.is_login()));
        assert!(contact.answered().is_some());
        contact.up(up("k:9092", 0).into_iter());
        assert_eq!(contact.last_error(), None);
    }

    #[test]
    fn a_refused_login_is_told_before_a_connection_that_was_refused() {
        let contact = Contact::default();
        contact.failed(RDKafkaErrorCode::SSL, "ssl://k:9092/1: handshake failed");
        contact.failed(RDKafkaErrorCode::BrokerTransportFailure, "l:9092/2: refused");
        contact.failed(RDKafkaErrorCode::AllBrokersDown, "2/2 brokers are down");
        assert_eq!(contact.last_error().map(|failed| failed.code), Some(RDKafkaErrorCode::SSL));
    }

    #[test]
    fn a_connection_that_has_heard_nothing_yet_is_no_answer() {
        let contact = Contact::default();
        let silent = Up { silent: None, ..up("k:9092", 0)[0] };
        contact.up([silent].into_iter());
        assert_eq!(contact.answered(), None);
    }
}
