//! What brokers reject, because it is too much at a time or for good: it is reported with topic,
//! setting and remedy, and whatever can be sent in another way is sent.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT, free_port};
use super::reconciliation::{PARTITIONS, Reconciliation, made, order};
use super::times::now_ms;
use super::topics::Writer;
use super::worker::Worker;

const CONFIGS: &str = "kafka.admin.ConfigCommand";
/// A shard that cannot be opened reports so after half a minute of trying.
const OPENING_TIMEOUT: Duration = Duration::from_secs(120);

fn uuid(order: u64, item: u64) -> String {
    let mix = |seed: u64| (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (high, low) = (mix(order * 64 + item), mix(item * 4_096 + order * 3 + 7));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

/// Sends orders of 20 UUIDs each.
fn large_orders(shop: &Reconciliation, count: u64) {
    for order in 0..count {
        let items: Vec<Value> = (0..20).map(|item| json!({"id": uuid(order, item)})).collect();
        let id = format!("order-{order}");
        let value = json!({"id": id, "items": items}).to_string();
        shop.order_value(Some(&id), Some(&value));
    }
    shop.flush();
}

/// Waits until the worker is not ready and its reason contains all of `parts`.
fn is_unready(worker: &Worker, parts: &[&str], patience: Duration) -> String {
    eventually(&format!("readiness says {parts:?}"), patience, || {
        let (status, text) = worker.get("/readyz")?;
        (status == 503 && parts.iter().all(|part| text.contains(part))).then_some(text)
    })
}

fn status(worker: &Worker) -> Value {
    let (_, text) = worker.get("/v1/status").expect("the worker answers");
    serde_json::from_str(&text).expect("JSON")
}

fn create_outputs(shop: &Reconciliation, settings: &[(&str, &str)]) {
    for topic in ["shipping", "overdue", "dead-letter"] {
        shop.broker.create_topic(&format!("{}-{topic}", shop.name), PARTITIONS, settings);
    }
}

#[test]
fn batches_are_no_larger_than_the_least_that_any_topic_takes() {
    let shop = Reconciliation::new(&Broker::shared(), "small-batches");
    let limit = ("max.message.bytes", "100000");
    create_outputs(&shop, &[limit]);
    let changelog = [limit, ("cleanup.policy", "compact")];
    shop.broker.create_topic(&shop.changelog(), PARTITIONS, &changelog);
    large_orders(&shop, 20_000);
    let worker = shop.worker("w-1");
    // This many take a while in an unoptimised build.
    shop.settle_within(OPENING_TIMEOUT);
    assert_eq!(worker.process.count(&["opening again"]), 0, "a batch was refused");
}

#[test]
fn a_topic_whose_limit_falls_while_the_worker_runs_gets_smaller_transactions() {
    let shop = Reconciliation::new(&Broker::shared(), "falling-limit");
    let worker = shop.worker("w-1");
    shop.broker.tool(
        CONFIGS,
        &["--alter", "--topic", &shop.changelog(), "--add-config", "max.message.bytes=20000"],
    );
    large_orders(&shop, 500);
    shop.settle();
    worker.process.says(&["oversized", "max.message.bytes", &shop.changelog()]);
    drop(worker.ready());
}

#[test]
fn a_quota_means_slow_progress_and_is_said() {
    let shop = Reconciliation::new(&Arc::new(Broker::start()), "quota");
    let worker = shop.worker("w-1");
    let quota = ["--alter", "--add-config", "producer_byte_rate=20000"];
    let client = ["--entity-type", "clients", "--entity-name", "rollcall-w-1-producer"];
    shop.broker.tool(CONFIGS, &[&quota[..], &client[..]].concat());
    large_orders(&shop, 3_000);
    eventually("the quota is reported", OPENING_TIMEOUT, || {
        let troubles = status(&worker)["troubles"].to_string();
        troubles.contains("Throttled").then_some(())
    });
    let records = || {
        let shards = status(&worker)["shards"].as_array().cloned().unwrap_or_default();
        shards.iter().filter_map(|shard| shard["totals"]["records"].as_u64()).sum::<u64>()
    };
    let before = eventually("something is committed", OPENING_TIMEOUT, || {
        Some(records()).filter(|records| *records > 0)
    });
    eventually("more is committed", OPENING_TIMEOUT, || (records() > before).then_some(()));
    assert_eq!(worker.process.count(&["a newer owner"]), 0, "there is none");
}

#[test]
fn a_dead_letter_is_cut_to_what_the_client_may_send() {
    let shop = Reconciliation::new(&Broker::shared(), "small-client")
        .with("limits/rowBytes", "8Ki")
        .with("kafka/properties", json!({"message.max.bytes": "20000"}));
    let worker = shop.worker("w-1");
    let huge = format!("{{\"id\":7,\"text\":\"{}\"}}", "x".repeat(100_000));
    shop.order_value(Some("a"), Some(&huge));
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["b"]);
    let letters = shop.dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("rollcall-truncated"), huge.len().to_string());
    drop(worker);
}

#[test]
fn a_dead_letter_that_its_topic_takes_no_longer_is_cut_and_the_partition_flows_on() {
    let shop = Reconciliation::new(&Broker::shared(), "small-letters");
    let worker = shop.worker("w-1");
    let topic = format!("{}-dead-letter", shop.name);
    let limit = ["--add-config", "max.message.bytes=5000,compression.type=uncompressed"];
    shop.broker.tool(CONFIGS, &[&["--alter", "--topic", &topic], &limit[..]].concat());
    let noise: String = (0..2_000).map(|n| uuid(n, 1)).collect();
    shop.order_value(Some("a"), Some(&format!("{{\"id\":7,\"text\":\"{noise}\"}}")));
    shop.order("b", &[1]);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["b"]);
    let letters = shop.dead_letters();
    assert_eq!((letters.len(), letters[0].value.as_deref()), (1, None));
    letters[0].header("rollcall-truncated").parse::<usize>().expect("a size");
    drop(worker);
}

