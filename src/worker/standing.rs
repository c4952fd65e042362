//! Detects that this worker is cut off: from the brokers, from its login, or from its group.
//!
//! Promise: a problem that outlasts a short outage or a rebalance is reported with its cause and
//! remedy, and resolved when the cause is gone.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    committer::wall_ms,
    query::time,
    troubles::{Concern, Severity},
    view::View,
};
use rollcall_core::record::millis;
use rollcall_kafka::{
    Brokers, Connection, Failed, Login, NOT_A_MEMBER, NoLogin, Refused, Standing,
};
use rollcall_service::state_api::Trouble;

/// How long a worker may be outside of its group, or without a response from any broker, and still
/// be ready: a broker restart or a new coordinator does not make it unready. During a rebalance it
/// stays a member all the time.
const GRACE: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(10);
/// How often the state is checked.
const INTERVAL: Duration = Duration::from_millis(250);

/// Watches a worker's connections; called by the membership.
pub struct Watch<'a> {
    view: &'a View,
    brokers: Arc<Brokers>,
    login: Login,
    servers: String,
    group: String,
    /// Set while we are not a member of the group.
    outside: Option<Outside>,
    /// Since when no broker answers, as text; `None` while one does.
    silent: Option<String>,
    /// The reasons that have been logged, for as long as they last.
    logged: BTreeMap<Concern, String>,
    /// When watching began.
    since: Instant,
    looked_at: Option<Instant>,
}

struct Outside {
    since: Instant,
    /// The same as text.
    told: String,
    /// The group's last rejection.
    refused: Option<Refused>,
    /// No broker answered for a while meanwhile.
    was_cut_off: bool,
}

impl<'a> Watch<'a> {
    pub fn new(view: &'a View, connection: &Connection) -> Self {
        Self {
            view,
            brokers: Arc::clone(&connection.brokers),
            login: connection.login.clone(),
            servers: connection.base.get("bootstrap.servers").unwrap_or_default().to_owned(),
            group: connection.group.clone(),
            outside: None,
            silent: None,
            logged: BTreeMap::new(),
            since: Instant::now(),
            looked_at: None,
        }
    }

    /// Takes in how the group regards this worker.
    pub fn look(&mut self, standing: Standing) {
        match standing {
            Standing::Member => {
                self.view.counted_in();
                self.outside = None;
            }
            Standing::Outside(refused) => {
                self.view.counted_out();
                let outside = self.outside.get_or_insert_with(|| Outside {
                    since: Instant::now(),
                    told: time_ago(Duration::ZERO),
                    refused: None,
                    was_cut_off: false,
                });
                if refused.is_some() {
                    outside.refused = refused;
                }
            }
        }
        if self.looked_at.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.looked_at = Some(Instant::now());
            self.tell();
        }
    }

    fn tell(&mut self) {
        let contact = &self.brokers.contact;
        let failed = contact.last_error();
        let silence = contact.answered().map_or(self.since, |at| at.max(self.since)).elapsed();
        self.silent =
            (silence >= SILENCE).then(|| self.silent.take().unwrap_or_else(|| time_ago(silence)));
        if let Some(outside) = &mut self.outside {
            outside.was_cut_off |= self.silent.is_some();
        }
        let login = self.login().or_else(|| self.refused_login(failed.as_ref()));
        // A rejected login explains it.
        let silent = self.silent.as_ref().filter(|_| login.is_none());
        let unanswered = silent.map(|since| self.unanswered(since, failed));
        let outside = self.outside.as_ref().and_then(|outside| self.not_a_member(outside));
        self.settle(Concern::Login, login);
        self.settle(Concern::Brokers, unanswered);
        self.settle(Concern::Membership, outside);
    }

    fn settle(&mut self, concern: Concern, found: Option<Trouble>) {
        let before = self.logged.remove(&concern);
        let Some(Trouble { reason, message, severity }) = found else {
            if let Some(reason) = before {
                tracing::info!(reason, "no longer cut off");
            }
            return self.view.troubles.resolve(concern);
        };
        if before.as_ref() != Some(&reason) {
            tracing::warn!(reason, "cut off: {message}");
        }
        self.view.troubles.report(concern, severity, &reason, &message);
        self.logged.insert(concern, reason);
    }

    /// Returns what prevents a login before a broker is even asked.
    fn login(&self) -> Option<Trouble> {
        let NoLogin { reason, message, until_then } = self.login.trouble()?;
        let severity = if until_then { Severity::Degraded } else { Severity::Unready };
        Some(Trouble { reason: reason.to_owned(), message, severity })
    }

    fn refused_login(&self, failed: Option<&Failed>) -> Option<Trouble> {
        let (reason, message) = failed?.refused_login(&self.servers)?;
        // Older connections may still work.
        let severity = if self.silent.is_some() { Severity::Unready } else { Severity::Degraded };
        Some(Trouble { reason: reason.to_owned(), message, severity })
    }

    fn unanswered(&self, since: &str, failed: Option<Failed>) -> Trouble {
        let last = failed.map(|failed| format!(" (last error: {})", failed.text));
        let message = format!(
            "no broker at {} has answered since {since}{}: check that they run, \
             spec.kafka.bootstrapServers and the network",
            self.servers,
            last.unwrap_or_default()
        );
        let severity = Severity::Unready;
        Trouble { reason: "BrokerUnreachable".to_owned(), message, severity }
    }

    fn not_a_member(&self, outside: &Outside) -> Option<Trouble> {
        let Outside { since, told, refused, was_cut_off } = outside;
        let is_refused = refused.is_some() && !self.view.has_joined();
        // Once the brokers answer again, it has to be a member again to be ready.
        let is_back = *was_cut_off && self.silent.is_none();
        if since.elapsed() < GRACE && !is_refused && !is_back {
            return None;
        }
        let (reason, why) = match refused {
            Some(refused) => (refused.class().reason, refused.to_string()),
            None => (NOT_A_MEMBER.reason, "the coordinator has not let it in".to_owned()),
        };
        let message = format!("not a member of group {} since {told}: {why}", self.group);
        let severity = Severity::Unready;
        Some(Trouble { reason: reason.to_owned(), message, severity })
    }
}

