//! Clusters that are not ready for an operator, and objects from another time.

use std::sync::Arc;

use super::cluster::{Cluster, DEMO, PATIENCE, condition};
use super::eventually::eventually;
use super::operator::Operator;

/// A definition that takes whatever it is given, as an early version of one might.
const PERMISSIVE: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: reconciliations.rollcall.dev }
spec:
  group: rollcall.dev
  scope: Namespaced
  names: { kind: Reconciliation, plural: reconciliations, singular: reconciliation, shortNames: [recon] }
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: { status: {} }
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
";

#[test]
fn an_operator_waits_for_its_definition_and_minds_no_broken_object() {
    let cluster = Arc::new(Cluster::start());
    let namespace = cluster.namespace("shop");
    let operator = Operator::start(&namespace, "a");
    operator.says("waiting for the definition reconciliations.rollcall.dev");
    eventually("it is ready all the same", PATIENCE, || {
        (operator.ask("/readyz")?.0 == 200).then_some(())
    });
    assert_eq!(operator.ask("/healthz").expect("it answers").0, 200);

    cluster.run(&["apply", "-f", "-"], PERMISSIVE);
    cluster.run(&["wait", "--for=condition=Established", "crd/reconciliations.rollcall.dev"], "");
    namespace.apply(
        "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\nmetadata: { name: broken }\n\
         spec: { memory: 7, parallelism: many }\n",
    );
    namespace.apply(
        "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\nmetadata: { name: empty }\n",
    );
    namespace.apply(DEMO);
    namespace.until("sts/shipping", "it is there", |_| true);
    for name in ["recon/broken", "recon/empty"] {
        namespace.until(name, "it is said to be invalid", |object| {
            condition(object, "Ready")["reason"] == "InvalidSpec"
                && condition(object, "Stalled")["status"] == "True"
        });
    }

    // The real definition refuses such objects; those that are stored are still seen and spoken of.
    cluster.define();
    operator.measures("rollcall_operator_objects 3");
    namespace.run(&[
        "patch",
        "recon",
        "shipping",
        "--type=merge",
        "-p",
        r#"{"spec":{"replicas":2}}"#,
    ]);
    namespace.until("sts/shipping", "it is scaled", |set| set["spec"]["replicas"] == 2);
    namespace.run(&["delete", "recon", "broken", "empty"]);
    operator.measures("rollcall_operator_objects 1");
}

#[test]
fn a_definition_that_goes_and_comes_is_no_trouble() {
    let cluster = Arc::new(Cluster::start());
    cluster.define();
    let namespace = cluster.namespace("shop");
    let operator = Operator::start(&namespace, "a");
    namespace.apply(DEMO);
    namespace.until("sts/shipping", "it is there", |_| true);
    cluster.run(&["delete", "crd", "reconciliations.rollcall.dev"], "");
    operator.says("waiting for the definition");
    operator.measures("rollcall_operator_objects 0");
    cluster.define();
    namespace.apply(DEMO);
    // What belonged to the object of before is cleaned up first, and not taken over.
    let uid = namespace.get("recon/shipping").expect("it is there")["metadata"]["uid"].clone();
    namespace.until("sts/shipping", "it is that of the new object", |set| {
        set["metadata"]["ownerReferences"][0]["uid"] == uid
    });
}
