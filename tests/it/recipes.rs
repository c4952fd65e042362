//! The recipes of `docs/recipes/` do what their pages say, on a real broker and across crashes.

mod bulk_transfer;
mod counts;
mod daily_files;
mod order_cdc;
mod order_demo;
mod promised_delivery;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::{PARTITIONS, Reconciliation};
use super::topics;
use super::worker::Worker;

const ORDER_VALIDATION: &str = include_str!("../../docs/recipes/order-validation.yaml");
const ORDER_VALIDATION_PAGE: &str = include_str!("../../docs/recipes/order-validation.md");

const ORDER_FULFILMENT: &str = include_str!("../../docs/recipes/order-fulfilment.yaml");
const ORDER_FULFILMENT_PAGE: &str = include_str!("../../docs/recipes/order-fulfilment.md");

/// Returns a reconciliation with the spec of a recipe, between topics of its own.
fn recipe(text: &str, name: &str) -> Reconciliation {
    let recipe: Value = serde_yaml::from_str(text).expect("the recipe is YAML");
    let mut made = Reconciliation::new(&Broker::shared(), name);
    let mut expected = recipe["spec"]["expected"].clone();
    expected["topic"] = made.orders().into();
    made.set("expected", expected);
    let mut observed = recipe["spec"]["observed"].clone();
    observed[0]["topic"] = made.manufactured().into();
    made.set("observed", observed);
    let mut completed = recipe["spec"]["completed"].clone();
    completed["topic"] = format!("{}-shipping", made.name).into();
    made.set("completed", completed);
    for field in ["failed", "cancelled"] {
        let mut output = recipe["spec"][field].clone();
        if output.is_object() {
            output["topic"] = format!("{}-{field}", made.name).into();
            made.set(field, output);
        }
    }
    made
}

