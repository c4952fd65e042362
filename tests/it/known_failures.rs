//! The twelve known failures of the original, numbered as in `docs/semantics.md`.

use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::{Reconciliation, made, order};
use super::worker::Worker;

fn shop(name: &str) -> Reconciliation {
    Reconciliation::new(&Broker::shared(), name)
}

/// Asserts that only a new order of the test's own completes, which shows that the worker is alive.
fn flows_on(shop: &Reconciliation, shipped_before: &[&str]) {
    shop.order("zz-sound", &[1, 2]);
    shop.made("zz-sound", 1);
    shop.made("zz-sound", 2);
    shop.settle();
    let mut expected = shipped_before.to_vec();
    expected.push("zz-sound");
    assert_eq!(shop.shipped_ids(), expected);
}

// 1
#[test]
fn as_many_products_as_ordered_but_other_ones_do_not_ship() {
    let shop = shop("sizes");
    let _worker = shop.worker("w-1");
    shop.order("a", &[1, 2]);
    shop.made("a", 1);
    shop.made("a", 99);
    shop.settle();
    assert!(shop.shipped().is_empty());
    shop.made("a", 2);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
}

// 2
#[test]
fn more_products_made_than_ordered_before_the_order_came_ship() {
    let shop = shop("more");
    let _worker = shop.worker("w-1");
    for product in [1, 2, 99] {
        shop.made("a", product);
    }
    shop.settle();
    assert!(shop.shipped().is_empty());
    shop.order("a", &[1, 2]);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
}

// 3
#[test]
fn a_replay_of_the_whole_history_and_late_duplicates_ship_nothing_twice() {
    let shop = shop("replay").with("overdue/after", "4s").with("orphans/after", "4s");
    let _worker = shop.worker("w-1");
    let history = || {
        for id in ["a", "b", "c"] {
            shop.order(id, &[1, 2]);
            shop.made(id, 1);
            shop.made(id, 2);
        }
        shop.settle();
    };
    history();
    let first = shop.shipped();
    history();
    shop.made("a", 2);
    flows_on(&shop, &["a", "b", "c"]);
    assert_eq!(shop.shipped()[..].iter().filter(|record| first.contains(record)).count(), 3);

    // A row brought back to life by a late record would be reported within its time, and so before
    // this later order.
    shop.order("later", &[1]);
    shop.settle();
    let overdue = eventually("the later order is overdue", WAIT_TIMEOUT, || {
        Some(shop.overdue()).filter(|records| !records.is_empty())
    });
    let keys: Vec<_> = overdue.iter().map(|record| record.key.as_deref()).collect();
    assert_eq!(keys, [Some("later")]);
}

