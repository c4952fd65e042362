//! The definition: what the API server makes of it, and what it rejects because of it.

use super::cluster::{Cluster, DEMO, demo};

#[test]
fn the_api_server_fills_in_what_an_object_leaves_out() {
    let namespace = Cluster::shared().namespace("defaults");
    namespace.apply(
        "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\nmetadata: { name: shipping }\n\
         spec:\n  kafka: { bootstrapServers: kafka:9092 }\n  \
         expected: { topic: orders, items: '$.items[*].id' }\n  \
         observed: [{ topic: manufactured, item: $.productId }]\n  \
         completed: { topic: shipping }\n  console: {}\n",
    );
    let spec = &namespace.get("recon/shipping").expect("it was applied")["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["memory"], "7d");
    assert_eq!(spec["counting"], "distinct");
    assert_eq!(spec["paused"], false);
    assert_eq!(spec["deletionPolicy"], "Retain");
    assert_eq!(spec["limits"]["rowBytes"], "512Ki");
    assert_eq!(spec["console"]["replicas"], 1);
}

#[test]
fn the_api_server_refuses_what_cannot_be() {
    let namespace = Cluster::shared().namespace("refusals");
    for (from, to, said) in [
        ("topic: manufactured", "topic: orders", "all but the last need a where"),
        ("topic: shipping-overdue", "topic: orders", "topics must differ"),
        ("topic: orders", "topic: orders\n    where: [{ path: $.a }]", "give one of in"),
        ("memory: 7d", "memory: soon", "spec.memory"),
        ("spec:\n", "spec:\n  replicas: 1001\n", "spec.replicas"),
        ("spec:\n", "spec:\n  replicas: -1\n", "spec.replicas"),
        ("spec:\n", "spec:\n  console: { replicas: 11 }\n", "spec.console.replicas"),
        ("spec:\n", "spec:\n  parallelism: 3\n", "parallelism"),
        ("name: shipping", "name: 2-shipping", "begins with a letter"),
        ("    key: $.id", "    keep: { orderId: $.id }", "fields of completions must differ"),
        ("    keyField: orderId", "    itemsField: key", "fields of completions must differ"),
        ("    key: $.orderId", "    keep: { at: $.at }", "keep needs completed.itemsField"),
    ] {
        assert!(DEMO.contains(from), "{from}");
        let told = namespace.try_apply(&DEMO.replacen(from, to, 1));
        let told = told.expect_err("the API server refuses it");
        assert!(told.contains(said), "{to}: {told}");
    }
    namespace.apply(DEMO);
    for (from, to, said) in [
        ("topic: orders", "topic: orders2", "expected.topic cannot change"),
        ("topic: manufactured", "topic: made", "observed topics cannot change"),
        ("counting: distinct", "counting: quantity", "counting cannot change"),
        ("kafka:\n", "kafka:\n    groupId: other\n", "groupId cannot change"),
    ] {
        assert!(DEMO.contains(from), "{from}");
        let told = namespace.try_apply(&DEMO.replacen(from, to, 1));
        let told = told.expect_err("the API server refuses it");
        assert!(told.contains(said), "{to}: {told}");
    }
    namespace.apply(&demo("  replicas: 4\n"));
}

#[test]
fn the_definition_explains_itself() {
    let namespace = Cluster::shared().namespace("explain");
    let told = namespace.run(&["explain", "recon.spec.expected"]);
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("The records that say which items a key needs."), "{told}");
    assert!(words.contains("Left out, the record key alone counts."), "{told}");
    // The table is as wide as the terminal: lines wrap there and nowhere else.
    assert!(!told.contains("Left out,\n"), "{told}");
    let told = namespace.run(&["get", "reconciliations,streaming", "--ignore-not-found"]);
    assert_eq!(told, "");
}
