//! Timestamps of records: old ones, impossible ones, and inputs that cannot be read to their end.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::reconciliation::{PARTITIONS, Reconciliation, made, order};
use super::topics::{self, Record, Writer};
use super::worker::Worker;

const DAY_MS: i64 = 24 * 3_600_000;
const SOURCE_TIMESTAMP: &str = "rollcall-source-timestamp";

pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_millis()).expect("it is before the year 292 million")
}

/// Returns a reconciliation whose inputs keep and accept records of any time.
fn shop(broker: &Arc<Broker>, name: &str) -> Reconciliation {
    let shop = Reconciliation::without_topics(broker, name);
    let any = [
        ("retention.ms", "-1"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ];
    broker.create_topic(&shop.orders(), PARTITIONS, &any);
    broker.create_topic(&shop.manufactured(), PARTITIONS, &any);
    shop
}

/// Returns the sum of a metric's samples with this label.
fn sum(worker: &Worker, name: &str, label: &str) -> f64 {
    let text = worker.get("/metrics").map(|answer| answer.1).unwrap_or_default();
    let of = |line: &&str| line.starts_with(&format!("{name}{{")) && line.contains(label);
    let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
    text.lines().filter(of).filter_map(value).sum()
}

fn assert_bears_the_present(record: &Record, began_at_ms: i64) {
    let commit = began_at_ms..=now_ms();
    assert!(commit.contains(&record.timestamp_ms), "{record:?} is not of {commit:?}");
}

#[test]
fn what_comes_of_old_input_is_not_deleted_as_old() {
    let often = "log.retention.check.interval.ms=300 log.initial.task.delay.ms=300";
    let broker = Broker::with_settings(free_port(), often);
    broker.begin();
    let broker = Arc::new(broker);
    let began_at_ms = now_ms();
    let shop = shop(&broker, "old").with("overdue/after", "1h");
    let outputs =
        ["shipping", "overdue", "dead-letter"].map(|kind| format!("{}-{kind}", shop.name));
    let week = [("retention.ms", "604800000")];
    outputs.iter().for_each(|topic| broker.create_topic(topic, PARTITIONS, &week));
    broker.create_topic("control", 1, &week);
    let old_ms = began_at_ms - 30 * DAY_MS;
    let writer = Writer::new(&broker);
    for n in 0..50 {
        let id = format!("o-{n}");
        writer.send_at(&shop.orders(), id.as_bytes(), order(&id, &[1]).as_bytes(), old_ms);
        writer.send_at(&shop.manufactured(), id.as_bytes(), made(&id, 1).as_bytes(), old_ms);
    }
    writer.send_at(&shop.orders(), b"open", order("open", &[1]).as_bytes(), old_ms);
    writer.send_at(&shop.orders(), b"bad", b"{", old_ms);
    writer.flush();
    let _worker = shop.worker("w-1");
    shop.settle();
    eventually("the open order is overdue", WAIT_TIMEOUT, || {
        (!shop.overdue().is_empty()).then_some(())
    });
    // Retention has checked all topics when the last record written is gone.
    writer.send_at("control", b"k", b"v", old_ms);
    writer.flush();
    eventually("an old record is deleted", WAIT_TIMEOUT, || {
        topics::read(&broker, "control").is_empty().then_some(())
    });
    assert_eq!((shop.shipped().len(), shop.overdue().len(), shop.dead_letters().len()), (50, 1, 1));
    for record in shop.shipped().iter().chain(&shop.dead_letters()) {
        assert_eq!(record.header(SOURCE_TIMESTAMP), old_ms.to_string());
        assert_bears_the_present(record, began_at_ms);
    }
    assert_bears_the_present(&shop.overdue()[0], began_at_ms);
}

#[test]
fn outputs_bear_the_times_of_their_records_where_that_is_asked_for() {
    let shop = shop(&Broker::shared(), "source").with("outputTimestamp", "source");
    let writer = Writer::new(&shop.broker);
    let at_ms = now_ms() - DAY_MS;
    for (id, at_ms) in [("usual", at_ms), ("micros", at_ms * 1_000)] {
        writer.send_at(&shop.orders(), id.as_bytes(), order(id, &[1]).as_bytes(), at_ms);
        writer.send_at(&shop.manufactured(), id.as_bytes(), made(id, 1).as_bytes(), at_ms);
    }
    writer.flush();
    let began_at_ms = now_ms();
    let _worker = shop.worker("w-1");
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["micros", "usual"]);
    for record in shop.shipped() {
        assert!(!record.headers.contains_key(SOURCE_TIMESTAMP), "{record:?}");
        match record.key.as_deref() {
            Some("usual") => assert_eq!(record.timestamp_ms, at_ms),
            _ => assert_bears_the_present(&record, began_at_ms),
        }
    }
}

