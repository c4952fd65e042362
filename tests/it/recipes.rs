//! The recipes of `docs/recipes/` do what their pages say, on a real broker and across crashes.

mod bulk_transfer;
mod daily_files;
mod order_demo;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::topics;
use super::worker::Worker;

const ORDER_VALIDATION: &str = include_str!("../../docs/recipes/order-validation.yaml");
const ORDER_VALIDATION_PAGE: &str = include_str!("../../docs/recipes/order-validation.md");

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
    made.set("completed/keyField", recipe["spec"]["completed"]["keyField"].clone());
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
