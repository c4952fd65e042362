//! Summarizes an object's state in one word, and says what to do about it.

use super::numbers::{by_shard, partitions, running};
use super::{Applied, Desired, Observation};
use crate::observe::{Observed, Rollout};
use rollcall_object::Problem;
use rollcall_object::resource::ReconciliationStatus;
use rollcall_service::state_api::{self, Severity, ShardStatus};

/// Longer messages are hard to read in a table, and conditions are limited to 32,768 bytes.
const MESSAGE_CHARS_MAX: usize = 1000;

/// A busy worker may miss one question.
const SILENT_LOOKS: u32 = 3;

/// The phase that an object is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is left to do.
    Settled,
    /// It makes progress by itself.
    Progressing,
    /// It makes no progress until someone changes something.
    Stalled,
}

/// What to report about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub ready: bool,
    /// In CamelCase.
    pub reason: String,
    pub message: String,
    pub phase: Phase,
    /// What needs attention, whether or not the object is ready.
    pub degraded: Option<Trouble>,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub reason: String,
    pub message: String,
}

impl Verdict {
    fn ready(reason: &str, message: String) -> Self {
        let reason = reason.to_owned();
        Self { ready: true, reason, message, phase: Phase::Settled, degraded: None }
    }

    fn on_the_way(reason: &str, message: String) -> Self {
        let reason = reason.to_owned();
        Self { ready: false, reason, message, phase: Phase::Progressing, degraded: None }
    }

    fn in_trouble(trouble: Trouble, phase: Phase) -> Self {
        let Trouble { reason, message } = trouble.clone();
        Self { ready: false, reason, message, phase, degraded: Some(trouble) }
    }
}

pub(super) fn verdict(observation: &Observation<'_>, before: &ReconciliationStatus) -> Verdict {
    match observation {
        Observation::Invalid(problems) => {
            let trouble = Trouble { reason: "InvalidSpec".to_owned(), message: told(problems) };
            Verdict::in_trouble(trouble, Phase::Stalled)
        }
        Observation::Blocked { reason, message, phase } => {
            let trouble = Trouble { reason: (*reason).to_owned(), message: short(message) };
            Verdict::in_trouble(trouble, *phase)
        }
        Observation::Applied(applied) => of_workers(applied, before),
    }
}

fn of_workers(applied: &Applied<'_>, before: &ReconciliationStatus) -> Verdict {
    let observed = applied.observed;
    let rollout = observed.rollout.unwrap_or_default();
    let asked = match applied.desired {
        Desired::Paused => {
            return of_idle("Paused", "set spec.paused to false", observed.workers.len());
        }
        Desired::Workers(0) => {
            return of_idle("ScaledToZero", "set spec.replicas above 0", observed.workers.len());
        }
        Desired::Workers(asked) => asked,
    };
    let total = partitions(observed).or(before.partitions);
    if let Some(trouble) = trouble(observed) {
        return Verdict::in_trouble(trouble, Phase::Progressing);
    }
    let mut verdict =
        progress(observed, rollout, total).unwrap_or_else(|| settled(asked, rollout, total));
    if let Some(worker) = observed.silent().next().filter(|_| applied.silent_looks >= SILENT_LOOKS)
    {
        verdict.degraded = Some(Trouble {
            reason: "WorkersNotReachable".to_owned(),
            message: format!(
                "{} is ready and does not answer the operator: let it connect to port 8080; \
                 numbers and shards may be out of date",
                worker.name
            ),
        });
    }
    if verdict.degraded.is_none() {
        verdict.degraded = lesser_trouble(observed);
    }
    if let (None, Some(message)) = (&verdict.degraded, &observed.console) {
        let (reason, message) = ("ConsoleNotRunning".to_owned(), short(message));
        verdict.degraded = Some(Trouble { reason, message });
    }
    if let (None, Some(remark)) = (&verdict.degraded, applied.remark) {
        let (reason, message) = (remark.reason.to_owned(), remark.message.clone());
        verdict.degraded = Some(Trouble { reason, message });
    }
    verdict
}

fn of_idle(reason: &str, remedy: &str, workers: usize) -> Verdict {
    if workers > 0 {
        return Verdict::on_the_way("Stopping", format!("{workers} workers are still there"));
    }
    Verdict::ready(
        reason,
        format!("no record is processed, state and offsets are kept; to go on, {remedy}"),
    )
}

