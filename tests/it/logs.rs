//! The logs of workers.

use std::sync::Arc;

use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::worker::Process;

const SECRET: &str = "4929-1234-5678-9012";

fn json_worker(shop: &Reconciliation) -> Process {
    let (file, state) = (shop.file(), shop.state_dir("w-1"));
    let text = |path: &std::path::Path| path.to_str().expect("the path is UTF-8").to_owned();
    let (file, state) = (text(&file), text(&state));
    let worker = ["--log-format", "json", "worker", "-f", &file, "--state-dir", &state];
    let options = ["--http", "127.0.0.1:0", "--instance-id", "w-1"];
    Process::start("worker", worker.into_iter().chain(options))
}

/// Fails for lines that are not JSON objects with the common fields.
fn assert_json(worker: &Process) {
    for line in worker.all() {
        let object: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for field in ["timestamp", "level", "message"] {
            assert!(object[field].is_string(), "no {field}: {line}");
        }
    }
}

#[test]
fn a_json_log_stays_one_while_the_broker_is_gone_and_says_so_now_and_then() {
    let broker = Arc::new(Broker::start());
    let shop = Reconciliation::new(&broker, "gone");
    let mut worker = json_worker(&shop);
    shop.order("o-1", &[1]);
    shop.made("o-1", 1);
    shop.settle();
    broker.crash();
    // Each client logs it once in ten seconds: one line of each is all there is.
    worker.says(&["AllBrokersDown"]);
    eventually("told again", WAIT_TIMEOUT, || {
        (worker.count(&["AllBrokersDown"]) > 1).then_some(())
    });
    worker.kill();
    assert_json(&worker);
}

#[test]
fn a_json_log_has_one_object_a_line_with_shards_and_durations_and_no_content_of_records() {
    let shop = Reconciliation::new(&Broker::shared(), "logged");
    let mut worker = json_worker(&shop);
    shop.made_value(Some(SECRET), Some(&format!("{{\"orderId\":\"{SECRET}\"}}")));
    shop.made_value(Some("broken"), Some(&format!("{{{SECRET}")));
    shop.order(SECRET, &[1]);
    shop.made(SECRET, 1);
    shop.settle();
    assert_eq!(worker.terminate().code(), Some(0));

    let opened: Value = serde_json::from_str(&worker.says(&["shard opened"])).expect("JSON");
    assert!(opened["shard"].is_i64() && opened["seconds"].is_f64(), "{opened}");
    assert!(opened["restored"].is_u64() && opened["next"].is_string(), "{opened}");
    assert_json(&worker);
    for line in worker.all() {
        assert!(!line.contains(SECRET), "a record's content: {line}");
    }
    for part in ["assignment", "released", "shard closed", "stopped"] {
        assert!(worker.said(&[part]).is_some(), "nothing about {part}");
    }
}
