//! What is left of an object that is deleted.

use serde_json::json;

use super::cluster::{Cluster, DEMO, demo};
use super::operator::Operator;

#[test]
fn an_object_goes_with_its_children_and_waits_for_nobody() {
    let namespace = Cluster::shared().namespace("goes");
    let operator = Operator::start(&namespace, "a");
    namespace.apply(&demo("  console: {}\n"));
    namespace.until("deploy/shipping-console", "it is there", |_| true);
    // Nobody is needed for what follows.
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
    // No broker is there: the object waits, says why, and is let go when it may keep its topics.
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