/// Returns the first problem that does not go away by waiting: first those that workers report,
/// then those of their pods, then those of their shards.
fn trouble(observed: &Observed) -> Option<Trouble> {
    let said = observed.workers.iter().filter_map(|worker| {
        let trouble = worker.says.as_ref()?.trouble.as_ref()?;
        (trouble.severity == Severity::Unready).then(|| trouble_of(trouble))
    });
    let pods = observed.workers.iter().filter_map(|worker| {
        let trouble = worker.trouble.clone()?;
        Some(Trouble { reason: trouble.reason.to_owned(), message: short(&trouble.message) })
    });
    let shards = by_shard(observed);
    let all: Vec<&ShardStatus> = shards.into_values().collect();
    said.chain(pods)
        .next()
        .or_else(|| of_shards(&all, state_api::ShardState::Stopped, "ShardsStopped"))
        .or_else(|| of_shards(&all, state_api::ShardState::Waiting, "ShardsFailing"))
}

/// Returns the first problem that workers report about themselves and that does not keep them from
/// working.
fn lesser_trouble(observed: &Observed) -> Option<Trouble> {
    let said = observed.workers.iter().filter_map(|worker| worker.says.as_ref());
    let mut troubles = said.flat_map(|says| says.troubles.iter().chain(&says.trouble));
    troubles.find(|trouble| trouble.severity == Severity::Degraded).map(trouble_of)
}

fn trouble_of(said: &state_api::Trouble) -> Trouble {
    Trouble { reason: said.reason.clone(), message: short(&said.message) }
}

fn of_shards(
    shards: &[&ShardStatus],
    state: state_api::ShardState,
    reason: &str,
) -> Option<Trouble> {
    let mut found = shards.iter().filter(|shard| shard.state == state);
    let first = found.next()?;
    let others = match found.count() {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    let why = first.reason.as_deref().unwrap_or("see the worker's log");
    let message = short(&format!("shard {}{others}: {why}", first.shard));
    Some(Trouble { reason: reason.to_owned(), message })
}

/// Returns what still has to happen, if anything.
fn progress(observed: &Observed, rollout: Rollout, total: Option<i32>) -> Option<Verdict> {
    let Rollout { wanted, existing, ready, updated, seen } = rollout;
    if observed.rollout.is_none() || !seen {
        return Some(Verdict::on_the_way("Starting", "the workers are being set up".to_owned()));
    }
    if updated < wanted.min(existing) {
        return Some(Verdict::on_the_way(
            "RollingOut",
            format!("{updated}/{wanted} workers run the newest configuration"),
        ));
    }
    if existing > wanted {
        let leaving = existing - wanted;
        return Some(Verdict::on_the_way("Scaling", format!("{leaving} workers are leaving")));
    }
    let answered = observed.workers.iter().any(|worker| worker.says.is_some());
    let silent = observed.silent().next().is_some();
    if let Some(total) = total.filter(|_| answered && !silent) {
        let running = running(observed);
        if running < usize::try_from(total).unwrap_or_default() {
            let message = format!("{running}/{total} shards");
            return Some(Verdict::on_the_way("Restoring", message));
        }
    }
    (ready < wanted)
        .then(|| Verdict::on_the_way("Starting", format!("{ready}/{wanted} workers are ready")))
}

fn settled(asked: i32, rollout: Rollout, total: Option<i32>) -> Verdict {
    let Rollout { wanted, .. } = rollout;
    let workers = if wanted == 1 { "worker" } else { "workers" };
    match total {
        Some(total) if asked > total => Verdict::ready(
            "ReplicasExceedPartitions",
            format!(
                "{asked} workers are asked for, {wanted} run: the topics have {total} partitions, \
                 and further workers would have nothing to do",
            ),
        ),
        Some(total) => {
            Verdict::ready("Running", format!("{total} shards run on {wanted} {workers}"))
        }
        None => Verdict::ready("Running", format!("{wanted} {workers} ready")),
    }
}

/// Returns all problems as one text.
fn told(problems: &[Problem]) -> String {
    let one =
        |problem: &Problem| format!("{}: {}: {}", problem.path, problem.message, problem.remedy);
    short(&problems.iter().map(one).collect::<Vec<_>>().join("; "))
}

fn short(text: &str) -> String {
    if text.chars().count() <= MESSAGE_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(MESSAGE_CHARS_MAX - 1).chain(['…']).collect()
}
