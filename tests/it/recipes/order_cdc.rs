//! Orders and parcels of a database, by change data capture.

use serde_json::{Value, json};

use super::super::against_broker::look;
use super::super::topics::Writer;
use super::{keys, once, recipe};

const OBJECT: &str = include_str!("../../../docs/recipes/order-cdc.yaml");
const PAGE: &str = include_str!("../../../docs/recipes/order-cdc.md");

/// Returns the record key of an order, as Debezium writes it.
fn key(order: u32) -> String {
    format!(r#"{{"order_id":{order}}}"#)
}

fn event(op: &str, before: &Value, after: &Value) -> String {
    json!({"before": before, "after": after, "source": {"table": "t"}, "op": op}).to_string()
}

#[test]
fn an_order_is_shipped_when_the_table_of_parcels_has_as_many_as_it_says() {
    assert!(PAGE.contains(OBJECT), "the page shows another object");
    let made = recipe(OBJECT, "cdc").with("partitioner", "murmur2");
    let row = |order: u32| json!({"order_id": order, "customer": "c-7", "parcels": 2});
    let parcel = |order: u32, id: u32| json!({"parcel_id": id, "order_id": order});
    let order = |order: u32, value: Option<&str>| made.order_value(Some(&key(order)), value);
    let shipped = |order: u32, value: Option<&str>| made.made_value(Some(&key(order)), value);
    let mut worker = made.worker("w-1");
    for number in 1..40 {
        order(number, Some(&event("r", &Value::Null, &row(number))));
        shipped(number, Some(&event("c", &Value::Null, &parcel(number, 81))));
    }
    // Parcel 81 of order 1 is taken back, and order 2 is deleted; nulls follow.
    shipped(1, Some(&event("d", &parcel(1, 81), &Value::Null)));
    shipped(1, None);
    order(2, Some(&event("d", &row(2), &Value::Null)));
    order(2, None);
    order(3, Some(r#"{"order_id":3,"parcels":1}"#));
    made.order_value(Some("plain"), Some(&event("c", &Value::Null, &row(4))));
    made.settle();
    let (passes, says, _) = look(&made, &[]);
    assert!(!passes && says.contains("dead letter bad-record-key"), "{says}");
    assert!(says.contains(" needs 2 items, whichever they are"), "{says}");
    // Keys are found although they do not show in which partition they are.
    for number in [1, 7, 8, 9, 10, 11] {
        let (status, story) = worker.get(&format!("/v1/key?key={number}")).expect("an answer");
        assert_eq!(status, 200, "{number}: {story}");
    }
    assert_eq!(worker.get("/v1/key?key=nobody").map(|(status, _)| status), Some(404));
    worker.process.kill();
    for number in 1..10 {
        shipped(number, Some(&event("c", &Value::Null, &parcel(number, 82))));
    }
    // By its record key, a record belongs to the partition of the others of its order.
    let other = Writer::by(&made.broker, "consistent_random");
    let stray = event("c", &Value::Null, &parcel(7, 83));
    for partition in 0..4 {
        let key = key(7);
        let (key, value) = (Some(key.as_bytes()), Some(stray.as_bytes()));
        other.send_to(&made.manufactured(), partition, key, value);
    }
    other.flush();
    let worker = made.worker("w-1");
    made.settle();

    let completed = once(&made, "shipping");
    assert_eq!(keys(&completed), ["3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(completed["7"], json!({"orderId": "7", "customer": "c-7"}));
    assert_eq!(keys(&once(&made, "cancelled")), ["2"]);
    let letters = made.dead_letters();
    let of = |reason: &str| -> Vec<_> {
        let of = letters.iter().filter(|it| it.header("rollcall-reason") == reason);
        of.map(|letter| letter.key.clone().unwrap_or_default()).collect()
    };
    assert_eq!(of("not-the-envelope"), [key(3)]);
    assert_eq!(of("bad-record-key"), ["plain"]);
    assert_eq!(of("wrong-partition"), [key(7), key(7), key(7)]);
    assert_eq!(letters.len(), 5);
    let file = made.file();
    let file = file.to_str().expect("the path is UTF-8");
    let arguments = ["inspect", "11", "-f", file, "--server", &worker.address()];
    let mut inspect = super::super::worker::Process::start("inspect", arguments);
    assert!(inspect.exit().success());
    inspect.says(&["state", "1 of 2 items are missing"]);
}
