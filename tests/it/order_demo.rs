//! The demo services around the reconciler.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::topics;
use super::worker::Process;

/// Returns the arguments that give a service the reconciliation's topics.
fn service(shop: &Reconciliation, arguments: &[&str]) -> Vec<String> {
    let file = shop.file().to_str().expect("the path is UTF-8").to_owned();
    let own = arguments.iter().map(ToString::to_string);
    own.chain(["-f".into(), file]).collect()
}

fn manufacturer(shop: &Reconciliation, instance: &str) -> Process {
    let group = format!("{}-manufacturer", shop.name);
    let arguments = ["--delay", "0ms..500ms", "--group", &group, "--instance-id", instance];
    let arguments: Vec<&str> = ["manufacturer"].into_iter().chain(arguments).collect();
    Process::start(&format!("manufacturer {instance}"), service(shop, &arguments))
}

/// Sends orders of three products each, in batches, with a call of `disturb` between them.
fn send_orders(shop: &Reconciliation, batches: usize, mut disturb: impl FnMut(usize)) -> usize {
    const BATCH: usize = 40;
    for batch in 0..batches {
        let mut order =
            Process::start("order", service(shop, &["order", "--count", "40", "--items", "3"]));
        disturb(batch);
        assert!(order.exit().success());
    }
    batches * BATCH * 3
}

/// Waits until `products` products were made, and checks that each was made once.
fn check_made(shop: &Reconciliation, products: usize) {
    eventually("every product is made", WAIT_TIMEOUT, || {
        (topics::read(&shop.broker, &shop.manufactured()).len() >= products).then_some(())
    });
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for record in topics::read(&shop.broker, &shop.manufactured()) {
        let value = record.value.expect("an event");
        let value: serde_json::Value = serde_json::from_str(&value).expect("JSON");
        assert_eq!(value["orderId"].as_str(), record.key.as_deref());
        *made.entry(format!("{} {}", value["orderId"], value["productId"])).or_default() += 1;
    }
    let twice: Vec<_> = made.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "made more than once: {twice:?}");
    assert_eq!(made.len(), products);
}

#[test]
fn a_manufacturer_killed_again_and_again_makes_every_product_once() {
    let shop = Reconciliation::new(&Broker::shared(), "killed-manufacturer");
    let mut rng = StdRng::seed_from_u64(9);
    let mut running = manufacturer(&shop, "m-1");
    let products = send_orders(&shop, 12, |_| {
        // Somewhere in the middle of its work.
        let some = rng.random_range(1..30);
        eventually("products are made", WAIT_TIMEOUT, || {
            (running.count(&["manufactured product"]) >= some).then_some(())
        });
        running.kill();
        running = manufacturer(&shop, "m-1");
    });
    check_made(&shop, products);
    assert!(running.terminate().success());
    check_made(&shop, products);
}

#[test]
fn manufacturers_that_join_and_leave_make_every_product_once() {
    let shop = Reconciliation::new(&Broker::shared(), "manufacturers");
    let mut first = manufacturer(&shop, "m-1");
    first.says(&["makes the products of partitions", "0, 1, 2, 3"]);
    let mut second = None;
    let products = send_orders(&shop, 6, |batch| match batch {
        1 => {
            // The first one can make every order of a batch before the other has its partitions.
            let joined = second.insert(manufacturer(&shop, "m-2"));
            joined.says(&["makes the products of partitions"]);
        }
        3 => {
            let second = second.as_mut().expect("it was started");
            second.says(&["manufactured product"]);
            assert!(second.terminate().success());
        }
        5 => assert!(first.terminate().success()),
        _ => {}
    });
    let mut third = manufacturer(&shop, "m-3");
    check_made(&shop, products);
    assert!(third.terminate().success());
}

#[test]
fn a_manufacturer_makes_as_large_an_order_as_a_reconciliation_accepts() {
    let shop = Reconciliation::new(&Broker::shared(), "large-order");
    let mut running = manufacturer(&shop, "m-1");
    let mut order =
        Process::start("order", service(&shop, &["order", "--count", "2", "--items", "10000"]));
    assert!(order.exit().success());
    check_made(&shop, 20_000);
    assert!(running.terminate().success());
}

#[test]
fn a_second_manufacturer_of_the_same_name_is_told_so() {
    let shop = Reconciliation::new(&Broker::shared(), "twins");
    let mut first = manufacturer(&shop, "twin");
    first.says(&["makes the products of partitions"]);
    let mut second = manufacturer(&shop, "twin");
    second.says(&["makes the products of partitions"]);
    assert!(!first.exit().success());
    first.says(&["error: another manufacturer of group", "twin", "--instance-id"]);
    assert!(second.terminate().success());
}

#[test]
fn a_service_waits_for_a_broker_and_names_a_topic_that_is_missing() {
    let shop = Reconciliation::without_topics(&Arc::new(Broker::absent()), "early");
    let mut order = Process::start("order", service(&shop, &["order"]));
    order.says(&["no answer from", &shop.broker.bootstrap_servers(), "is the broker running"]);
    shop.broker.begin();
    assert!(!order.exit().success());
    order.says(&["error: topic", &shop.orders(), "does not exist", "create it"]);
}

#[test]
fn an_order_made_by_hand_is_shipped_and_watched() {
    let shop = Reconciliation::new(&Broker::shared(), "by-hand").with("logRecords", true);
    let worker = shop.worker("w-1");
    let mut watch = Process::start("watch", service(&shop, &["watch", "--from-beginning"]));
    let mut order = Process::start("order", service(&shop, &["order"]));
    assert!(order.exit().success());
    let said = order.says(&["Successfully sent new order to the", "topic: {"]);
    let value = &said[said.find('{').expect("JSON")..];
    let value: serde_json::Value = serde_json::from_str(value).expect("JSON");
    let id = value["id"].as_str().expect("an id").to_owned();
    worker.process.says(&["0/2 manufactured products"]);
    for product in ["2", "1"] {
        let arguments = service(&shop, &["manufactured", &id, product]);
        assert!(Process::start("manufactured", arguments).exit().success());
        if product == "2" {
            let waits = format!("Not all items of order {id} were manufactured, waiting");
            worker.process.says(&[&waits]);
        }
    }
    let all = format!("All items of order {id} were manufactured, forwarding event to shipping");
    worker.process.says(&[&all]);
    let shipped = format!(r#"{{"orderId":"{id}"}}"#);
    watch.says(&["completed", &id, &shipped]);
    assert!(watch.terminate().success());
    shop.settle();
    assert_eq!(shop.shipped_ids(), [id]);
}
