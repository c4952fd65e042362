//! Situations, and the status for each.

mod reasons;

use serde_json::{Value, json};

use super::Desired::{Paused, Workers};
use super::*;
use crate::observe::{PodTrouble, Rollout, Worker};
use rollcall_service::state_api::{Severity, WorkerStatus};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn now() -> Timestamp {
    at("2026-01-01T10:00:00Z")
}

/// A shard as reported by its worker.
fn shard(number: u32, state: &str) -> Value {
    json!({
        "shard": number, "state": state, "reason": null,
        "inputs": [
            { "topic": "orders", "nextOffset": 7, "lagRecords": 5, "lagSeconds": 1.4 },
            { "topic": "manufactured", "nextOffset": 7, "lagRecords": 2, "lagSeconds": 2.6 },
        ],
        "rows": { "open": 3, "overdue": 1, "unexpected": 0, "finished": 4 },
        "restore": null, "lastCompletionAt": format!("2026-01-01T09:0{number}:00.123Z"),
    })
}

fn says(shards: &[Value]) -> WorkerStatus {
    let status = json!({
        "reconciliation": "shipping", "instance": "i", "version": "1", "state": "joined",
        "partitions": 4, "trouble": null, "shards": shards.to_vec(),
    });
    serde_json::from_value(status).expect("a worker's status")
}

fn worker(number: u32, says: Option<WorkerStatus>) -> Worker {
    Worker { name: format!("shipping-{number}"), ready: true, trouble: None, says }
}

/// Two workers with two running shards each.
fn well() -> Observed {
    let workers = vec![
        worker(0, Some(says(&[shard(0, "running"), shard(1, "running")]))),
        worker(1, Some(says(&[shard(2, "running"), shard(3, "running")]))),
    ];
    let rollout = Rollout { wanted: 2, existing: 2, ready: 2, updated: 2, seen: true };
    Observed { rollout: Some(rollout), workers, console: None }
}

fn said_of(observed: &Observed, desired: Desired) -> ReconciliationStatus {
    let before = ReconciliationStatus::default();
    let before = Before { name: "shipping", generation: Some(3), status: &before };
    status(
        &before,
        &Observation::Applied(Applied { desired, silent_looks: 0, observed, remark: None }),
        now(),
    )
}

fn condition<'a>(status: &'a ReconciliationStatus, type_: &str) -> (&'a str, &'a str, &'a str) {
    let found = status.conditions.iter().find(|condition| condition.type_ == type_);
    let found = found.expect("every condition is always said");
    (&found.status, &found.reason, &found.message)
}

/// Returns Ready's status and reason, and the status of Progressing, Degraded and Stalled.
fn verdict_on(status: &ReconciliationStatus) -> [&str; 5] {
    let (ready, reason, _) = condition(status, "Ready");
    let is = |type_| condition(status, type_).0;
    [ready, reason, is("Progressing"), is("Degraded"), is("Stalled")]
}

#[test]
fn workers_that_run_all_shards_are_ready() {
    let status = said_of(&well(), Workers(2));
    assert_eq!(verdict_on(&status), ["True", "Running", "False", "False", "False"]);
    assert_eq!(condition(&status, "Ready").2, "4 shards run on 2 workers");
    assert_eq!(status.observed_generation, Some(3));
    assert_eq!((status.replicas, status.ready_replicas, status.partitions), (2, 2, Some(4)));
    assert_eq!(status.shards.as_deref(), Some("4/4"));
    assert_eq!((status.open_keys, status.overdue_keys), (Some(12), Some(4)));
    assert_eq!((status.lag_records, status.lag_seconds), (Some(28), Some(3)));
    assert_eq!(status.last_completion_at.as_deref(), Some("2026-01-01T09:03:00Z"));
    let workers: Vec<_> =
        status.workers.iter().map(|worker| format!("{} {}", worker.name, worker.shards)).collect();
    assert_eq!(workers, ["shipping-0 0-1", "shipping-1 2-3"]);
    assert_eq!(
        status.selector.as_deref(),
        Some(
            "app.kubernetes.io/component=worker,app.kubernetes.io/instance=shipping,\
             app.kubernetes.io/name=rollcall"
        )
    );
}

