//! A bulk transfer whose transfers commit or abort.

use serde_json::{Value, json};

use super::{keys, metric, once, recipe};
use crate::{eventually::eventually, kafka::WAIT_TIMEOUT};

const OBJECT: &str = include_str!("../../../docs/recipes/bulk-transfer.yaml");

#[test]
fn a_bulk_is_settled_once_each_transfer_has_its_answer() {
    let made = recipe(OBJECT, "bulk-transfer");
    let bulk = |bulk: &str, transfers: &[&str]| {
        let transfers: Vec<Value> = transfers.iter().map(|id| json!({"id": id})).collect();
        let value = json!({"bulkId": bulk, "transfers": transfers}).to_string();
        made.order_value(Some(bulk), Some(&value));
    };
    let transfer = |bulk: &str, id: &str, state: &str| {
        let value = json!({"bulkId": bulk, "transferId": id, "state": state}).to_string();
        made.made_value(Some(bulk), Some(&value));
    };
    let mut worker = made.worker("w-1");
    for name in ["all", "part", "retried", "open"] {
        bulk(name, &["t1", "t2"]);
        transfer(name, "t1", "RESERVED");
    }
    transfer("all", "t1", "COMMITTED");
    transfer("part", "t1", "ABORTED");
    transfer("retried", "t1", "ABORTED");
    transfer("open", "t1", "ABORTED");
    transfer("early", "t1", "ABORTED");
    made.settle();
    worker.process.kill();
    transfer("all", "t2", "COMMITTED");
    transfer("part", "t2", "COMMITTED");
    transfer("retried", "t1", "COMMITTED");
    bulk("early", &["t1"]);
    let mut worker = made.worker("w-1");
    made.settle();
    eventually("failed bulks are counted", WAIT_TIMEOUT, || {
        (metric(&worker, "rollcall_failures_total") == 2.0).then_some(())
    });
    worker.process.kill();
    transfer("retried", "t2", "COMMITTED");
    // Everything is over for these.
    transfer("part", "t1", "COMMITTED");
    transfer("all", "t1", "ABORTED");
    let worker = made.worker("w-1");
    made.settle();

    let settled = once(&made, "shipping");
    assert_eq!(keys(&settled), ["all", "retried"]);
    assert_eq!(settled["all"], json!({"bulkId": "all"}));
    let failed = once(&made, "failed");
    assert_eq!(keys(&failed), ["early", "part"]);
    let part = json!({
        "bulkId": "part", "failed": [{"item": "t1"}], "missing": [], "observedTotal": 1
    });
    assert_eq!(failed["part"], part);
    assert_eq!(made.dead_letter_reasons(), [""; 0]);
    let (_, story) = worker.get("/v1/key?key=open").expect("an answer");
    let story: Value = serde_json::from_str(&story).expect("it is JSON");
    assert_eq!((&story["state"], &story["missingTotal"]), (&json!("open"), &json!(1)), "{story}");
}