/// Returns the sum of a metric over all of its series.
fn metric(worker: &Worker, name: &str) -> f64 {
    let (_, text) = worker.get("/metrics").expect("it answers");
    let samples = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Returns how many outputs of a kind the worker has kept.
fn recent(worker: &Worker, kind: &str) -> usize {
    let (_, text) = worker.get(&format!("/v1/recent?kind={kind}")).expect("it answers");
    let page: Value = serde_json::from_str(&text).expect("it is JSON");
    page["records"].as_array().map_or(0, Vec::len)
}

/// Returns the values in an output topic by key, each of which may be there only once.
fn once(made: &Reconciliation, output: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for record in topics::read(&made.broker, &format!("{}-{output}", made.name)) {
        let key = record.key.clone().unwrap_or_default();
        let value = record.value.as_deref().unwrap_or("null");
        let value = serde_json::from_str(value).expect("outputs are JSON");
        assert!(found.insert(key.clone(), value).is_none(), "{output}: {key} twice");
    }
    found
}

fn keys(found: &BTreeMap<String, Value>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

#[test]
fn an_order_is_validated_by_three_checks_and_fails_with_the_first_that_fails() {
    assert!(ORDER_VALIDATION_PAGE.contains(ORDER_VALIDATION), "the page shows another object");
    let made = recipe(ORDER_VALIDATION, "validation");
    let order = |id: &str, state: &str| {
        made.order_value(Some(id), Some(&json!({"id": id, "state": state}).to_string()));
    };
    let check = |id: &str, check: &str, result: &str| {
        let value = json!({"orderId": id, "check": check, "result": result}).to_string();
        made.send(&made.manufactured(), id, &value, &[("event-type", "check")]);
    };
    let heartbeat = |id: &str| {
        made.send(&made.manufactured(), id, "no JSON at all", &[("event-type", "heartbeat")]);
    };
    let mut worker = made.worker("w-1");
    for id in ["passes", "fails", "revoked", "cancelled", "open"] {
        order(id, "CREATED");
        order(id, "PAID");
        heartbeat(id);
        check(id, "fraud", "PASS");
    }
    check("passes", "stock", "PENDING");
    check("revoked", "stock", "PASS");
    check("revoked", "fraud", "REVOKED");
    check("early", "details", "ERROR");
    made.settle();
    // Five orders that are paid, five heartbeats and one pending check.
    eventually("skipped records are counted", WAIT_TIMEOUT, || {
        (metric(&worker, "rollcall_skipped_records_total") == 11.0).then_some(())
    });
    worker.process.kill();
    check("passes", "stock", "PASS");
    check("passes", "details", "PASS");
    check("fails", "stock", "FAIL");
    check("fails", "details", "PASS");
    check("revoked", "details", "PASS");
    order("early", "CREATED");
    made.order_value(Some("cancelled"), None);
    made.order_value(Some("never-ordered"), None);
    let mut worker = made.worker("w-1");
    made.settle();
    eventually("what was decided is counted and shown", WAIT_TIMEOUT, || {
        let failures = metric(&worker, "rollcall_failures_total");
        let kept = (recent(&worker, "failed"), recent(&worker, "cancelled"));
        (failures == 2.0 && kept == (2, 1)).then_some(())
    });
    worker.process.kill();
    // Everything is over for these: late records change nothing.
    check("passes", "fraud", "FAIL");
    check("fails", "stock", "PASS");
    check("cancelled", "stock", "PASS");
    order("fails", "CREATED");
    let worker = made.worker("w-1");
    made.settle();

    let validated = once(&made, "shipping");
    assert_eq!(keys(&validated), ["passes"]);
    assert_eq!(validated["passes"], json!({"orderId": "passes"}));
    let missing = |item: &str| json!({"item": item, "missing": 1, "needed": 1});
    let failed = once(&made, "failed");
    assert_eq!(keys(&failed), ["early", "fails"]);
    assert_eq!(
        failed["fails"],
        json!({
            "orderId": "fails", "failed": [{"item": "stock"}], "missing": [missing("details")],
            "observedTotal": 1
        })
    );
    assert_eq!(failed["early"]["failed"], json!([{"item": "details"}]));
    let cancelled = once(&made, "cancelled");
    assert_eq!(keys(&cancelled), ["cancelled"]);
    assert_eq!(cancelled["cancelled"]["observedTotal"], 1);
    assert_eq!(made.dead_letter_reasons(), [""; 0]);

    let (_, story) = worker.get("/v1/key?key=revoked").expect("an answer");
    let story: Value = serde_json::from_str(&story).expect("it is JSON");
    assert_eq!((&story["state"], &story["missingTotal"]), (&json!("open"), &json!(1)), "{story}");
    let (_, story) = worker.get("/v1/key?key=fails").expect("an answer");
    assert!(story.contains("\"state\":\"failed\""), "{story}");
}

/// An address or a date that is no longer kept for its size.
fn too_long() -> String {
    format!("\"{}\"", "SECRET-".repeat(100_000))
}

/// Sends an order of the products 2 and 1.
fn fulfil(made: &Reconciliation, id: &str, address: &str) {
    let value = format!(
        r#"{{"id":"{id}","customer":{{"id":"c-{id}"}}, "shipTo" : {address},
            "items":[{{"id":2}},{{"id":1}}]}}"#
    );
    made.order_value(Some(id), Some(&value));
}

