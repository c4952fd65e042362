//! The status that the operator reports for an object: a value, computed from an observation.
//!
//! Promise: the same observation gives the same status, so it is written only when something has
//! changed. Ban: no clock and no API server.

mod numbers;
mod verdict;

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::dereference::Missing;
use super::names::{self, Component};
use super::observe::Observed;
use rollcall_object::Problem;
use rollcall_object::resource::ReconciliationStatus;

pub use verdict::{Phase, Verdict};

/// What is known about an object.
#[derive(Debug, Clone)]
pub enum Observation<'a> {
    /// The object cannot be parsed, or is invalid.
    Invalid(&'a [Problem]),
    /// The object is valid, but something that it needs is missing or in the way.
    Blocked { reason: &'a str, message: &'a str, phase: Phase },
    /// Its children are applied.
    Applied(Applied<'a>),
}

/// An object whose children are applied, and their state.
#[derive(Debug, Clone)]
pub struct Applied<'a> {
    pub desired: Desired,
    /// Consecutive looks at which a ready worker did not answer.
    pub silent_looks: u32,
    pub observed: &'a Observed,
    /// Something that needs attention although workers keep running.
    pub remark: Option<&'a Missing>,
}

/// The desired state: what an object asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// That nothing is processed.
    Paused,
    /// This many workers.
    Workers(i32),
}

/// The object, and the status it had before.
#[derive(Debug, Clone)]
pub struct Before<'a> {
    pub name: &'a str,
    pub generation: Option<i64>,
    pub status: &'a ReconciliationStatus,
}

/// Returns the status of an object at `now`.
pub fn status(
    before: &Before<'_>,
    observation: &Observation<'_>,
    now: Timestamp,
) -> ReconciliationStatus {
    let verdict = verdict::verdict(observation, before.status);
    let mut status = match observation {
        Observation::Applied(applied) => numbers::of(applied, before.status),
        // The workers keep running as before; what is known of them is still the best guess.
        Observation::Invalid(_) | Observation::Blocked { .. } => before.status.clone(),
    };
    status.observed_generation = before.generation;
    status.selector = Some(names::selector_text(before.name, Component::Worker));
    status.conditions = conditions(before, &verdict, now);
    status
}

/// Returns the status to write, if any. Numbers that change all the time are kept until they are
/// `stale`.
pub fn worth_writing(
    before: &ReconciliationStatus,
    after: &ReconciliationStatus,
    numbers: Numbers,
) -> bool {
    if numbers == Numbers::Stale {
        return before != after;
    }
    let settled = ReconciliationStatus {
        open_keys: before.open_keys,
        overdue_keys: before.overdue_keys,
        lag_records: before.lag_records,
        lag_seconds: before.lag_seconds,
        last_completion_at: before.last_completion_at.clone(),
        ..after.clone()
    };
    *before != settled
}

/// Whether the numbers in the status are old enough to be written again although nothing else
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    Fresh,
    Stale,
}

/// Returns the conditions; the time of each is that of its last change of status.
fn conditions(before: &Before<'_>, verdict: &Verdict, now: Timestamp) -> Vec<Condition> {
    let Verdict { reason, message, phase, ready, degraded } = verdict;
    let is = |state: bool| if state { "True" } else { "False" };
    let told = |state: bool, otherwise: &str| {
        if state {
            (reason.clone(), message.clone())
        } else {
            (otherwise.to_owned(), String::new())
        }
    };
    let progressing = *phase == Phase::Progressing;
    let stalled = *phase == Phase::Stalled;
    let (degraded, why) = match degraded {
        Some(degraded) => (true, (degraded.reason.clone(), degraded.message.clone())),
        None => (false, ("AsExpected".to_owned(), String::new())),
    };
    [
        ("Ready", *ready, (reason.clone(), message.clone())),
        ("Progressing", progressing, told(progressing, "Settled")),
        ("Degraded", degraded, why),
        ("Stalled", stalled, told(stalled, "NotStalled")),
    ]
    .into_iter()
    .map(|(type_, state, (reason, message))| {
        let status = is(state);
        let same = before.status.conditions.iter().find(|old| old.type_ == type_);
        let same = same.filter(|old| old.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason,
            message,
            observed_generation: before.generation,
            last_transition_time: same.map_or(Time(now), |old| old.last_transition_time.clone()),
        }
    })
    .collect()
}
