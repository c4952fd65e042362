//! What an operator does besides running workers: checking topics, pausing.

use std::process::ExitStatus;

use super::kafka::Broker;
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::{Process, Worker};

/// Runs `rollcall topics` with these additional arguments.
fn look(shop: &Reconciliation, arguments: &[&str]) -> (ExitStatus, Process) {
    let file = shop.file();
    let file = file.to_str().expect("the path is UTF-8");
    let arguments = ["topics", "-f", file].into_iter().chain(arguments.iter().copied());
    let mut process = Process::start("topics", arguments);
    (process.exit(), process)
}

#[test]
fn topics_are_told_made_when_asked_for_and_told_again() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "looked")
        .with("topics/createInputs", false)
        .with("topics/manage", false);
    let (status, said) = look(&shop, &[]);
    said.says(&[&shop.changelog(), "changelog", "missing"]);
    said.says(&["error", &shop.orders(), "does not exist", "--create"]);
    assert!(!status.success());
    assert_eq!(topics::partition_count(&shop.broker, &shop.orders()), 0);

    let (status, said) = look(&shop, &["--create"]);
    said.says(&["error", &shop.orders(), "does not exist", "--create-inputs"]);
    said.says(&["error", &shop.manufactured(), "does not exist"]);
    assert!(!status.success());
    assert_eq!(topics::partition_count(&shop.broker, &shop.orders()), 0);
    assert_eq!(topics::partition_count(&shop.broker, &shop.changelog()), 0);

    let (status, said) = look(&shop, &["--create-inputs"]);
    said.says(&[&shop.orders(), "expected", "4", "delete", "ok"]);
    said.says(&[&shop.changelog(), "changelog", "4", "compact", "ok"]);
    assert!(status.success());
    assert_eq!(topics::partition_count(&shop.broker, &shop.changelog()), PARTITIONS);

    let (status, said) = look(&shop, &[]);
    said.says(&[&shop.manufactured(), "observed", "ok"]);
    assert!(status.success());
}

#[test]
fn missing_topics_that_the_worker_makes_are_no_mistake() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "unmade");
    let (status, said) = look(&shop, &[]);
    said.says(&[&shop.orders(), "missing, made by the worker"]);
    assert!(status.success());
    assert_eq!(topics::partition_count(&shop.broker, &shop.orders()), 0);
}

#[test]
fn every_topic_that_does_not_fit_is_told_at_once() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "unfit");
    let dead_letters = format!("{}-dead-letter", shop.name);
    let compact = [("cleanup.policy", "compact")];
    shop.broker.create_topic(&shop.orders(), 3, &[]);
    shop.broker.create_topic(&shop.manufactured(), 6, &compact);
    shop.broker.create_topic(&dead_letters, 1, &compact);
    shop.broker.create_topic(&shop.changelog(), 3, &[("min.insync.replicas", "2")]);
    let (status, said) = look(&shop, &[]);
    said.says(&["error", &shop.orders(), "3", &shop.manufactured(), "6", "co-partitioned"]);
    said.says(&["error", &shop.manufactured(), "last observation"]);
    said.says(&["error", &dead_letters, "without a key"]);
    said.says(&["error", &shop.changelog(), "rows would be lost"]);
    said.says(&["error", &shop.changelog(), "min.insync.replicas=2"]);
    assert!(!status.success());
}

#[test]
fn a_worker_whose_dead_letters_would_be_refused_does_not_start() {
    let shop = Reconciliation::new(&Broker::shared(), "dead-compact");
    let dead_letters = format!("{}-dead-letter", shop.name);
    shop.broker.create_topic(&dead_letters, 1, &[("cleanup.policy", "compact")]);
    let mut worker = Worker::start(&shop, "w-1").process;
    assert!(!worker.exit().success());
    worker.says(&[&dead_letters, "cleanup.policy=delete"]);
}

#[test]
fn a_paused_worker_is_well_and_leaves_everything_as_it_is() {
    let mut shop = Reconciliation::new(&Broker::shared(), "paused");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.flush();
    shop.set("paused", true);
    let mut worker = shop.worker("w-1");
    worker.process.says(&["paused", "spec.paused"]);
    for probe in ["/healthz", "/startupz", "/readyz", "/metrics"] {
        assert_eq!(worker.get(probe).map(|(status, _)| status), Some(200), "{probe}");
    }
    assert_eq!(worker.process.terminate().code(), Some(0));
    assert_eq!(topics::partition_count(&shop.broker, &shop.changelog()), 0);
    assert_eq!(topics::committed(&shop.broker, &shop.name, &shop.orders()).len(), 0);

    shop.set("paused", false);
    let worker = shop.worker("w-1");
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker);
}
