//! Missing, misspelt, grown, deleted or limited topics: reported by name, with the remedy.

use std::sync::Arc;

use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::{Process, Worker};

/// Starts a worker that checks its topics every second, not every minute.
fn watchful(shop: &Reconciliation) -> Worker {
    Worker::start_with(shop, "w-1", &["--topic-check-interval", "1s"]).ready()
}

/// Waits until a worker reports this trouble, and returns its severity and its message.
fn trouble(worker: &Worker, reason: &str) -> (String, String) {
    let trouble = eventually(&format!("the worker reports {reason}"), WAIT_TIMEOUT, || {
        let (_, status) = worker.get("/v1/status")?;
        let status: Value = serde_json::from_str(&status).expect("JSON");
        let troubles = status["troubles"].as_array().expect("a list").clone();
        troubles.into_iter().find(|trouble| trouble["reason"] == reason)
    });
    let text = |name: &str| trouble[name].as_str().expect("a text").to_owned();
    (text("severity"), text("message"))
}

/// Waits until a worker has no trouble and is ready.
fn is_well(worker: &Worker) {
    eventually("the worker is well again", WAIT_TIMEOUT, || {
        let (_, status) = worker.get("/v1/status")?;
        let status: Value = serde_json::from_str(&status).expect("JSON");
        let (ready, _) = worker.get("/readyz")?;
        (status["trouble"] == Value::Null && ready == 200).then_some(())
    });
}

/// Returns a reconciliation whose observed topic is misspelt: `…-scan` instead of `…-scans`.
fn misspelt(name: &str) -> (Reconciliation, String, String) {
    let shop = Reconciliation::new(&Broker::shared(), name);
    let (scan, scans) = (format!("{}-scan", shop.name), format!("{}-scans", shop.name));
    shop.broker.create_topic(&scans, PARTITIONS, &[]);
    let observed = serde_json::json!([{"topic": scan, "item": "$.productId"}]);
    (shop.with("observed", observed), scan, scans)
}

#[test]
fn a_misspelt_input_is_not_made_and_the_one_that_was_meant_is_named() {
    let (shop, scan, scans) = misspelt("misspelt");
    let mut worker = Worker::start(&shop, "w-1").process;
    assert!(!worker.exit().success());
    worker.says(&["error", &scan, "does not exist", &format!("did you mean {scans}?")]);
    for topic in [scan, shop.changelog()] {
        assert_eq!(topics::partition_count(&shop.broker, &topic), 0, "{topic} was made");
    }
}

#[test]
fn a_worker_that_keeps_trying_starts_once_the_missing_input_is_there() {
    let (shop, scan, scans) = misspelt("missing-for-now");
    let worker = Worker::start_with(&shop, "w-1", &["--keep-trying"]);
    worker.process.says(&["TopicMissing", &scan, &scans]);
    shop.broker.create_topic(&scan, PARTITIONS, &[]);
    worker.ready();
}

#[test]
fn all_missing_inputs_are_named_at_once() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "none-there")
        .with("topics/createInputs", false);
    let mut worker = Worker::start(&shop, "w-1").process;
    assert!(!worker.exit().success());
    worker.says(&["error", &shop.orders(), &shop.manufactured(), "spec.topics.createInputs"]);
    assert_eq!(topics::partition_count(&shop.broker, &shop.orders()), 0);
}

#[test]
fn an_input_that_has_grown_is_reported_while_the_worker_runs() {
    let shop = Reconciliation::new(&Broker::shared(), "grown");
    let worker = watchful(&shop);
    shop.broker.grow(&shop.manufactured(), 6);
    let (severity, message) = trouble(&worker, "TopicsNotCoPartitioned");
    assert_eq!(severity, "degraded");
    for part in [&format!("{} has 4", shop.orders()), &format!("{} has 6", shop.manufactured())] {
        assert!(message.contains(part), "{message}");
    }
    let readiness = worker.get("/readyz").map(|(status, _)| status);
    assert_eq!(readiness, Some(200), "its other partitions flow on");
}