#[test]
fn what_is_on_its_way_says_how_far_it_is() {
    let none = Observed::default();
    let mut restoring = well();
    restoring.workers[1].says = Some(says(&[shard(2, "opening"), shard(3, "opening")]));
    restoring.workers[1].ready = false;
    let mut rolling = well();
    rolling.rollout = Some(Rollout { wanted: 2, existing: 2, ready: 2, updated: 1, seen: true });
    let mut leaving = well();
    leaving.rollout = Some(Rollout { wanted: 1, existing: 2, ready: 2, updated: 2, seen: true });
    let mut unseen = well();
    unseen.rollout = Some(Rollout { seen: false, ..rolling.rollout.expect("it is there") });
    let mut starting = well();
    starting.rollout = Some(Rollout { wanted: 3, existing: 3, ready: 2, updated: 3, seen: true });
    for (observed, reason, message) in [
        (&none, "Starting", "the workers are being set up"),
        (&restoring, "Restoring", "2/4 shards"),
        (&rolling, "RollingOut", "1/2 workers run the newest configuration"),
        (&leaving, "Scaling", "1 workers are leaving"),
        (&unseen, "Starting", "the workers are being set up"),
        (&starting, "Starting", "2/3 workers are ready"),
    ] {
        let status = said_of(observed, Workers(2));
        assert_eq!(verdict_on(&status), ["False", reason, "True", "False", "False"]);
        assert_eq!(condition(&status, "Ready").2, message);
    }
    assert_eq!(said_of(&restoring, Workers(2)).shards.as_deref(), Some("2/4"));
}

#[test]
fn what_workers_find_wrong_is_said_in_their_words() {
    let mut observed = well();
    let mut trouble = says(&[]);
    trouble.trouble = Some(rollcall_service::state_api::Trouble {
        reason: "TopicsNotCoPartitioned".to_owned(),
        message: "orders has 3 partitions, manufactured has 6".to_owned(),
        severity: Severity::Unready,
    });
    observed.workers[1].says = Some(trouble);
    let status = said_of(&observed, Workers(2));
    assert_eq!(verdict_on(&status), ["False", "TopicsNotCoPartitioned", "True", "True", "False"]);
    let message = "orders has 3 partitions, manufactured has 6";
    assert_eq!(condition(&status, "Ready").2, message);
    assert_eq!(condition(&status, "Degraded").1, "TopicsNotCoPartitioned");
    assert_eq!(condition(&status, "Degraded").2, message);
}

#[test]
fn what_needs_a_look_only_leaves_the_object_ready() {
    let mut observed = well();
    let before = said_of(&observed, Workers(2));
    let grown = observed.workers[0].says.as_mut().expect("it answers");
    grown.trouble = Some(rollcall_service::state_api::Trouble {
        reason: "TopicsRepartitioned".to_owned(),
        message: "the inputs have 6 partitions".to_owned(),
        severity: Severity::Degraded,
    });
    grown.troubles = grown.trouble.iter().cloned().collect();
    let status = said_of(&observed, Workers(2));
    assert_eq!(condition(&status, "Ready"), condition(&before, "Ready"));
    assert_eq!(condition(&status, "Degraded").1, "TopicsRepartitioned");
    assert_eq!(condition(&status, "Degraded").2, "the inputs have 6 partitions");
}

#[test]
fn a_pod_that_does_not_run_is_said() {
    let mut observed = well();
    let message = "shipping-1 has ended 4 times: error: no".to_owned();
    observed.workers[1].trouble = Some(PodTrouble { reason: "WorkerCrashing", message });
    let status = said_of(&observed, Workers(2));
    assert_eq!(verdict_on(&status), ["False", "WorkerCrashing", "True", "True", "False"]);
}