/// Sends that a product was made, with its date if there is one.
fn produced(made: &Reconciliation, id: &str, product: u32, date: &str) {
    let date =
        if date.is_empty() { String::new() } else { format!(r#","manufacturedDate": {date}"#) };
    let value = format!(r#"{{"orderId":"{id}","productId":{product}{date}}}"#);
    made.made_value(Some(id), Some(&value));
}

fn fulfilled(id: &str, address: &str, items: &str) -> String {
    format!(r#"{{"orderId":"{id}","state":"READY","type":"order-fulfilled","address":{address},"#)
        + &format!(r#""customer":"c-{id}","items":[{items}]}}"#)
}

#[test]
fn a_completion_carries_the_customer_the_address_and_the_dates_of_its_order() {
    assert!(ORDER_FULFILMENT_PAGE.contains(ORDER_FULFILMENT), "the page shows another object");
    let made = recipe(ORDER_FULFILMENT, "fulfilment");
    let (order, product) = (
        |id, address| fulfil(&made, id, address),
        |id, item, date| produced(&made, id, item, date),
    );
    let long = too_long();
    let mut worker = made.worker("w-1");
    product("early", 1, r#""d-1""#);
    order("page", r#"{"street": "High St", "no": 1.50}"#);
    product("page", 2, r#""2023-05-08""#);
    product("page", 2, r#""2023-05-09""#);
    order("moves", r#""here""#);
    product("moves", 2, "123456789012345678901234567890.10");
    order("huge", &long);
    order("stuck", "null");
    product("stuck", 1, &long);
    order("open", r#"["SECRET-street",1.0e400]"#);
    product("open", 2, r#"{"SECRET":"\u00fc"}"#);
    made.settle();
    worker.process.kill();
    product("page", 1, "");
    order("early", r#""\"quoted\"""#);
    order("moves", r#""there""#);
    product("moves", 1, r#""d-2""#);
    let mut worker = made.worker("w-1");
    made.settle();
    worker.process.kill();
    product("early", 2, "[ 1 , 2 ]");
    product("stuck", 2, "");
    product("stuck", 1, "");
    order("moves", r#""too late""#);
    let worker = made.worker("w-1");
    made.settle();

    let shipped = made.shipped();
    let mut shipped: Vec<&str> =
        shipped.iter().filter_map(|record| record.value.as_deref()).collect();
    shipped.sort_unstable();
    let early = r#"{"item":"2","madeAt":[1,2]},{"item":"1","madeAt":"d-1"}"#;
    let page = r#"{"item":"2","madeAt":"2023-05-08"},{"item":"1"}"#;
    let moves =
        r#"{"item":"2","madeAt":123456789012345678901234567890.10},{"item":"1","madeAt":"d-2"}"#;
    let expected = [
        fulfilled("early", r#""\"quoted\"""#, early),
        fulfilled("moves", r#""there""#, moves),
        fulfilled("page", r#"{"street":"High St","no":1.50}"#, page),
        fulfilled("stuck", "null", r#"{"item":"2"},{"item":"1"}"#),
    ];
    assert_eq!(shipped, expected);
    // What would keep too much was refused, and nothing has stopped.
    assert_eq!(made.dead_letter_reasons(), ["row-too-large"; 2]);

    let (_, story) = worker.get("/v1/key?key=open").expect("an answer");
    let story: Value = serde_json::from_str(&story).expect("it is JSON");
    let kept = r#"{"address":["SECRET-street",1.0e400],"customer":"c-open"}"#;
    assert_eq!(story["kept"], json!(kept), "{story}");
    assert_eq!(story["items"][1]["kept"], json!(r#"{"madeAt":{"SECRET":"\u00fc"}}"#), "{story}");
    assert!(worker.process.all().iter().all(|line| !line.contains("SECRET")), "in a log");
}

/// A completion that its topic refuses would stop its shard.
#[test]
fn whatever_is_accepted_fits_into_a_small_topic_when_it_is_complete() {
    let made = recipe(ORDER_FULFILMENT, "narrow");
    let shipping = format!("{}-shipping", made.name);
    made.broker.create_topic(&shipping, PARTITIONS, &[("max.message.bytes", "20000")]);
    let worker = made.worker("w-1");
    let order = |id: &str, address: usize, items: u32| {
        let items: Vec<String> =
            (0..items).map(|n| format!(r#"{{"id":{}}}"#, 10_000_000 + n)).collect();
        let value = format!(
            r#"{{"id":"{id}","customer":{{"id":"c-{id}"}},"shipTo":"{}","items":[{}]}}"#,
            "x".repeat(address),
            items.join(",")
        );
        made.order_value(Some(id), Some(&value));
    };
    let addresses = (5_000..8_000).step_by(250);
    for address in addresses.clone() {
        let id = format!("o-{address}");
        order(&id, address, 300);
        (0..300).for_each(|n| produced(&made, &id, 10_000_000 + n, ""));
    }
    order("long-list", 0, 700);
    made.settle();
    let shipped = made.shipped_ids().len();
    let refused = made.dead_letter_reasons();
    assert!(refused.iter().all(|reason| reason == "row-too-large"), "{refused:?}");
    assert_eq!(shipped + refused.len(), addresses.count() + 1);
    assert!(shipped >= 3 && refused.len() >= 3, "{shipped} and {refused:?}");
    let largest =
        made.shipped().iter().filter_map(|record| Some(record.value.as_ref()?.len())).max();
    assert!(largest > Some(11_000), "the topic's room is used: {largest:?}");
    let (status, _) = worker.get("/readyz").expect("it answers");
    assert_eq!(status, 200, "no shard has stopped");
}
