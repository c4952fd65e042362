//! Leader election among operators: the one that holds a Lease of the API server acts.
//!
//! ```text
//!  candidate ──the lease is free, given back, or unchanged for its duration──► leader
//!      ▲                                                                          │
//!      └──── not renewed for RENEW_DEADLINE, or someone else holds it ────────────┘
//! ```
//!
//! Promise: an operator stops making changes before another one may begin, even if clocks disagree,
//! as long as they run at about the same rate: `RENEW_DEADLINE < LEASE`, counted from *before* the
//! request that renewed it, and every change checks [`Term::holds`] first. Clocks are never
//! compared: a candidate counts from when it *saw* the lease change.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};

use super::http::Health;

/// How long a lease excludes other operators after its last change.
const LEASE: Duration = Duration::from_secs(15);
/// How long a leader acts after its last renewal.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A time as the leader, which ends by itself unless it is renewed.
#[derive(Debug)]
pub struct Term {
    until: Mutex<Option<Instant>>,
}

impl Term {
    /// Returns a term that has not begun.
    fn new() -> Self {
        Self { until: Mutex::new(None) }
    }

    /// Returns whether this operator may act now.
    pub fn holds(&self) -> bool {
        let until = *self.until.lock().expect("nobody panics with the lock");
        until.is_some_and(|until| Instant::now() < until)
    }

    fn renewed(&self, asked_at: Instant) {
        self.set(Some(asked_at + RENEW_DEADLINE));
    }

    fn end(&self) {
        self.set(None);
    }

    fn set(&self, until: Option<Instant>) {
        *self.until.lock().expect("nobody panics with the lock") = until;
    }
}

/// What a candidate knows of the lease.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    version: Option<String>,
    at: Instant,
}

/// What to do about the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    /// We hold it: renew it.
    Renew,
    /// Nobody holds it: take it.
    Take,
    /// Someone else holds it.
    Wait,
}

/// Campaigns for the lease and renews it.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    seen: Option<Seen>,
    term: std::sync::Arc<Term>,
}