/// Returns the time that was this long ago.
fn time_ago(for_: Duration) -> String {
    time(wall_ms() - millis(for_))
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, error::RDKafkaErrorCode};

    use super::*;
    use crate::view::Change;
    use rollcall_kafka::Protocol;

    fn connection() -> Connection {
        let mut base = ClientConfig::new();
        base.set("bootstrap.servers", "k:9092");
        Connection {
            base,
            login: Login::default(),
            group: "shipping".to_owned(),
            instance_id: "w-1".to_owned(),
            mark: String::new(),
            protocol: Protocol::Classic,
            brokers: Arc::default(),
        }
    }

    fn refused() -> Option<Refused> {
        let code = RDKafkaErrorCode::InvalidSessionTimeout;
        Some(Refused { code, text: "JoinGroup failed".to_owned() })
    }

    /// Simulates that much time passing without a word from the group or a broker.
    fn pass(watch: &mut Watch<'_>, time: Duration) {
        let back = |at: &mut Instant| *at = at.checked_sub(time).expect("the machine runs longer");
        back(&mut watch.since);
        watch.looked_at = None;
        if let Some(outside) = &mut watch.outside {
            back(&mut outside.since);
        }
    }

    #[test]
    fn a_group_that_does_not_let_a_worker_in_is_told_at_once_in_its_words() {
        let (view, connection) = (View::default(), connection());
        let mut watch = Watch::new(&view, &connection);
        watch.look(Standing::Outside(None));
        assert_eq!(view.troubles.first(), None, "it has just begun");
        watch.looked_at = None;
        watch.look(Standing::Outside(refused()));
        let trouble = view.troubles.unready().expect("it is told");
        assert_eq!(trouble.reason, "SessionTimeoutRefused");
        assert!(trouble.message.contains("group.max.session.timeout.ms"), "{}", trouble.message);
        watch.looked_at = None;
        watch.look(Standing::Member);
        assert_eq!(view.troubles.first(), None);
    }

    #[test]
    fn a_member_that_is_lost_for_a_moment_stays_ready_and_is_told_when_it_lasts() {
        let (view, connection) = (View::default(), connection());
        let mut watch = Watch::new(&view, &connection);
        watch.look(Standing::Member);
        view.joined(Change::Gained);
        watch.looked_at = None;
        watch.look(Standing::Outside(None));
        assert_eq!(view.unready(), None);
        assert_eq!(view.state(), rollcall_service::state_api::WorkerState::Joining);
        pass(&mut watch, GRACE);
        watch.look(Standing::Outside(None));
        let first = view.unready().expect("it lasts");
        assert!(first.starts_with("NotAMember: not a member of group shipping since "), "{first}");
        pass(&mut watch, Duration::from_secs(3));
        watch.look(Standing::Outside(None));
        assert_eq!(view.unready(), Some(first), "the text of what lasts stays");
    }

    #[test]
    fn brokers_that_no_longer_answer_are_told_and_taken_back() {
        let (view, connection) = (View::default(), connection());
        let mut watch = Watch::new(&view, &connection);
        view.joined(Change::Gained);
        pass(&mut watch, SILENCE);
        watch.look(Standing::Member);
        let trouble = view.troubles.unready().expect("it lasts");
        assert_eq!(trouble.reason, "BrokerUnreachable");
        assert!(trouble.message.contains("no broker at k:9092"), "{}", trouble.message);
        watch.since = Instant::now();
        watch.looked_at = None;
        watch.look(Standing::Member);
        assert_eq!(view.unready(), None);
    }

    #[test]
    fn a_worker_that_was_cut_off_is_ready_again_only_as_a_member() {
        let (view, connection) = (View::default(), connection());
        let mut watch = Watch::new(&view, &connection);
        watch.look(Standing::Member);
        view.joined(Change::Gained);
        pass(&mut watch, SILENCE);
        watch.look(Standing::Outside(None));
        assert_eq!(view.troubles.unready().expect("it lasts").reason, "BrokerUnreachable");
        // A broker answers, and the group has not yet let the worker in.
        watch.since = Instant::now();
        watch.looked_at = None;
        watch.look(Standing::Outside(None));
        assert_eq!(view.troubles.unready().expect("it is outside").reason, "NotAMember");
        watch.looked_at = None;
        watch.look(Standing::Member);
        assert_eq!(view.unready(), None);
    }
}
