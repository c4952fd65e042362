//! Producers with different partitioners.

use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::{Reconciliation, made, order};
use super::topics::Writer;
use super::worker::{Process, Worker};

const CRC32: &str = "consistent_random";
const MURMUR2: &str = "murmur2_random";

fn ask(worker: &Worker, path: &str) -> (u16, Value) {
    let (status, body) = worker.get(path).expect("the worker answers");
    (status, serde_json::from_str(&body).expect("it answers in JSON"))
}

fn status_until(worker: &Worker, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, WAIT_TIMEOUT, || {
        let (_, status) = ask(worker, "/v1/status");
        is(&status).then_some(status)
    })
}

fn has_trouble(status: &Value, reason: &str) -> bool {
    status["troubles"].as_array().is_some_and(|all| all.iter().any(|one| one["reason"] == reason))
}

/// Sends these orders of two products each, by one producer, and the manufactured products by
/// another.
fn send(shop: &Reconciliation, keys: std::ops::Range<u32>, orders: &str, manufactured: &str) {
    let (orders, manufactured) =
        (Writer::by(&shop.broker, orders), Writer::by(&shop.broker, manufactured));
    for key in keys {
        let key = format!("order-{key}");
        let (order, made) = (order(&key, &[1, 2]), made(&key, 1));
        orders.send(&shop.orders(), Some(key.as_bytes()), Some(order.as_bytes()));
        manufactured.send(&shop.manufactured(), Some(key.as_bytes()), Some(made.as_bytes()));
    }
    orders.flush();
    manufactured.flush();
}

/// Checks that the worker and `rollcall inspect` know what each key is waiting for.
fn all_are_found(shop: &Reconciliation, worker: &Worker, keys: std::ops::Range<u32>) {
    let file = shop.file();
    let file = file.to_str().expect("the path is UTF-8");
    for key in keys {
        let key = format!("order-{key}");
        let (status, story) = ask(worker, &format!("/v1/keys/{key}"));
        assert_eq!((status, &story["missingTotal"]), (200, &1.into()), "{key}: {story}");
        if key.ends_with('0') {
            let arguments = ["inspect", &key, "-f", file, "--server", &worker.address()];
            assert!(Process::start("inspect", arguments).exit().success(), "{key}");
        }
    }
}

#[test]
fn keys_of_librdkafkas_default_are_learnt_found_and_remembered() {
    let shop = Reconciliation::new(&Broker::shared(), "crc");
    let mut worker = shop.worker("w-1");
    send(&shop, 0..9, CRC32, CRC32);
    shop.settle();
    let (_, status) = ask(&worker, "/v1/status");
    assert_eq!(status["partitioner"], Value::Null, "nine keys are no evidence");
    all_are_found(&shop, &worker, 0..9);
    assert_eq!(ask(&worker, "/v1/keys/nobody").0, 404);

    send(&shop, 9..60, CRC32, CRC32);
    shop.settle();
    status_until(&worker, "the partitioner is known", |status| status["partitioner"] == "crc32");
    all_are_found(&shop, &worker, 0..60);
    let (code, problem) = ask(&worker, "/v1/keys/nobody");
    assert_eq!((code, problem["shard"].is_u64()), (404, true), "{problem}");
    assert_eq!(shop.dead_letters().len(), 0);

    // Another worker remembers what this one has learnt, and rejects misplaced records.
    assert_eq!(worker.process.terminate().code(), Some(0));
    let worker = shop.worker("w-1");
    assert_eq!(ask(&worker, "/v1/status").1["partitioner"], "crc32");
    send(&shop, 60..80, CRC32, MURMUR2);
    shop.settle();
    let letters = shop.dead_letters();
    assert!((5..20).contains(&letters.len()), "a quarter fits by chance: {}", letters.len());
    for letter in &letters {
        assert_eq!(letter.header("rollcall-reason"), "wrong-partition");
        assert_eq!(letter.header("rollcall-source-topic"), shop.manufactured());
        let partition = letter.header("rollcall-source-partition");
        let start =
            format!("the record is in partition {partition}, its key belongs to partition ");
        let detail = letter.header("rollcall-detail");
        assert!(detail.starts_with(&start) && detail.contains("crc32"), "{detail}");
    }
    status_until(&worker, "the trouble is told", |status| has_trouble(status, "WrongPartition"));
    assert_eq!(worker.get("/readyz").map(|(status, _)| status), Some(200));
    let metrics = worker.get("/metrics").expect("it answers").1;
    let counted = metrics.lines().find(|line| {
        line.starts_with("rollcall_wrong_partition_records_total")
            && line.contains(&shop.manufactured())
    });
    let counted = counted.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    assert_eq!(counted, Some(letters.len() as f64));
}

#[test]
fn inputs_whose_producers_differ_stop_with_each_topic_and_the_remedy() {
    let shop = Reconciliation::new(&Broker::shared(), "mixed");
    let worker = shop.worker("w-1");
    send(&shop, 0..200, CRC32, MURMUR2);
    let uses = [format!("{} uses crc32", shop.orders()), format!("{} uses", shop.manufactured())];
    worker.process.says(&["stopped", &uses[0], &uses[1], "murmur2_random", "spec.partitioner"]);
    let status = status_until(&worker, "the trouble is told", |status| {
        status["trouble"]["reason"] == "PartitionersDiffer"
    });
    let message = status["trouble"]["message"].as_str().expect("a message");
    assert!(message.contains(&uses[0]), "{message}");
    assert_eq!(worker.get("/readyz").map(|(status, _)| status), Some(503));
}

#[test]
fn a_rule_of_ones_own_is_not_checked_and_its_keys_are_found() {
    let shop = Reconciliation::new(&Broker::shared(), "own").with("partitioner", "unchecked");
    let worker = shop.worker("w-1");
    let writer = Writer::by(&shop.broker, MURMUR2);
    for n in 0..100 {
        let key = format!("order-{n}");
        let (order, made) = (order(&key, &[1, 2]), made(&key, 1));
        let send = |topic: &str, value: &str| {
            writer.send_to(topic, n % 4, Some(key.as_bytes()), Some(value.as_bytes()));
        };
        send(&shop.orders(), &order);
        send(&shop.manufactured(), &made);
    }
    writer.flush();
    shop.settle();
    assert_eq!(ask(&worker, "/v1/status").1["partitioner"], "unchecked");
    all_are_found(&shop, &worker, 0..100);
    assert_eq!(shop.dead_letters().len(), 0);
}

#[test]
fn a_partitioner_that_is_named_holds_from_the_first_record_on() {
    let shop = Reconciliation::new(&Broker::shared(), "named").with("partitioner", "murmur2");
    let worker = shop.worker("w-1");
    send(&shop, 0..8, MURMUR2, CRC32);
    shop.settle();
    let reasons = shop.dead_letter_reasons();
    assert!(!reasons.is_empty());
    assert!(reasons.iter().all(|reason| reason == "wrong-partition"), "{reasons:?}");
    drop(worker);
}
