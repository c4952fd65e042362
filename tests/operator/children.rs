//! The children of an object, and what happens when someone else changes them.

use serde_json::{Value, json};

use super::cluster::{Cluster, DEMO, Namespace, condition, demo};
use super::node::{Node, worker};
use super::operator::Operator;

const HASH: &str = "/spec/template/metadata/annotations/rollcall.dev~1config-hash";

fn template(namespace: &Namespace) -> Value {
    namespace.get("sts/shipping").expect("it is there")["spec"]["template"].clone()
}

fn hash(set: &Value) -> String {
    set.pointer(HASH).and_then(Value::as_str).expect("a hash").to_owned()
}

#[test]
fn an_object_becomes_workers_with_all_they_need() {
    let namespace = Cluster::shared().namespace("becomes");
    let _operator = Operator::start(&namespace, "a");
    namespace.apply(&demo("  console: {}\n  networkPolicy: {}\n  storage: { size: 1Gi }\n"));
    // Each of them, and the pod that a restricted namespace admits.
    for child in [
        "sts/shipping",
        "sa/shipping",
        "cm/shipping-config",
        "svc/shipping-workers",
        "pdb/shipping",
        "netpol/shipping",
        "deploy/shipping-console",
        "svc/shipping-console",
        "pod/shipping-0",
    ] {
        namespace.until(child, "it is there", |_| true);
    }
    let uid = namespace.get("recon/shipping").expect("it is there")["metadata"]["uid"].clone();
    let set = namespace.get("sts/shipping").expect("it is there");
    assert_eq!(set["metadata"]["ownerReferences"][0]["uid"], uid);
    namespace.until("pod", "the console's pod is let in", |pods| {
        let pods = pods["items"].as_array().expect("a list");
        pods.iter().any(|pod| pod["spec"]["containers"][0]["name"] == "console")
    });

    // What the object no longer asks for is deleted.
    namespace.apply(DEMO);
    namespace.run(&[
        "patch",
        "recon",
        "shipping",
        "--type=merge",
        "-p",
        r#"{"spec":{"console":null,"networkPolicy":null}}"#,
    ]);
    for child in ["netpol/shipping", "deploy/shipping-console", "svc/shipping-console"] {
        namespace.until_gone(child);
    }
    assert!(namespace.get("sts/shipping").is_some());
}

#[test]
fn applying_what_is_there_changes_nothing() {
    let namespace = Cluster::shared().namespace("settles");
    let operator = Operator::start(&namespace, "a");
    let mut node = Node::new(&namespace);
    namespace.apply(&demo("  storage: { size: 1Gi }\n"));
    node.run("shipping-0", worker(&[0, 1, 2, 3]));
    namespace.until_ready("True", "Running");
    let version = |what: &str| {
        namespace.get(what).expect("it is there")["metadata"]["resourceVersion"].clone()
    };
    let versions = || ["cm/shipping-config", "svc/shipping-workers", "sa/shipping"].map(version);
    let generation =
        |what: &str| namespace.get(what).expect("it is there")["metadata"]["generation"].clone();
    let generations = || ["sts/shipping", "pdb/shipping"].map(generation);
    let before = (versions(), generations());
    // A new leader applies everything again.
    drop(operator);
    let operator = Operator::start(&namespace, "a");
    operator.says("applied");
    assert_eq!(before, (versions(), generations()));
}

#[test]
fn pods_start_anew_for_a_new_configuration_and_for_nothing_else() {
    let namespace = Cluster::shared().namespace("rolls");
    let _operator = Operator::start(&namespace, "a");
    namespace.apply(DEMO);
    namespace.until("sts/shipping", "it is there", |_| true);
    let before = template(&namespace);
    namespace.apply(&demo("  replicas: 2\n"));
    namespace.until("sts/shipping", "it is scaled", |set| set["spec"]["replicas"] == 2);
    assert_eq!(before, template(&namespace));
    namespace.apply(&demo("  commitInterval: 50ms\n"));
    let old = hash(&json!({ "spec": { "template": before } }));
    namespace.until("sts/shipping", "its pods are to start again", |set| hash(set) != old);
}

#[test]
fn a_secret_is_waited_for_and_its_content_counts() {
    let namespace = Cluster::shared().namespace("secrets");
    let _operator = Operator::start(&namespace, "a");
    let sasl = "kafka:\n    sasl: { mechanism: PLAIN, secretRef: { name: login } }\n";
    namespace.apply(&DEMO.replacen("kafka:\n", sasl, 1));
    let object = namespace.until_ready("False", "SecretNotFound");
    let message = condition(&object, "Ready")["message"].clone();
    let message = message.as_str().expect("a message");
    assert!(
        message.starts_with("spec.kafka.sasl.secretRef: there is no Secret login"),
        "{message}"
    );
    assert!(namespace.get("sts/shipping").is_none());

    namespace.run(&["create", "secret", "generic", "login", "--from-literal=username=me"]);
    namespace.until_ready("False", "SecretIncomplete");
    let set = |password: &str| {
        let patch = json!({ "stringData": { "password": password } }).to_string();
        namespace.run(&["patch", "secret", "login", "--type=merge", "-p", &patch]);
    };
    set("one");
    let first = namespace.until("sts/shipping", "it is there", |_| true);
    namespace.run(&["label", "secret", "login", "touched=yes"]);
    set("two");
    let second = namespace
        .until("sts/shipping", "its pods are to start again", |set| hash(set) != hash(&first));
    // Only the two passwords made a difference: a label alone does not cause a third generation.
    assert_eq!(second["metadata"]["generation"], 2);
}

