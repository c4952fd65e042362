//! `rollcall validate --against-broker`: what would become of the last records of each input.

use std::process::{Command, Output};
use std::time::Duration;

use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::json;

use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::reconciliation::{PARTITIONS, Reconciliation, made, order};
use super::topics::{self, Writer};

/// Runs the command on the object and returns whether it found no problem, what it printed, and
/// what it complained about.
pub fn look(shop: &Reconciliation, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    let command = command.args(["validate", "--against-broker", "-f"]).arg(shop.file());
    let Output { status, stdout, stderr } = command.args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    (status.success(), text(stdout), text(stderr))
}

#[test]
fn each_record_is_told_by_its_entry_its_key_and_its_items_or_its_reason() {
    let shop = Reconciliation::new(&Broker::shared(), "looked-at").with("partitioner", "murmur2");
    let observed = json!([{
        "topic": shop.manufactured(),
        "where": [{"header": "event-type", "notIn": ["heartbeat"]}],
        "key": "$.orderId",
        "item": "$.productId"
    }]);
    let shop = shop.with("observed", observed);
    shop.order("o1", &[1, 2]);
    shop.made("o1", 1);
    shop.send(&shop.manufactured(), "o1", "no JSON", &[("event-type", "heartbeat")]);
    shop.flush();
    let (passes, says, complaint) = look(&shop, &[]);
    assert!(passes, "{complaint}");
    for part in [
        format!("{}: the last 1 record of {PARTITIONS} partitions", shop.orders()),
        "offset 0: the key o1 needs 2 items: 1, 2".to_owned(),
        "offset 0: the item 1 of the key o1 has arrived".to_owned(),
        "offset 1, key o1, spec.observed[0].where[0] does not hold".to_owned(),
    ] {
        assert!(says.contains(&part), "{part} is not in {says}");
    }
    // A wrong path, and a producer with another partitioner.
    shop.order_value(Some("o2"), Some(r#"{"id":"o2","products":[]}"#));
    shop.flush();
    let other = Writer::by(&shop.broker, "consistent_random");
    for key in (0..20).map(|n| format!("p{n}")) {
        other.send(&shop.manufactured(), Some(key.as_bytes()), Some(made(&key, 1).as_bytes()));
    }
    other.flush();
    let (passes, says, complaint) = look(&shop, &[]);
    assert!(!passes && complaint.contains("records would become dead letters"), "{complaint}");
    for part in ["dead letter missing-field", "there is nothing at $.items"] {
        assert!(says.contains(part), "{part} is not in {says}");
    }
    assert!(says.contains("by murmur2 (the default of Java producers)"), "{says}");
    let committed = topics::committed(&shop.broker, &shop.name, &shop.orders());
    assert!(committed.is_empty(), "it has committed {committed:?}");
    assert_eq!(topics::partition_count(&shop.broker, &shop.changelog()), 0, "it was made");
}

#[test]
fn records_before_the_partitioner_is_known_are_judged_by_it_too() {
    let shop = Reconciliation::new(&Broker::shared(), "found-out");
    let partition = (partition_of("first") + 1) % PARTITIONS;
    let writer = Writer::new(&shop.broker);
    let (topic, value) = (shop.manufactured(), made("first", 1));
    writer.send_to(&topic, partition, Some(b"first"), Some(value.as_bytes()));
    writer.flush();
    for key in (0..80).map(|n| format!("o{n}")) {
        shop.order(&key, &[1]);
        shop.made(&key, 1);
    }
    shop.flush();
    let (passes, says, complaint) = look(&shop, &[]);
    assert!(!passes, "{says}");
    let expected = format!("partition {partition} offset 0, key first: the record is in partition");
    assert!(complaint.contains("1 of 161 records would become dead letters"), "{complaint}");
    assert!(says.contains(&expected), "{says}");
}

/// Returns the partition of a key by murmur2, as a producer chooses it.
fn partition_of(key: &str) -> i32 {
    let count = std::num::NonZeroU32::new(PARTITIONS.unsigned_abs()).expect("there are some");
    let partition = rollcall_core::codec::Partitioner::Murmur2.partition(key.as_bytes(), count);
    i32::try_from(partition).expect("it is small")
}

#[test]
fn producers_that_differ_are_named_before_a_worker_runs() {
    let shop = Reconciliation::new(&Broker::shared(), "differing");
    let other = Writer::by(&shop.broker, "consistent_random");
    for key in (0..80).map(|n| format!("o{n}")) {
        let order = order(&key, &[1]);
        other.send(&shop.orders(), Some(key.as_bytes()), Some(order.as_bytes()));
        shop.made(&key, 1);
    }
    other.flush();
    shop.flush();
    let (passes, _, complaint) = look(&shop, &[]);
    assert!(!passes);
    for part in [&format!("{} uses crc32", shop.orders()), "murmur2_random"] {
        assert!(complaint.contains(part), "{complaint}");
    }
}

#[test]
fn only_committed_records_count_and_the_last_are_found_behind_markers() {
    let shop = Reconciliation::new(&Broker::shared(), "behind-markers");
    let producer: ThreadedProducer<DefaultProducerContext> = shop
        .broker
        .client()
        .set("transactional.id", format!("{}-sender", shop.name))
        .create()
        .expect("the settings are valid");
    producer.init_transactions(WAIT_TIMEOUT).expect("the broker answers");
    for n in 0..40 {
        producer.begin_transaction().expect("none is open");
        let (key, value) = (format!("o{n}"), order(&format!("o{n}"), &[1]));
        let topic = shop.orders();
        let record = BaseRecord::to(&topic).partition(0).key(&key).payload(&value);
        producer.send(record).expect("there is room");
        if n % 4 == 0 {
            producer.abort_transaction(WAIT_TIMEOUT).expect("it is open");
        } else {
            producer.commit_transaction(WAIT_TIMEOUT).expect("it is open");
        }
    }
    producer.flush(Duration::from_secs(10)).expect("all is sent");
    // Each has a marker behind it, and every fourth was aborted.
    let (_, says, complaint) = look(&shop.with("partitioner", "unchecked"), &["--last", "12"]);
    assert!(says.contains("the last 12 records of"), "{says}{complaint}");
    assert!(!says.contains("the key o0 needs"), "{says}");
}

#[test]
fn a_topic_that_is_empty_or_missing_and_a_broker_that_is_away_are_told() {
    let shop = Reconciliation::new(&Broker::shared(), "nothing-yet");
    let (passes, says, _) = look(&shop, &[]);
    assert!(passes && says.contains("no records in 4 partitions"), "{says}");

    let observed = json!([{"topic": "nothing-like-it", "item": "$.productId"}]);
    let missing = shop.with("observed", observed);
    let (passes, says, complaint) = look(&missing, &[]);
    assert!(!passes && says.contains("no records in 4 partitions"), "{says}");
    assert!(complaint.contains("topic nothing-like-it"), "{complaint}");
    assert!(complaint.contains("create it"), "{complaint}");

    let away = format!("localhost:{}", free_port());
    let (passes, _, complaint) = look(&missing.with("kafka/bootstrapServers", away), &[]);
    assert!(!passes && complaint.contains("check spec.kafka.bootstrapServers"), "{complaint}");
}
