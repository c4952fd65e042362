//! Offsets dropped by brokers, recreated topics, changed objects: the committed state shows them,
//! and nothing is silently skipped or sent twice.

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::Worker;

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

fn shop(name: &str) -> Reconciliation {
    Reconciliation::new(&Broker::shared(), name)
}

/// Stops a worker as an operator would.
fn stop(mut worker: Worker) {
    assert_eq!(worker.process.terminate().code(), Some(0));
}

/// Drops the group's offsets of a topic, as brokers do for a topic that no member subscribes to.
fn drop_offsets(shop: &Reconciliation, topic: &str) {
    let arguments = ["--delete-offsets", "--group", &shop.name, "--topic", topic];
    shop.broker.tool(GROUPS, &arguments);
    assert!(topics::committed(&shop.broker, &shop.name, topic).is_empty());
}

/// Waits until the worker is not ready, and returns why.
fn refusal(worker: &Worker, part: &str) -> String {
    eventually(&format!("the worker says {part:?}"), WAIT_TIMEOUT, || {
        let (status, why) = worker.get("/readyz")?;
        (status == 503 && why.contains(part)).then_some(why)
    })
}

#[test]
fn an_offset_that_was_dropped_is_found_beside_another_and_nothing_is_counted_twice() {
    let shop = shop("dropped").with("counting", "quantity");
    let worker = shop.worker("w-1");
    shop.order("a", &[1, 1, 1]);
    shop.made("a", 1);
    shop.made("a", 1);
    shop.settle();
    stop(worker);
    drop_offsets(&shop, &shop.manufactured());
    let worker = shop.worker("w-1");
    // If read again from the start, two of three would count as four.
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["b"]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
    drop(worker);
}

#[test]
fn what_came_while_a_worker_was_away_is_not_skipped_though_its_offset_was_dropped() {
    let shop = shop("skipped").with("startFrom", "latest");
    let worker = shop.worker("w-1");
    eventually("the group has its first offsets", WAIT_TIMEOUT, || {
        let committed = topics::committed(&shop.broker, &shop.name, &shop.manufactured());
        (committed.len() == usize::try_from(PARTITIONS).expect("a few")).then_some(())
    });
    shop.order("a", &[1]);
    shop.settle();
    stop(worker);
    drop_offsets(&shop, &shop.manufactured());
    shop.made("a", 1);
    shop.flush();
    let worker = shop.worker("w-1");
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker);
}

#[test]
fn a_group_whose_offsets_are_gone_is_not_taken_for_a_new_one() {
    let shop = shop("expired");
    let worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    stop(worker);
    drop_offsets(&shop, &shop.orders());
    drop_offsets(&shop, &shop.manufactured());
    let worker = Worker::start(&shop, "w-1");
    let why = refusal(&worker, "no offset is committed");
    assert!(why.contains("--reset-offsets") && why.contains("rollcall reset"), "{why}");
    assert_eq!(shop.shipped_ids(), ["a"]);
    stop(worker);
    // The remedy: everything is read again, and completed orders are not completed again.
    for topic in [shop.orders(), shop.manufactured()] {
        let from_start = ["--reset-offsets", "--to-earliest", "--execute"];
        let arguments = [&["--group", &shop.name, "--topic", &topic][..], &from_start].concat();
        shop.broker.tool(GROUPS, &arguments);
    }
    let worker = shop.worker("w-1");
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
    drop(worker);
}

/// Returns a reconciliation without a worker whose orders topic was recreated and is longer than
/// before.
fn recreated(name: &str, on_truncation: &str) -> Reconciliation {
    let shop = shop(name).with("onTruncation", on_truncation);
    let worker = shop.worker("w-1");
    for id in 0..10 {
        shop.order(&format!("before-{id}"), &[1]);
    }
    shop.settle();
    stop(worker);
    shop.broker.delete_topic(&shop.orders());
    shop.broker.create_topic(&shop.orders(), PARTITIONS, &[]);
    for id in 0..50 {
        shop.order(&format!("after-{id}"), &[1]);
    }
    shop.flush();
    shop
}

