//! What cannot work is reported clearly, with the remedy, and nothing is lost.

use std::sync::Arc;

use super::kafka::Broker;
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics::{self, Writer};
use super::worker::Worker;

/// Starts a worker that is expected to refuse to run, and returns the line that contains all of
/// `parts`.
fn refusal(shop: &Reconciliation, parts: &[&str]) -> String {
    let mut worker = Worker::start(shop, "w-1").process;
    assert!(!worker.exit().success());
    worker.says(parts)
}

#[test]
fn a_worker_started_before_its_broker_says_so_and_waits() {
    let shop = Reconciliation::without_topics(&Arc::new(Broker::absent()), "early");
    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&[&shop.broker.bootstrap_servers()]);
    shop.broker.begin();
    let worker = worker.ready();
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker);
}

#[test]
fn a_missing_topic_is_named_when_topics_are_not_managed() {
    let shop = Reconciliation::new(&Broker::shared(), "missing").with("topics/manage", false);
    refusal(&shop, &[&shop.changelog(), "topics.manage"]);
}

#[test]
fn missing_topics_are_made_with_the_partitions_of_the_object() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "managed");
    let worker = shop.worker("w-1");
    for topic in [shop.orders(), shop.manufactured(), shop.changelog()] {
        assert_eq!(topics::partition_count(&shop.broker, &topic), PARTITIONS, "{topic}");
    }
    drop(worker);
}

#[test]
fn a_second_process_with_the_same_state_directory_is_refused() {
    let shop = Reconciliation::new(&Broker::shared(), "shared-state");
    let first = shop.worker("w-1");
    let state = shop.state_dir("w-1");
    let mut second = Worker::start_in(&shop, "w-2", &state).process;
    assert!(!second.exit().success());
    second.says(&[state.to_str().expect("UTF-8"), "another"]);
    shop.order("a", &[1]);
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(first);
}

#[test]
fn the_state_directory_of_another_reconciliation_is_refused() {
    let other = Reconciliation::new(&Broker::shared(), "owner");
    assert_eq!(other.worker("w-1").process.terminate().code(), Some(0));
    let shop = Reconciliation::new(&Broker::shared(), "stranger");
    let state = other.state_dir("w-1");
    let mut worker = Worker::start_in(&shop, "w-1", &state).process;
    assert!(!worker.exit().success());
    worker.says(&[state.to_str().expect("UTF-8"), &other.name]);
}

/// Prepares a reconciliation whose next input was deleted before it was processed.
fn truncated(name: &str) -> Reconciliation {
    let shop = Reconciliation::new(&Broker::shared(), name);
    let mut worker = shop.worker("w-1");
    (0..40).for_each(|n| shop.order(&format!("seen-{n}"), &[1]));
    shop.settle();
    assert_eq!(worker.process.terminate().code(), Some(0));
    (0..40).for_each(|n| shop.order(&format!("lost-{n}"), &[1]));
    shop.flush();
    shop.broker.truncate(&shop.orders(), PARTITIONS);
    shop
}

#[test]
fn input_deleted_before_it_was_processed_stops_the_shard_with_the_remedy() {
    let shop = truncated("truncated");
    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&[&shop.orders(), "onTruncation"]);
}

#[test]
fn input_deleted_before_it_was_processed_is_passed_when_the_loss_is_accepted() {
    let shop = truncated("accepted").with("onTruncation", "continue");
    let worker = shop.worker("w-1");
    (0..40).for_each(|n| shop.made(&format!("seen-{n}"), 1));
    shop.order("new", &[1]);
    shop.made("new", 1);
    shop.settle();
    assert_eq!(shop.shipped().len(), 41);
    drop(worker);
}

/// Prepares a reconciliation with state in its changelog and no worker.
fn at_rest(name: &str) -> Reconciliation {
    let shop = Reconciliation::new(&Broker::shared(), name);
    let mut worker = shop.worker("w-1");
    (0..40).for_each(|n| shop.order(&format!("order-{n}"), &[1]));
    shop.settle();
    assert_eq!(worker.process.terminate().code(), Some(0));
    shop
}

#[test]
fn a_changelog_that_was_deleted_is_refused_with_the_remedy() {
    let shop = at_rest("deleted");
    shop.broker.delete_topic(&shop.changelog());
    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&["changelog topic", "rollcall reset"]);
}

#[test]
fn a_changelog_that_was_recreated_is_refused_with_the_remedy() {
    let shop = at_rest("recreated");
    shop.broker.delete_topic(&shop.changelog());
    shop.broker.create_topic(&shop.changelog(), PARTITIONS, &[("cleanup.policy", "compact")]);
    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&["changelog topic", "rollcall reset"]);
}

#[test]
fn a_row_of_an_unknown_version_is_refused_with_the_upgrade_path() {
    let shop = at_rest("newer");
    shop.delete_state("w-1");
    let writer = Writer::new(&shop.broker);
    for partition in 0..PARTITIONS {
        writer.send_to(&shop.changelog(), partition, Some(b"order-0"), Some(&[0xee; 40]));
    }
    writer.flush();
    let worker = Worker::start(&shop, "w-1");
    worker.process.says(&["version of rollcall that wrote it"]);
}

#[test]
fn a_row_that_would_be_too_large_becomes_a_dead_letter() {
    let shop = Reconciliation::new(&Broker::shared(), "large").with("limits/rowBytes", "1Ki");
    let worker = shop.worker("w-1");
    let products: Vec<i64> = (1_000_000..1_000_400).collect();
    shop.order("a", &products);
    (1_000_000..1_000_400).for_each(|product| shop.made("b", product));
    shop.order("c", &[1]);
    shop.made("c", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["c"]);
    let letters = shop.dead_letters();
    let keys: Vec<_> = letters.iter().filter_map(|letter| letter.key.as_deref()).collect();
    assert!(keys.contains(&"a") && keys.contains(&"b"), "{keys:?}");
    assert!(shop.dead_letter_reasons().iter().all(|reason| reason == "row-too-large"));
    drop(worker);
}