// 4
#[test]
fn orders_without_items_become_dead_letters() {
    let shop = shop("no-items");
    let _worker = shop.worker("w-1");
    shop.order("a", &[]);
    shop.order_value(Some("b"), Some(r#"{"id":"b","items":null}"#));
    flows_on(&shop, &[]);
    let letters = shop.dead_letters();
    let keys: Vec<_> = letters.iter().filter_map(|letter| letter.key.as_deref()).collect();
    assert_eq!(keys.len(), 2, "{letters:?}");
    assert!(keys.contains(&"a") && keys.contains(&"b"));
    assert!(shop.dead_letter_reasons().contains(&"no-items".to_owned()));
}

// 5
#[test]
fn tombstones_and_null_keys_do_no_harm() {
    let shop = shop("tombstones");
    let _worker = shop.worker("w-1");
    shop.order_value(Some("unknown"), None);
    shop.made_value(Some("a"), None);
    shop.made_value(None, Some(&made("a", 1)));
    shop.order_value(None, Some(&order("a", &[1])));
    shop.order_value(None, None);
    shop.made_value(None, None);
    flows_on(&shop, &[]);
    let reasons = shop.dead_letter_reasons();
    assert_eq!(reasons.iter().filter(|reason| *reason == "null-key").count(), 4, "{reasons:?}");
    assert_eq!(reasons.iter().filter(|reason| *reason == "tombstone").count(), 1, "{reasons:?}");
}

// 6
#[test]
fn an_event_without_product_is_no_product() {
    let shop = shop("no-product");
    let _worker = shop.worker("w-1");
    shop.order("a", &[1, 2]);
    shop.made("a", 1);
    shop.made_value(Some("a"), Some(r#"{"orderId":"a"}"#));
    flows_on(&shop, &[]);
    assert_eq!(shop.dead_letters().len(), 1);
}

// 7
#[test]
fn malformed_records_become_dead_letters_and_the_partition_flows_on() {
    let shop = shop("malformed");
    let _worker = shop.worker("w-1");
    shop.order("a", &[1]);
    let malformed = ["", "{", "[]", "7", "null", r#"{"id":"a","items":[{"id":1.5}]}"#];
    for value in malformed {
        shop.order_value(Some("a"), Some(value));
    }
    shop.made_value(Some("a"), Some(r#"{"orderId":"a","productId":"#));
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
    let letters = shop.dead_letters();
    assert_eq!(letters.len(), malformed.len() + 1);
    let cut = letters.iter().find(|letter| letter.value.as_deref() == Some("{"));
    let cut = cut.expect("a dead letter holds the record as it came");
    assert_eq!(cut.key.as_deref(), Some("a"));
    assert_eq!(cut.header("rollcall-source-topic"), shop.orders());
    let offset = cut.header("rollcall-source-offset");
    assert_eq!(offset, "2", "the third record of its partition");
    cut.header("rollcall-source-partition").parse::<i32>().expect("a partition");
    assert_eq!(cut.header("rollcall-reconciliation"), shop.name);
}

// 8
#[test]
fn a_record_whose_key_is_not_the_key_in_its_value_becomes_a_dead_letter() {
    let shop = shop("mismatch");
    let _worker = shop.worker("w-1");
    shop.order_value(Some("a"), Some(&order("b", &[1])));
    shop.made_value(Some("a"), Some(&made("b", 1)));
    flows_on(&shop, &[]);
    assert_eq!(shop.dead_letter_reasons(), ["key-mismatch", "key-mismatch"]);
}

// 9
#[test]
fn two_units_of_one_product_are_both_needed_when_quantities_count() {
    let shop = shop("quantity").with("counting", "quantity");
    let _worker = shop.worker("w-1");
    shop.order("a", &[1, 1]);
    shop.made("a", 1);
    shop.settle();
    assert!(shop.shipped().is_empty());
    shop.made("a", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
}

// 10
#[test]
fn an_order_amended_to_what_was_made_already_ships() {
    let shop = shop("amended");
    let _worker = shop.worker("w-1");
    shop.order("a", &[1, 2, 3]);
    shop.made("a", 1);
    shop.made("a", 3);
    shop.settle();
    assert!(shop.shipped().is_empty());
    shop.order("a", &[1, 3]);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a"]);
}

// 11
#[test]
fn an_order_that_does_not_complete_is_reported_once_and_ships_late() {
    let shop = shop("overdue").with("overdue/after", "1s");
    let _worker = shop.worker("w-1");
    shop.order("a", &[1, 2]);
    shop.made("a", 2);
    shop.order("b", &[1]);
    let overdue = eventually("both are overdue", WAIT_TIMEOUT, || {
        Some(shop.overdue()).filter(|records| records.len() >= 2)
    });
    let a = overdue.iter().find(|record| record.key.as_deref() == Some("a")).expect("reported");
    let value: Value = serde_json::from_str(a.value.as_deref().expect("a value")).expect("JSON");
    let missing = value["missing"].to_string();
    assert!(missing.contains('1') && !missing.contains('2'), "{value}");

    shop.made("a", 1);
    shop.made("b", 1);
    shop.settle();
    assert_eq!(shop.shipped_ids(), ["a", "b"]);
    assert_eq!(shop.shipped()[0].header("rollcall-late"), "true");
    assert_eq!(shop.overdue().len(), 2);
}

// 11
#[test]
fn a_cancelled_order_never_ships() {
    let shop = shop("cancelled");
    let _worker = shop.worker("w-1");
    shop.order("a", &[1]);
    shop.order_value(Some("a"), None);
    // The topics are read in parallel: the product must not overtake the tombstone.
    shop.settle();
    shop.made("a", 1);
    flows_on(&shop, &[]);
    assert!(shop.dead_letters().is_empty());
}

// 12
#[test]
fn unequal_partition_counts_are_refused_with_both_names_and_the_remedy() {
    let shop = Reconciliation::without_topics(&Broker::shared(), "unequal");
    shop.broker.create_topic(&shop.orders(), 3, &[]);
    shop.broker.create_topic(&shop.manufactured(), 6, &[]);
    let mut worker = Worker::start(&shop, "w-1").process;
    assert!(!worker.exit().success());
    let said = worker.says(&[&shop.orders(), &shop.manufactured()]);
    assert!(said.contains('3') && said.contains('6'), "{said}");
}
