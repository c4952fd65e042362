//! Parcels of a delivery with a promised date.

use serde_json::{Value, json};

use super::super::eventually::eventually;
use super::super::kafka::WAIT_TIMEOUT;
use super::{keys, once, recipe};

const OBJECT: &str = include_str!("../../../docs/recipes/promised-delivery.yaml");
const PAGE: &str = include_str!("../../../docs/recipes/promised-delivery.md");

#[test]
fn a_delivery_is_late_when_the_time_has_passed_that_it_was_promised_for() {
    assert!(PAGE.contains(OBJECT), "the page shows another object");
    let mut made = recipe(OBJECT, "promised");
    for (field, value) in [("at", "$.promisedAt"), ("zone", "Europe/Berlin")] {
        made.set(&format!("overdue/{field}"), value);
    }
    let ordered = |delivery: &str, promised: Value| {
        let value = json!({"id": delivery, "parcels": ["a", "b"], "promisedAt": promised});
        made.order_value(Some(delivery), Some(&value.to_string()));
    };
    let scanned = |delivery: &str, parcel: &str| {
        let value = json!({"delivery": delivery, "parcel": parcel}).to_string();
        made.made_value(Some(delivery), Some(&value));
    };
    let (past, future) = ("2026-01-05T18:00", "2100-01-05T18:00:00+01:00");
    let mut worker = made.worker("w-1");
    for delivery in ["complete", "late", "renegotiated", "in-time", "without"] {
        scanned(delivery, "a");
    }
    ordered("complete", json!(future));
    ordered("in-time", json!(future));
    ordered("without", Value::Null);
    ordered("unreadable", json!("tomorrow"));
    made.settle();
    worker.process.kill();
    ordered("late", json!(past));
    ordered("renegotiated", json!(past));
    scanned("complete", "b");
    let mut worker = made.worker("w-1");
    made.settle();
    eventually("what is late is reported", WAIT_TIMEOUT, || {
        (made.overdue().len() == 2).then_some(())
    });
    worker.process.kill();
    ordered("renegotiated", json!(future));
    made.flush();
    let worker = made.worker("w-1");
    made.settle();
    scanned("renegotiated", "b");
    made.settle();

    let overdue = once(&made, "overdue");
    assert_eq!(keys(&overdue), ["late", "renegotiated"]);
    assert_eq!(overdue["late"]["missing"], json!([{"item": "b", "missing": 1, "needed": 1}]));
    assert_eq!(keys(&once(&made, "shipping")), ["complete", "renegotiated"]);
    let is_late = |key: &str| {
        let shipped = made.shipped().into_iter().find(|record| record.key.as_deref() == Some(key));
        shipped.expect("it shipped").headers.contains_key("rollcall-late")
    };
    assert!(!is_late("renegotiated"), "it is in time after all");
    assert_eq!(made.dead_letter_reasons(), ["bad-deadline"]);
    let (_, story) = worker.get("/v1/key?key=in-time").expect("an answer");
    let story: Value = serde_json::from_str(&story).expect("it is JSON");
    assert_eq!(story["deadline"], json!({"at": "2100-01-05T17:00:00.000Z", "then": "overdue"}));
    assert_eq!(story["namedDeadlines"], json!({"overdue": "2100-01-05T17:00:00.000Z"}));
}