#[test]
fn shards_that_need_someone_come_before_those_that_try_again() {
    let mut observed = well();
    let mut stopped = shard(2, "stopped");
    stopped["reason"] = json!("input was deleted");
    observed.workers[1].says = Some(says(&[shard(1, "waiting"), stopped]));
    observed.workers[0].says = Some(says(&[shard(0, "running")]));
    let status = said_of(&observed, Workers(2));
    assert_eq!(verdict_on(&status), ["False", "ShardsStopped", "True", "True", "False"]);
    assert_eq!(condition(&status, "Ready").2, "shard 2: input was deleted");

    observed.workers[1].says =
        Some(says(&[shard(1, "waiting"), shard(2, "waiting"), shard(3, "waiting")]));
    let status = said_of(&observed, Workers(2));
    assert_eq!(verdict_on(&status)[1], "ShardsFailing");
    assert_eq!(condition(&status, "Ready").2, "shard 1 (and 2 more): see the worker's log");
}

#[test]
fn a_shard_on_its_way_from_one_worker_to_another_counts_once() {
    let mut observed = well();
    observed.workers[0].says =
        Some(says(&[shard(0, "running"), shard(1, "running"), shard(2, "waiting")]));
    let status = said_of(&observed, Workers(2));
    assert_eq!(status.shards.as_deref(), Some("4/4"));
    assert_eq!(status.open_keys, Some(12));
    assert_eq!(verdict_on(&status)[1], "Running");
}

#[test]
fn pausing_and_scaling_to_zero_are_what_was_asked_for() {
    let gone = Observed { rollout: Some(Rollout { seen: true, ..Rollout::default() }), ..well() };
    let gone = Observed { workers: vec![], ..gone };
    let status = said_of(&gone, Paused);
    assert_eq!(verdict_on(&status), ["True", "Paused", "False", "False", "False"]);
    assert!(condition(&status, "Ready").2.contains("set spec.paused to false"));
    assert_eq!(status.shards.as_deref(), Some("paused"));
    let status = said_of(&gone, Workers(0));
    assert_eq!(verdict_on(&status), ["True", "ScaledToZero", "False", "False", "False"]);
    let status = said_of(&well(), Paused);
    assert_eq!(verdict_on(&status), ["False", "Stopping", "True", "False", "False"]);
}

#[test]
fn more_workers_than_partitions_are_said_to_be_too_many() {
    let status = said_of(&well(), Workers(7));
    assert_eq!(verdict_on(&status)[..2], ["True", "ReplicasExceedPartitions"]);
    assert!(condition(&status, "Ready").2.starts_with("7 workers are asked for, 2 run"));
}

#[test]
fn a_ready_worker_that_does_not_answer_changes_nothing_at_first() {
    let first = said_of(&well(), Workers(2));
    let before = Before { name: "shipping", generation: Some(3), status: &first };
    let mut observed = well();
    observed.workers[1].says = None;
    let after = |silent_looks| {
        let observed = &observed;
        let applied = Applied { desired: Workers(2), silent_looks, observed, remark: None };
        status(&before, &Observation::Applied(applied), now())
    };
    assert_eq!(after(2), first);
    let long = after(3);
    assert_eq!(verdict_on(&long), ["True", "Running", "False", "True", "False"]);
    assert_eq!(condition(&long, "Degraded").1, "WorkersNotReachable");
    assert_eq!(long.shards.as_deref(), Some("4/4"));
}

#[test]
fn a_remark_makes_an_object_degraded_and_not_less_ready() {
    let before = ReconciliationStatus::default();
    let before = Before { name: "shipping", generation: Some(3), status: &before };
    let observed = well();
    let remark = Missing { reason: "SecretForbidden", message: "may not read it".to_owned() };
    let applied = Applied {
        desired: Workers(2),
        silent_looks: 0,
        observed: &observed,
        remark: Some(&remark),
    };
    let said = status(&before, &Observation::Applied(applied), now());
    assert_eq!(verdict_on(&said), ["True", "Running", "False", "True", "False"]);
    assert_eq!(condition(&said, "Degraded").1, "SecretForbidden");
}

#[test]
fn a_console_that_does_not_run_is_told_and_the_object_is_no_less_ready() {
    let console = Some("shipping-console-x has ended 4 times: no token".to_owned());
    let said = said_of(&Observed { console, ..well() }, Workers(2));
    assert_eq!(verdict_on(&said), ["True", "Running", "False", "True", "False"]);
    let (_, reason, message) = condition(&said, "Degraded");
    assert_eq!((reason, message.contains("no token")), ("ConsoleNotRunning", true));
}

