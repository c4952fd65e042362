//! A wrong path in the object: reported once, and how to recover.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::{PARTITIONS, Reconciliation};

/// Sets the group's offsets of a topic to its start, as `kafka-consumer-groups.sh` does: the broker
/// allows it once the group has no members.
fn reset_offsets(shop: &Reconciliation, topic: &str) {
    let consumer: BaseConsumer = shop
        .broker
        .client()
        .set("group.id", &shop.name)
        .set("enable.auto.commit", "false")
        .create()
        .expect("the settings are valid");
    let mut start = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        start.add_partition_offset(topic, partition, Offset::Offset(0)).expect("an offset");
    }
    eventually("the group has no members", WAIT_TIMEOUT, || {
        consumer.commit(&start, CommitMode::Sync).ok()
    });
}

#[test]
fn a_wrong_path_is_told_once_and_undone_by_reading_the_topic_again() {
    let mut shop =
        Reconciliation::new(&Broker::shared(), "path").with("expected/items", "$.item[*].id");
    let mut worker = shop.worker("w-1");
    for n in 0..400 {
        shop.made(&format!("order-{n}"), 1);
        shop.order(&format!("order-{n}"), &[1, 2]);
    }
    shop.settle();
    assert_eq!(shop.dead_letters().len(), 400);
    let orders = shop.orders();
    worker.process.says(&["WARN", &orders, "missing-field", "there is nothing at $.item"]);
    let message = eventually("the trouble is told", WAIT_TIMEOUT, || {
        let (_, body) = worker.get("/v1/status")?;
        let status: Value = serde_json::from_str(&body).ok()?;
        let troubles = status["troubles"].as_array()?.clone();
        let trouble = troubles.into_iter().find(|trouble| trouble["reason"] == "DeadLetters")?;
        Some(trouble["message"].as_str()?.to_owned())
    });
    assert!(message.contains(&format!("nothing on {orders} is usable")), "{message}");
    assert_eq!(worker.get("/readyz").map(|(status, _)| status), Some(200));
    assert!(worker.process.count(&["WARN", "dead letters", &orders]) <= 2, "one line a minute");

    assert_eq!(worker.process.terminate().code(), Some(0));
    shop.set("expected/items", "$.items[*].id");
    reset_offsets(&shop, &orders);
    let worker = shop.worker("w-1");
    shop.settle();
    (0..400).for_each(|n| shop.made(&format!("order-{n}"), 2));
    shop.settle();
    let shipped = shop.shipped_ids();
    assert_eq!(shipped.len(), 400);
    assert_eq!(shipped.iter().collect::<std::collections::BTreeSet<_>>().len(), 400);
    assert_eq!(shop.dead_letters().len(), 400, "those of before, and no more");
    drop(worker);
}