impl Election {
    /// `identity` must be unique to this process.
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            seen: None,
            term: std::sync::Arc::new(Term::new()),
        }
    }

    /// Returns the term, which holds while this process is the leader.
    pub fn term(&self) -> std::sync::Arc<Term> {
        std::sync::Arc::clone(&self.term)
    }

    /// Waits until this process is the leader.
    pub async fn campaign(&mut self, health: &Health) {
        let mut told = Told::default();
        loop {
            // Waiting for the API server is healthy, too.
            health.heartbeat();
            match self.attempt().await {
                Ok(holder) => {
                    health.answered();
                    if self.term.holds() {
                        return;
                    }
                    told.say(&format!("standing by: {holder} leads"));
                }
                Err(error) => told.say(&format!("cannot ask for the lease: {error}")),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Renews the lease until it is lost; returns why it was lost.
    pub async fn hold(&mut self) -> String {
        let mut trouble = "it could not be renewed in time".to_owned();
        while self.term.holds() {
            tokio::time::sleep(RETRY).await;
            match self.attempt().await {
                Ok(holder) if holder == self.identity => {}
                Ok(holder) => {
                    self.term.end();
                    trouble = format!("{holder} holds it");
                }
                Err(error) => {
                    tracing::warn!("the lease was not renewed: {error}");
                    trouble = format!("it could not be renewed in time: {error}");
                }
            }
        }
        self.term.end();
        trouble
    }

    /// Releases the lease, so that another operator does not have to wait for it to expire.
    pub async fn release(&mut self) {
        let held = self.term.holds();
        self.term.end();
        if !held {
            return;
        }
        let released = tokio::time::timeout(REQUEST_TIMEOUT, async {
            let mut lease = self.api.get(&self.name).await?;
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() != Some(&self.identity) {
                return Ok(());
            }
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(Timestamp::now()));
            self.api.replace(&self.name, &PostParams::default(), &lease).await.map(|_| ())
        });
        match released.await {
            Ok(Ok(())) => tracing::info!("lease given back"),
            Ok(Err(error)) => tracing::warn!(%error, "the lease was not given back"),
            Err(_) => tracing::warn!("the lease was not given back in time"),
        }
    }

    /// Takes or renews the lease if possible; returns who holds it then.
    async fn attempt(&mut self) -> Result<String, String> {
        let asked_at = Instant::now();
        let attempt = tokio::time::timeout(REQUEST_TIMEOUT, self.ask());
        let holder = attempt.await.map_err(|_| "no answer in time".to_owned())??;
        if holder == self.identity {
            self.term.renewed(asked_at);
        }
        Ok(holder)
    }

    async fn ask(&mut self) -> Result<String, String> {
        let told = |error: kube::Error| error.to_string();
        let Some(lease) = self.api.get_opt(&self.name).await.map_err(told)? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(next(None, &self.identity, Move::Take)),
            };
            // The first to create it wins; the API server refuses the other.
            self.api.create(&PostParams::default(), &lease).await.map_err(told)?;
            return Ok(self.identity.clone());
        };
        let (seen, decision) = judge(self.seen.take(), &lease, &self.identity, Instant::now());
        self.seen = Some(seen);
        if decision == Move::Wait {
            let holder = lease.spec.and_then(|spec| spec.holder_identity);
            return Ok(holder.unwrap_or_default());
        }
        let spec = next(lease.spec.as_ref(), &self.identity, decision);
        // Includes the version that was read, so that only one of two concurrent attempts succeeds.
        let lease = Lease { spec: Some(spec), ..lease };
        match self.api.replace(&self.name, &PostParams::default(), &lease).await {
            Ok(_) => Ok(self.identity.clone()),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                Err("another operator was faster".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Decides what to do about a lease, and remembers since when it has been unchanged.
fn judge(seen: Option<Seen>, lease: &Lease, identity: &str, now: Instant) -> (Seen, Move) {
    let version = lease.metadata.resource_version.clone();
    let seen = match seen {
        Some(seen) if seen.version == version => seen,
        _ => Seen { version, at: now },
    };
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
    let duration = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let duration = duration.and_then(|seconds| u64::try_from(seconds).ok());
    let duration = duration.map_or(LEASE, Duration::from_secs);
    let decision = match holder {
        Some(holder) if holder == identity => Move::Renew,
        Some(holder) if !holder.is_empty() && now < seen.at + duration => Move::Wait,
        _ => Move::Take,
    };
    (seen, decision)
}

/// Returns the lease's spec after the move.
fn next(lease: Option<&LeaseSpec>, identity: &str, decision: Move) -> LeaseSpec {
    let now = MicroTime(Timestamp::now());
    let mut spec = lease.cloned().unwrap_or_default();
    spec.lease_duration_seconds = i32::try_from(LEASE.as_secs()).ok();
    spec.renew_time = Some(now.clone());
    if decision == Move::Take {
        // As other implementations count: the first holder is not a transition.
        spec.lease_transitions =
            Some(lease.map_or(0, |lease| lease.lease_transitions.unwrap_or_default() + 1));
        spec.holder_identity = Some(identity.to_owned());
        spec.acquire_time = Some(now);
    }
    spec
}

/// Reports the same message only once.
#[derive(Default)]
struct Told(String);

impl Told {
    fn say(&mut self, text: &str) {
        if self.0 != text {
            tracing::info!("{text}");
            text.clone_into(&mut self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: Option<&str>, version: &str) -> Lease {
        Lease {
            metadata: ObjectMeta {
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: holder.map(str::to_owned),
                lease_duration_seconds: Some(15),
                lease_transitions: Some(3),
                ..LeaseSpec::default()
            }),
        }
    }

    #[test]
    fn a_leader_stops_before_another_one_begins() {
        assert!(RENEW_DEADLINE + RETRY < LEASE);
        assert!(REQUEST_TIMEOUT < RENEW_DEADLINE);
    }

    #[test]
    fn a_lease_is_taken_only_when_it_has_not_changed_for_its_duration() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let (seen, decision) = judge(None, &lease(Some("other"), "1"), "me", start);
        assert_eq!(decision, Move::Wait);
        let soon = start + seconds(14);
        let (seen, decision) = judge(Some(seen), &lease(Some("other"), "1"), "me", soon);
        assert_eq!(decision, Move::Wait);
        // The lease was renewed, so the time starts again.
        let (seen, decision) = judge(Some(seen), &lease(Some("other"), "2"), "me", soon);
        assert_eq!(decision, Move::Wait);
        let late = start + seconds(28);
        let (seen, decision) = judge(Some(seen), &lease(Some("other"), "2"), "me", late);
        assert_eq!(decision, Move::Wait);
        let later = start + seconds(29);
        let (_, decision) = judge(Some(seen), &lease(Some("other"), "2"), "me", later);
        assert_eq!(decision, Move::Take);
    }

    #[test]
    fn what_was_given_back_is_taken_at_once_and_ones_own_is_renewed() {
        let now = Instant::now();
        assert_eq!(judge(None, &lease(None, "1"), "me", now).1, Move::Take);
        assert_eq!(judge(None, &lease(Some(""), "1"), "me", now).1, Move::Take);
        assert_eq!(judge(None, &lease(Some("me"), "1"), "me", now).1, Move::Renew);
    }

    #[test]
    fn taking_counts_a_transition_and_renewing_does_not() {
        let held = lease(Some("other"), "1").spec.expect("a spec");
        let taken = next(Some(&held), "me", Move::Take);
        assert_eq!(taken.lease_transitions, Some(4));
        assert_eq!(taken.holder_identity.as_deref(), Some("me"));
        assert_eq!(taken.acquire_time, taken.renew_time);
        let renewed = next(Some(&taken), "me", Move::Renew);
        assert_eq!(renewed.lease_transitions, Some(4));
        assert_eq!(renewed.acquire_time, taken.acquire_time);
        assert_eq!(next(None, "me", Move::Take).lease_transitions, Some(0));
    }

    #[test]
    fn a_term_ends_by_itself() {
        let term = Term::new();
        assert!(!term.holds());
        term.renewed(Instant::now());
        assert!(term.holds());
        let long_ago = Instant::now().checked_sub(RENEW_DEADLINE).expect("the clock is that old");
        term.renewed(long_ago);
        assert!(!term.holds());
        term.renewed(Instant::now());
        term.end();
        assert!(!term.holds());
    }
}