#[test]
fn what_is_not_valid_stalls_and_what_is_missing_does_not() {
    let before = said_of(&well(), Workers(2));
    let before = Before { name: "shipping", generation: Some(4), status: &before };
    let problem = rollcall_object::Problem {
        path: "spec.memory".to_owned(),
        line: None,
        message: "\"7\" is not a duration".to_owned(),
        remedy: "write such as 7d".to_owned(),
    };
    let invalid = status(&before, &Observation::Invalid(&[problem]), now());
    assert_eq!(verdict_on(&invalid), ["False", "InvalidSpec", "False", "True", "True"]);
    assert_eq!(
        condition(&invalid, "Ready").2,
        "spec.memory: \"7\" is not a duration: write such as 7d"
    );
    assert_eq!(invalid.observed_generation, Some(4));
    // The workers keep running with the last valid object.
    assert_eq!((invalid.replicas, invalid.shards.as_deref()), (2, Some("4/4")));

    let message = "there is no Secret login";
    let observation =
        Observation::Blocked { reason: "SecretNotFound", message, phase: Phase::Progressing };
    let blocked = status(&before, &observation, now());
    assert_eq!(verdict_on(&blocked), ["False", "SecretNotFound", "True", "True", "False"]);
}

#[test]
fn a_condition_keeps_the_time_of_its_last_change() {
    let first = said_of(&well(), Workers(2));
    let before = Before { name: "shipping", generation: Some(4), status: &first };
    let mut rolling = well();
    rolling.rollout = Some(Rollout { wanted: 2, existing: 2, ready: 2, updated: 1, seen: true });
    let later = at("2026-01-01T11:00:00Z");
    let applied =
        Applied { desired: Workers(2), silent_looks: 0, observed: &rolling, remark: None };
    let second = status(&before, &Observation::Applied(applied), later);
    let time = |status: &ReconciliationStatus, type_: &str| {
        let found = status.conditions.iter().find(|condition| condition.type_ == type_);
        found.expect("it is said").last_transition_time.0
    };
    assert_eq!(time(&second, "Ready"), later);
    assert_eq!(time(&second, "Stalled"), now());
}

#[test]
fn the_same_sight_is_not_written_twice_and_numbers_only_now_and_then() {
    let first = said_of(&well(), Workers(2));
    let before = Before { name: "shipping", generation: Some(3), status: &first };
    let later = at("2026-01-01T11:00:00Z");
    let again = |observed: &Observed| {
        let applied = Applied { desired: Workers(2), silent_looks: 0, observed, remark: None };
        status(&before, &Observation::Applied(applied), later)
    };
    assert_eq!(again(&well()), first);
    let mut busier = well();
    let mut busy = shard(0, "running");
    busy["rows"]["open"] = json!(300);
    busier.workers[0].says = Some(says(&[busy, shard(1, "running")]));
    assert!(!worth_writing(&first, &again(&busier), Numbers::Fresh));
    assert!(worth_writing(&first, &again(&busier), Numbers::Stale));
    let mut moved = well();
    moved.workers[0].says = Some(says(&[shard(0, "running")]));
    assert!(worth_writing(&first, &again(&moved), Numbers::Fresh));
}

#[test]
fn what_was_known_is_kept_while_nobody_answers() {
    let first = said_of(&well(), Workers(2));
    let before = Before { name: "shipping", generation: Some(3), status: &first };
    let rollout = Some(Rollout { seen: true, ..Rollout::default() });
    let gone = Observed { rollout, ..Observed::default() };
    let applied = Applied { desired: Paused, silent_looks: 0, observed: &gone, remark: None };
    let paused = status(&before, &Observation::Applied(applied), now());
    assert_eq!(paused.partitions, Some(4));
    assert_eq!(paused.open_keys, Some(12));
    assert_eq!(paused.last_completion_at, first.last_completion_at);
    assert_eq!(paused.lag_records, None);
}