#[test]
fn a_secret_that_only_the_console_needs_holds_up_no_worker() {
    let namespace = Cluster::shared().namespace("aside");
    let _operator = Operator::start(&namespace, "a");
    namespace.apply(&demo("  console: { tokenSecretRef: { name: token } }\n"));
    namespace.until("sts/shipping", "it is there", |_| true);
    namespace.until("recon/shipping", "it says what the console lacks", |object| {
        let degraded = condition(object, "Degraded");
        degraded["reason"] == "SecretNotFound"
            && degraded["message"].as_str().is_some_and(|told| told.contains("spec.console"))
    });
    namespace.run(&["create", "secret", "generic", "token", "--from-literal=token=open-sesame"]);
    namespace.until("recon/shipping", "nothing is amiss", |object| {
        condition(object, "Degraded")["status"] == "False"
    });
}

#[test]
fn what_others_add_stays_and_what_they_change_is_put_right() {
    let namespace = Cluster::shared().namespace("managers");
    let _operator = Operator::start(&namespace, "a");
    namespace.apply(DEMO);
    namespace.until("sts/shipping", "it is there", |_| true);
    namespace.run(&["label", "sts", "shipping", "team=shop"]);
    namespace.run(&["scale", "sts", "shipping", "--replicas=7"]);
    let set = namespace.until("sts/shipping", "it is put right", |set| {
        set["spec"]["replicas"] == 1 && set["metadata"]["generation"] != 1
    });
    assert_eq!(set["metadata"]["labels"]["team"], "shop");
    // Another client that applies it gets the error that the field is owned.
    let other = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: { name: shipping }\n\
                 spec: { replicas: 3 }\n";
    let arguments =
        ["-n", &namespace.name, "apply", "--server-side", "--field-manager=other", "-f", "-"];
    let told = namespace.cluster.attempt(&arguments, other).expect_err("a conflict");
    assert!(told.contains("conflict with \"rollcall-operator\""), "{told}");

    namespace.run(&["delete", "svc", "shipping-workers"]);
    namespace.until("svc/shipping-workers", "it is back", |_| true);
}

#[test]
fn what_belongs_to_someone_else_is_left_alone() {
    let namespace = Cluster::shared().namespace("taken");
    let _operator = Operator::start(&namespace, "a");
    namespace.run(&["create", "configmap", "shipping-config", "--from-literal=mine=yes"]);
    namespace.apply(DEMO);
    let object = namespace.until_ready("False", "NameTaken");
    assert_eq!(condition(&object, "Stalled")["status"], "True");
    let message = condition(&object, "Ready")["message"].clone();
    assert!(message.as_str().is_some_and(|text| text.contains("ConfigMap shipping-config")));
    let config = namespace.get("cm/shipping-config").expect("it is there");
    assert_eq!(config["data"], json!({ "mine": "yes" }));
    // Once it is gone, everything continues.
    namespace.run(&["delete", "configmap", "shipping-config"]);
    namespace.until("sts/shipping", "it is there", |_| true);
}

#[test]
fn other_volumes_are_for_new_workers_and_stop_nobody() {
    let namespace = Cluster::shared().namespace("volumes");
    let _operator = Operator::start(&namespace, "a");
    let mut node = Node::new(&namespace);
    namespace.apply(&demo("  storage: { size: 1Gi }\n"));
    node.run("shipping-0", worker(&[0, 1, 2, 3]));
    namespace.until_ready("True", "Running");
    let pod = namespace.get("pod/shipping-0").expect("it is there")["metadata"]["uid"].clone();
    let set = namespace.get("sts/shipping").expect("it is there")["metadata"]["uid"].clone();
    namespace.apply(&demo("  storage: { size: 2Gi }\n"));
    namespace.until("sts/shipping", "it is created again", |new| {
        let claim = &new["spec"]["volumeClaimTemplates"][0]["spec"];
        new["metadata"]["uid"] != set && claim["resources"]["requests"]["storage"] == "2Gi"
    });
    namespace.until_ready("True", "Running");
    assert_eq!(namespace.get("pod/shipping-0").expect("it is there")["metadata"]["uid"], pod);
}