#[test]
fn brokers_that_allow_only_shorter_transactions_are_refused_with_setting_and_remedy() {
    let broker = Broker::with_settings(free_port(), "transaction.max.timeout.ms=5000");
    broker.begin();
    let shop = Reconciliation::new(&Arc::new(broker), "short");
    let worker = Worker::start(&shop, "w-1");
    is_unready(&worker, &["stopped", "transaction.max.timeout.ms"], OPENING_TIMEOUT);
    worker.process.says(&["stopped", "transaction.max.timeout.ms", "10000"]);
}

#[test]
fn a_log_of_transactions_that_cannot_be_made_is_named() {
    let settings = "transaction.state.log.replication.factor=3";
    let broker = Broker::with_settings(free_port(), settings);
    broker.begin();
    let shop = Reconciliation::new(&Arc::new(broker), "no-log");
    let worker = Worker::start(&shop, "w-1");
    let parts = ["stopped", "transaction.state.log.replication.factor"];
    is_unready(&worker, &parts, OPENING_TIMEOUT);
    // One attempt is made for all shards of a lane: they do not wait for half a minute in turn, and
    // say why they are opened again while they are.
    eventually("all shards say so", WAIT_TIMEOUT / 4, || {
        let shards = status(&worker)["shards"].as_array().cloned()?;
        let says = |shard: &Value| shard["reason"].to_string().contains(parts[1]);
        (shards.len() == 4 && shards.iter().all(says)).then_some(())
    });
}

#[test]
fn an_output_topic_that_refuses_a_record_stops_the_shard_and_is_named() {
    let shop = Reconciliation::new(&Broker::shared(), "no-nulls");
    let worker = shop.worker("w-1");
    let topic = format!("{}-dead-letter", shop.name);
    let policy = |policy: &str| {
        let setting = format!("cleanup.policy={policy}");
        shop.broker.tool(CONFIGS, &["--alter", "--topic", &topic, "--add-config", &setting]);
    };
    policy("compact");
    shop.order_value(None, Some("{}"));
    shop.flush();
    is_unready(&worker, &[&topic, "cleanup.policy"], WAIT_TIMEOUT);
    worker.process.says(&["stopped", &topic, "InvalidRecord", "cleanup.policy=delete"]);
    let shards = status(&worker)["shards"].clone();
    assert!(shards.to_string().contains("InvalidRecord"), "{shards}");
    let totals = shards.as_array().expect("shards").iter().map(|shard| &shard["totals"]);
    let letters = totals.filter_map(|totals| totals["deadLetters"].as_u64());
    assert_eq!(letters.sum::<u64>(), 0, "nothing was committed, so nothing is counted");
    policy("delete");
    shop.settle();
    assert_eq!(shop.dead_letters().len(), 1);
    drop(worker.ready());
}

#[test]
fn an_output_topic_that_refuses_a_time_stops_the_shard_and_is_named() {
    let shop =
        Reconciliation::new(&Broker::shared(), "old-times").with("outputTimestamp", "source");
    create_outputs(&shop, &[]);
    let topic = format!("{}-shipping", shop.name);
    let worker = shop.worker("w-1");
    let hour_ms: i64 = 3_600_000;
    shop.broker.set(&topic, "message.timestamp.before.max.ms", &hour_ms.to_string());
    let day_ago_ms = now_ms() - 24 * hour_ms;
    let writer = Writer::new(&shop.broker);
    writer.send_at(&shop.orders(), b"a", order("a", &[1]).as_bytes(), day_ago_ms);
    writer.send_at(&shop.manufactured(), b"a", made("a", 1).as_bytes(), day_ago_ms);
    writer.flush();
    is_unready(&worker, &[&topic, "message.timestamp.before.max.ms"], WAIT_TIMEOUT);
    let remedy = "raise message.timestamp.before.max.ms";
    worker.process.says(&["stopped", &topic, "InvalidTimestamp", remedy]);
    let shards = status(&worker)["shards"].to_string();
    assert!(shards.contains("InvalidTimestamp"), "{shards}");
    assert_eq!(shop.shipped_ids(), Vec::<String>::new());
    shop.broker.set(&topic, "message.timestamp.before.max.ms", &i64::MAX.to_string());
    shop.settle_within(OPENING_TIMEOUT);
    let shipped = shop.shipped();
    assert_eq!(shipped.len(), 1);
    assert_eq!(shipped[0].timestamp_ms, day_ago_ms);
    drop(worker.ready());
}

#[test]
fn an_output_topic_that_is_deleted_while_the_worker_runs_is_named() {
    let shop = Reconciliation::new(&Broker::shared(), "no-output");
    let worker = shop.worker("w-1");
    let topic = format!("{}-shipping", shop.name);
    shop.broker.delete_topic(&topic);
    shop.order("a", &[1]);
    shop.made("a", 1);
    is_unready(&worker, &[&topic, "does not exist"], OPENING_TIMEOUT);
    shop.broker.create_topic(&topic, PARTITIONS, &[]);
    shop.settle_within(OPENING_TIMEOUT);
    assert_eq!(shop.shipped_ids(), ["a"]);
    drop(worker.ready());
}
