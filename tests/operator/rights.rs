//! The operator's permissions when installed from `manifests/operator.yaml`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::cluster::{Cluster, DEMO, condition};
use super::node::{Node, worker};
use super::operator::Operator;

const MANIFEST: &str = include_str!("../../manifests/operator.yaml");
const INSTALLED: &str = "rollcall-system";

/// Returns a kubeconfig of the operator's service account.
fn kubeconfig(cluster: &Cluster, dir: &tempfile::TempDir) -> PathBuf {
    let token = cluster.run(&["-n", INSTALLED, "create", "token", "rollcall-operator"], "");
    let config = cluster.run(&["config", "view", "--raw", "-o", "json"], "");
    let mut config: Value = serde_json::from_str(&config).expect("JSON");
    config["users"][0]["user"] = json!({ "token": token.trim() });
    let file = dir.path().join("kubeconfig");
    std::fs::write(&file, config.to_string()).expect("a file");
    file
}

#[test]
fn the_rights_that_come_with_the_operator_are_enough() {
    let cluster = Cluster::shared();
    cluster.run(&["apply", "-f", "-"], MANIFEST);
    let dir = tempfile::tempdir().expect("a directory");
    let kubeconfig = kubeconfig(&cluster, &dir);
    let namespace = cluster.namespace("rights");
    namespace.run(&["create", "secret", "generic", "login", "--from-literal=username=me"]);
    let operator = Operator::start_as(&namespace, "a", &kubeconfig, INSTALLED);
    let more = "spec:\n  deletionPolicy: DeleteTopics\n  console: {}\n  networkPolicy: {}\n  \
                storage: { size: 1Gi }\n";
    let sasl = "kafka:\n    sasl: { mechanism: PLAIN, secretRef: { name: login } }\n";
    let object = DEMO.replacen("spec:\n", more, 1).replacen("kafka:\n", sasl, 1);
    namespace.apply(&object);
    Node::new(&namespace).run("shipping-0", worker(&[0, 1, 2, 3]));
    // It may not read Secrets, which is reported and does not stop anything.
    let object = namespace.until_ready("True", "Running");
    assert_eq!(condition(&object, "Degraded")["reason"], "SecretForbidden");
    let wanted = format!("/v1/namespaces/{}/workers/shipping-0", namespace.name);
    assert_eq!(operator.ask(&wanted), Some((200, r#"{"wanted":true}"#.to_owned())));
    assert_eq!(object["metadata"]["finalizers"], json!(["rollcall.dev/topics"]));
    // Created again, which needs the permission to delete.
    namespace.apply(&DEMO.replacen("spec:\n", "spec:\n  storage: { size: 2Gi }\n", 1));
    let patch = r#"{"spec":{"console":null,"networkPolicy":null,"deletionPolicy":"Retain"}}"#;
    namespace.run(&["patch", "recon", "shipping", "--type=merge", "-p", patch]);
    namespace.until_gone("deploy/shipping-console");
    namespace.until("sts/shipping", "it is created again", |set| {
        let claim = &set["spec"]["volumeClaimTemplates"][0]["spec"];
        claim["resources"]["requests"]["storage"] == "2Gi"
    });
    namespace.until("recon/shipping", "it is held no more", |object| {
        object["metadata"]["finalizers"] == Value::Null
    });
    let events =
        namespace.run(&["get", "events", "--field-selector", "reason=Running", "-o", "name"]);
    assert_ne!(events, "");
    for complaint in ["not allowed to", "may not watch", "Event could not be written"] {
        assert!(!operator.said(complaint), "{complaint}");
    }
}