#[test]
fn an_input_that_was_made_again_stops_its_shards_and_is_named() {
    let shop = recreated("recreated-stop", "stop");
    let worker = Worker::start(&shop, "w-1");
    let why = refusal(&worker, "deleted and recreated");
    assert!(why.contains(&shop.orders()) && why.contains("onTruncation"), "{why}");
}

#[test]
fn an_input_that_was_made_again_is_read_from_its_start_where_that_is_accepted() {
    let shop = recreated("recreated-continue", "continue");
    let worker = shop.worker("w-1");
    for id in 0..50 {
        shop.made(&format!("after-{id}"), 1);
    }
    shop.settle();
    assert_eq!(shop.shipped_ids().len(), 50);
    worker.process.says(&[&shop.orders(), "made again"]);
    let (_, metrics) = worker.get("/metrics").expect("metrics");
    let counted = format!(" {PARTITIONS}");
    let recreated = |line: &str| line.starts_with("rollcall_inputs_recreated_total");
    assert!(metrics.lines().any(|line| recreated(line) && line.ends_with(&counted)), "{metrics}");
}

#[test]
fn idle_offsets_are_committed_again_within_the_time_that_brokers_keep_them() {
    let broker = Broker::with_settings(super::kafka::free_port(), "offsets.retention.minutes=1");
    broker.begin();
    let shop = Reconciliation::new(&std::sync::Arc::new(broker), "renewed");
    let worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.settle();
    let commits = || {
        let (_, metrics) = worker.get("/metrics")?;
        let line =
            metrics.lines().find(|line| line.starts_with("rollcall_commit_seconds_count"))?;
        line.rsplit(' ').next()?.parse::<f64>().ok()
    };
    let before = eventually("commits are counted", WAIT_TIMEOUT, commits);
    eventually("idle shards commit", WAIT_TIMEOUT, || (commits()? > before + 3.0).then_some(()));
}

#[test]
fn a_group_that_another_object_uses_is_refused_and_left_alone() {
    let mut shop = shop("taken");
    let healthy = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    shop.rename("another");
    let mut newcomer = Worker::start(&shop, "w-2").process;
    assert!(!newcomer.exit().success());
    newcomer.says(&["another", "groupId", &shop.name]);
    assert_eq!(healthy.get("/readyz").expect("an answer").0, 200);
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
}

#[test]
fn a_new_group_over_completions_that_are_there_says_that_they_come_again() {
    let mut shop = shop("regrouped");
    let worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    stop(worker);
    shop.set("kafka/groupId", format!("{}-2", shop.name));
    let worker = shop.worker("w-2");
    worker.process.says(&["this consumer group is new", "groupId"]);
}

#[test]
fn an_input_that_is_made_again_under_a_running_worker_is_read_from_its_start() {
    let shop = shop("recreated-live").with("onTruncation", "continue");
    let worker = Worker::start_with(&shop, "w-1", &["--topic-check-interval", "2s"]).ready();
    for id in 0..10 {
        shop.order(&format!("before-{id}"), &[1]);
    }
    shop.settle();
    shop.broker.delete_topic(&shop.orders());
    shop.broker.create_topic(&shop.orders(), PARTITIONS, &[]);
    for id in 0..50 {
        shop.order(&format!("after-{id}"), &[1]);
        shop.made(&format!("after-{id}"), 1);
    }
    shop.flush();
    eventually("all of the new topic is completed", WAIT_TIMEOUT, || {
        (shop.shipped_ids().len() == 50).then_some(())
    });
    worker.process.says(&[&shop.orders(), "made again"]);
}

#[test]
fn an_object_that_says_otherwise_how_to_count_is_refused_over_rows_that_are_there() {
    let mut shop = shop("changed");
    let worker = shop.worker("w-1");
    shop.order("a", &[1, 2]);
    shop.settle();
    stop(worker);
    shop.set("counting", "quantity");
    let mut other = Worker::start(&shop, "w-1").process;
    assert!(!other.exit().success());
    other.says(&["counting", "distinct", "quantity", "rollcall reset"]);
    shop.set("counting", "distinct");
    let worker = shop.worker("w-1");
    shop.made("a", 1);
    shop.made("a", 2);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker);
}