#[test]
fn records_whose_times_nobody_can_mean_flow_on_and_are_counted() {
    let shop = shop(&Broker::shared(), "unusable").with("overdue/after", "5s");
    let now = now_ms();
    let times = [-1, 1, now / 1_000, now * 1_000, now * 1_000_000];
    let writer = Writer::new(&shop.broker);
    let worker = shop.worker("w-1");
    for (n, at_ms) in times.into_iter().enumerate() {
        let (id, open, bad) = (format!("o-{n}"), format!("open-{n}"), format!("bad-{n}"));
        let (orders, manufactured) = (shop.orders(), shop.manufactured());
        writer.send_at(&orders, id.as_bytes(), order(&id, &[1]).as_bytes(), at_ms);
        writer.send_at(&orders, open.as_bytes(), order(&open, &[1]).as_bytes(), at_ms);
        writer.send_at(&orders, bad.as_bytes(), b"{", at_ms);
        writer.send_at(&manufactured, id.as_bytes(), made(&id, 1).as_bytes(), at_ms);
        writer.flush();
    }
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["o-0", "o-1", "o-2", "o-3", "o-4"]);
    let mut told: Vec<i64> = shop
        .dead_letters()
        .iter()
        .map(|letter| letter.header(SOURCE_TIMESTAMP).parse().expect("a number"))
        .collect();
    told.sort_unstable();
    assert_eq!(told, times, "as they came");
    for (topic, count) in [(shop.orders(), 15.0), (shop.manufactured(), 5.0)] {
        let label = format!("topic=\"{topic}\"");
        eventually("all are counted", WAIT_TIMEOUT, || {
            let counted = sum(&worker, "rollcall_records_unusable_time_total", &label);
            (counted.to_bits() == f64::to_bits(count)).then_some(())
        });
    }
    worker.process.says(&["timestamp cannot be used", &shop.orders()]);
    let overdue = eventually("the open orders are overdue", WAIT_TIMEOUT, || {
        Some(shop.overdue()).filter(|overdue| overdue.len() >= times.len())
    });
    assert_eq!(overdue.len(), times.len());
    for record in overdue {
        let value: serde_json::Value =
            serde_json::from_str(record.value.as_deref().expect("a value")).expect("it is JSON");
        let since = value["since"].as_str().expect("an instant").parse::<jiff::Timestamp>();
        let since_ms = since.expect("an instant").as_millisecond();
        assert!((now..=now_ms()).contains(&since_ms), "it arrived when it was read: {value}");
        assert_bears_the_present(&record, now + 5_000);
    }
}

/// Begins a transaction with one record.
fn hanging(broker: &Broker, topic: &str, key: &str, value: &str) -> BaseProducer {
    let producer: BaseProducer = broker
        .client()
        .set("transactional.id", format!("{topic}-foreign"))
        .set("transaction.timeout.ms", "300000")
        .set("partitioner", "murmur2_random")
        .create()
        .expect("the settings are valid");
    producer.init_transactions(WAIT_TIMEOUT).expect("the broker answers");
    producer.begin_transaction().expect("it may");
    producer.send(BaseRecord::to(topic).key(key).payload(value)).expect("there is room");
    producer.flush(WAIT_TIMEOUT).expect("the broker takes it");
    producer
}

#[test]
fn an_open_transaction_on_an_input_holds_deadlines_and_is_told() {
    let shop = Reconciliation::new(&Broker::shared(), "hanging").with("overdue/after", "2s");
    let worker = shop.worker("w-1");
    shop.order("o-1", &[1, 2]);
    shop.settle();
    let topic = shop.manufactured();
    let label = format!("topic=\"{topic}\"");
    let producer = hanging(&shop.broker, &topic, "o-1", &made("o-1", 2));
    // It must not be visible before the transaction ends.
    shop.made("o-1", 1);
    shop.flush();
    let open = || sum(&worker, "rollcall_open_transaction_seconds", &label);
    eventually("the open transaction is told", WAIT_TIMEOUT, || (open() > 4.0).then_some(()));
    assert!(sum(&worker, "rollcall_lag_seconds", &label) > 2.0, "the lag ages");
    assert_eq!(shop.overdue(), [], "its items may stand behind the transaction");
    let (_, status) = worker.get("/v1/status").expect("it answers");
    assert!(status.contains("openTransactionSince"), "{status}");
    producer.commit_transaction(WAIT_TIMEOUT).expect("the broker commits");
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["o-1"]);
    eventually("no transaction is open", WAIT_TIMEOUT, || (open() < 0.001).then_some(()));
    shop.order("o-2", &[1]);
    let overdue = eventually("deadlines fire again", Duration::from_secs(30), || {
        Some(shop.overdue()).filter(|overdue| !overdue.is_empty())
    });
    assert_eq!(overdue[0].key.as_deref(), Some("o-2"));
}