#[test]
fn inputs_that_have_grown_together_are_reported() {
    let shop = Reconciliation::new(&Broker::shared(), "all-grown");
    let worker = watchful(&shop);
    shop.broker.grow(&shop.manufactured(), 6);
    shop.broker.grow(&shop.orders(), 6);
    let (severity, message) = trouble(&worker, "TopicsRepartitioned");
    assert_eq!(severity, "degraded");
    assert!(message.contains(&shop.orders()) && message.contains("had 4"), "{message}");
}

#[test]
fn topics_that_have_all_grown_while_no_worker_ran_are_refused_with_both_numbers() {
    let shop = Reconciliation::new(&Broker::shared(), "grown-idle");
    let mut worker = shop.worker("w-1");
    shop.order("a", &[1, 2]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(worker.process.terminate().code(), Some(0));
    for topic in [shop.orders(), shop.manufactured(), shop.changelog()] {
        shop.broker.grow(&topic, 6);
    }
    let mut worker = Worker::start(&shop, "w-1");
    let said = worker.process.says(&["have 6 partitions, and had 4", "spec.kafka.groupId"]);
    assert!(said.contains("cannot take partitions away"), "{said}");
    assert_ne!(worker.process.exit().code(), Some(0));
    // Another worker, with an empty disk, does not accept them either.
    let mut other = Worker::start(&shop, "w-2");
    other.process.says(&["have 6 partitions, and had 4"]);
    assert_ne!(other.process.exit().code(), Some(0));
}

#[test]
fn an_output_that_is_deleted_is_named_until_it_is_there_again() {
    let shop = Reconciliation::new(&Broker::shared(), "no-output");
    let worker = watchful(&shop);
    let completed = format!("{}-shipping", shop.name);
    shop.broker.delete_topic(&completed);
    let (severity, message) = trouble(&worker, "TopicDeleted");
    assert_eq!(severity, "unready");
    assert!(message.contains(&completed), "{message}");
    let text = worker.answers("/readyz", 503, WAIT_TIMEOUT);
    assert!(text.contains(&completed), "{text}");
    shop.broker.create_topic(&completed, PARTITIONS, &[]);
    is_well(&worker);
}

#[test]
fn an_input_that_is_recreated_is_named() {
    let shop = Reconciliation::new(&Broker::shared(), "another-input");
    let worker = watchful(&shop);
    shop.broker.delete_topic(&shop.manufactured());
    let (_, message) = trouble(&worker, "TopicDeleted");
    assert!(message.contains(&shop.manufactured()), "{message}");
    shop.broker.create_topic(&shop.manufactured(), PARTITIONS, &[]);
    let (_, message) = trouble(&worker, "TopicRecreated");
    assert!(message.contains(&shop.manufactured()), "{message}");
}

#[test]
fn settings_that_are_changed_while_a_worker_runs_are_reported_until_they_fit() {
    let shop = Reconciliation::new(&Broker::shared(), "changed");
    let worker = watchful(&shop);
    let changelog = shop.changelog();
    shop.broker.set(&changelog, "cleanup.policy", "delete");
    let (severity, message) = trouble(&worker, "ChangelogNotCompacted");
    assert_eq!(severity, "degraded");
    assert!(message.contains(&changelog), "{message}");
    shop.broker.set(&changelog, "cleanup.policy", "compact");
    is_well(&worker);
}

/// Starts a worker that is expected to refuse to run, and returns the line that contains all of
/// `parts`.
fn refusal(shop: &Reconciliation, parts: &[&str]) -> String {
    let mut worker = Worker::start(shop, "w-1").process;
    assert!(!worker.exit().success());
    worker.says(parts)
}

/// Runs a command on the object, and returns whether it found no problem.
fn passes(shop: &Reconciliation, command: &str, says: &[&str]) -> bool {
    let file = shop.file();
    let arguments = [command, "-f", file.to_str().expect("the path is UTF-8")];
    let mut process = Process::start(command, arguments);
    let passes = process.exit().success();
    process.says(says);
    passes
}

#[test]
fn a_changelog_that_forgets_tombstones_too_soon_is_refused_with_the_least_value() {
    let shop = Reconciliation::new(&Broker::shared(), "short-lived");
    let settings = [("cleanup.policy", "compact"), ("delete.retention.ms", "1800000")];
    shop.broker.create_topic(&shop.changelog(), PARTITIONS, &settings);
    refusal(&shop, &["error", &shop.changelog(), "delete.retention.ms=1800000", "3600000"]);
    assert!(!passes(&shop, "topics", &[&shop.changelog(), "delete.retention.ms=1800000"]));
    let shop = shop.with("topics/changelog", serde_json::json!({"deleteRetention": "30m"}));
    assert!(!passes(&shop, "validate", &["deleteRetention", "30m is too small"]));
}

#[test]
fn a_changelog_of_the_least_retention_lets_a_restart_keep_its_local_state() {
    let shop = Reconciliation::new(&Broker::shared(), "least")
        .with("topics/changelog", serde_json::json!({"deleteRetention": "1h"}));
    let mut worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.settle();
    assert_eq!(worker.process.terminate().code(), Some(0));
    let worker = shop.worker("w-1");
    assert_eq!(worker.process.said(&["restoring the local store from nothing"]), None);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
}

#[test]
fn topics_without_a_bound_of_their_own_are_written_to() {
    let shop = Reconciliation::new(&Broker::shared(), "boundless");
    let largest = ("max.message.bytes", "2147483647");
    let completed = format!("{}-shipping", shop.name);
    let dead_letters = format!("{}-dead-letter", shop.name);
    shop.broker.create_topic(&completed, PARTITIONS, &[largest]);
    shop.broker.create_topic(&dead_letters, PARTITIONS, &[largest]);
    let compact = ("cleanup.policy", "compact");
    shop.broker.create_topic(&shop.changelog(), PARTITIONS, &[largest, compact]);
    assert!(passes(&shop, "topics", &[&shop.changelog(), "ok"]));
    let worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.order_value(Some("b"), Some("no JSON"));
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    assert_eq!(shop.dead_letters().len(), 1);
    drop(worker);
}

#[test]
fn a_changelog_that_takes_no_row_is_refused() {
    let shop = Reconciliation::new(&Broker::shared(), "narrow");
    let settings = [("cleanup.policy", "compact"), ("max.message.bytes", "5000")];
    shop.broker.create_topic(&shop.changelog(), PARTITIONS, &settings);
    refusal(&shop, &["error", &shop.changelog(), "max.message.bytes=5000"]);
}

#[test]
fn dead_letters_fit_into_what_the_client_may_send() {
    let shop = Reconciliation::new(&Broker::shared(), "small-client")
        .with("kafka/properties", serde_json::json!({"message.max.bytes": "100000"}))
        .with("limits/rowBytes", "32Ki");
    let worker = shop.worker("w-1");
    shop.order_value(Some("b"), Some(&"x".repeat(500_000)));
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    assert_eq!(shop.dead_letters()[0].header("rollcall-truncated"), "500000");
    drop(worker);
}

#[test]
fn client_settings_that_exclude_each_other_are_refused_beforehand() {
    let shop = Reconciliation::new(&Broker::shared(), "excluding")
        .with("kafka/properties", serde_json::json!({"socket.timeout.ms": "30000"}));
    for command in ["validate", "topics"] {
        assert!(!passes(&shop, command, &["error", "socket.timeout.ms", "transaction.timeout.ms"]));
    }
    refusal(&shop, &["error", "spec.kafka.properties", "socket.timeout.ms"]);
}

#[test]
fn brokers_that_would_refuse_transactions_or_sessions_are_told_beforehand() {
    let settings = "transaction.max.timeout.ms=5000 group.min.session.timeout.ms=20000";
    let broker = Broker::with_settings(free_port(), settings);
    broker.begin();
    let shop = Reconciliation::new(&Arc::new(broker), "short");
    let transactions = ["error", "transaction.max.timeout.ms=5000", "10000"];
    assert!(!passes(&shop, "topics", &transactions));
    let sessions = ["group.min.session.timeout.ms=20000", "session.timeout.ms=10000"];
    assert!(!passes(&shop, "topics", &sessions));
}
