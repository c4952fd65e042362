//! What remains of a deleted object.

use std::process::Command;

use serde_json::json;

use super::cluster::{Cluster, DEMO, demo};
use super::operator::{Operator, free_address};
use super::watchdog;

#[test]
fn an_object_goes_with_its_children_and_waits_for_nobody() {
    let namespace = Cluster::shared().namespace("goes");
    let operator = Operator::start(&namespace, "a");
    namespace.apply(&demo("  console: {}\n"));
    namespace.until("deploy/shipping-console", "it is there", |_| true);
    // The rest must work without an operator.
    drop(operator);
    namespace.run(&["delete", "recon", "shipping", "--timeout=60s"]);
    for child in ["sts/shipping", "cm/shipping-config", "svc/shipping-workers", "pdb/shipping"] {
        namespace.until_gone(child);
    }
}

#[test]
fn only_an_object_whose_topics_go_with_it_is_held() {
    let namespace = Cluster::shared().namespace("held");
    let operator = Operator::start(&namespace, "a");
    namespace.apply(DEMO);
    let object = namespace.until_ready("False", "Starting");
    assert_eq!(object["metadata"]["finalizers"], json!(null));
    namespace.apply(&demo("  deletionPolicy: DeleteTopics\n"));
    namespace.until("recon/shipping", "it is held", |object| {
        object["metadata"]["finalizers"] == json!(["rollcall.dev/topics"])
    });
    // There is no broker: the object waits, reports why, and is released when it may keep its
    // topics.
    namespace.run(&["delete", "recon", "shipping", "--wait=false"]);
    operator.says("no broker answers");
    let patch = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    namespace.run(&["patch", "recon", "shipping", "--type=merge", "-p", patch]);
    namespace.until_gone("recon/shipping");
}

#[test]
fn an_object_whose_login_is_gone_is_let_go_with_a_word() {
    let namespace = Cluster::shared().namespace("let-go");
    let operator = Operator::start(&namespace, "a");
    let sasl = "kafka:\n    sasl: { mechanism: PLAIN, secretRef: { name: login } }\n";
    let object = demo("  deletionPolicy: DeleteTopics\n").replacen("kafka:\n", sasl, 1);
    namespace.apply(&object);
    namespace.until("recon/shipping", "it is held", |object| {
        object["metadata"]["finalizers"] == json!(["rollcall.dev/topics"])
    });
    namespace.run(&["delete", "recon", "shipping", "--timeout=60s"]);
    operator.says("changelog and group are left in Kafka");
}

/// Starts a broker that ends with the tests, and returns where it listens.
fn broker() -> String {
    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/kafka");
    let port = free_address().port().to_string();
    let dir = format!("{}/kafka-{port}", env!("CARGO_TARGET_TMPDIR"));
    watchdog::at_the_end(&format!("PORT={port} DIR='{dir}' '{SCRIPT}' wipe"));
    let started = Command::new(SCRIPT).arg("start").env("PORT", &port).env("DIR", &dir).output();
    let started = started.expect("the script runs");
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    format!("localhost:{port}")
}

#[test]
fn the_changelog_goes_with_an_object_that_asks_for_it_and_inputs_stay() {
    let object = demo("  deletionPolicy: DeleteTopics\n").replace("localhost:9092", &broker());
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("shipping.yaml");
    std::fs::write(&file, &object).expect("a file");
    let topics = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        let output = command.arg("topics").arg("-f").arg(&file).args(more).output();
        String::from_utf8(output.expect("the program runs").stdout).expect("it prints text")
    };
    let partitions = |table: &str, topic: &str| {
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(topic));
        let row = row.unwrap_or_else(|| panic!("no {topic} in\n{table}"));
        row.split_whitespace().any(|cell| cell == "4")
    };
    let made = topics(&["--create"]);
    assert!(partitions(&made, "shipping-changelog") && partitions(&made, "orders"), "{made}");

    let namespace = Cluster::shared().namespace("topics-go");
    let operator = Operator::start(&namespace, "a");
    namespace.apply(&object);
    namespace.until("pod/shipping-0", "it is there", |_| true);
    namespace.run(&["delete", "recon", "shipping", "--timeout=80s"]);
    operator.says("changelog and group deleted");
    let left = topics(&[]);
    assert!(!partitions(&left, "shipping-changelog"), "{left}");
    assert!(partitions(&left, "orders") && partitions(&left, "shipping"), "{left}");
}
