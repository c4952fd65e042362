//! Clusters that are not ready for an operator, and objects from an earlier version.

use std::sync::Arc;

use super::cluster::{Cluster, DEMO, WAIT_TIMEOUT, condition};
use super::eventually::eventually;
use super::operator::Operator;

/// A definition that accepts anything, as an early version might.
const PERMISSIVE: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: reconciliations.rollcall.dev }
spec:
  group: rollcall.dev
  scope: Namespaced
  names:
    kind: Reconciliation
    plural: reconciliations
    singular: reconciliation
    shortNames: [recon]
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: { status: {} }
    schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
";

#[test]
fn an_operator_waits_for_its_definition_and_minds_no_object_from_another_time() {
    let cluster = Arc::new(Cluster::start());
    let namespace = cluster.namespace("shop");
    let operator = Operator::start(&namespace, "a");
    operator.says("waiting for the definition reconciliations.rollcall.dev");
    eventually("it is ready all the same", WAIT_TIMEOUT, || {
        (operator.ask("/readyz")?.0 == 200).then_some(())
    });
    assert_eq!(operator.ask("/healthz").expect("it answers").0, 200);
    drop(operator);

    cluster.run(&["apply", "-f", "-"], PERMISSIVE);
    cluster.run(&["wait", "--for=condition=Established", "crd/reconciliations.rollcall.dev"], "");
    let head = "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\n";
    let broken = "metadata: { name: broken }\nspec: { memory: 7, parallelism: many }\n";
    namespace.apply(&format!("{head}{broken}"));
    namespace.apply(&format!("{head}metadata: {{ name: empty }}\n"));
    let mistyped =
        DEMO.replace("name: shipping", "name: mistyped").replace("memory: 7d", "memory: 7");
    namespace.apply(&mistyped);
    // It would reject such objects; stored ones are still found and reported.
    cluster.define();
    namespace.apply(DEMO);
    let operator = Operator::start(&namespace, "a");
    namespace.until("sts/shipping", "it is there", |_| true);
    for name in ["recon/mistyped", "recon/empty"] {
        namespace.until(name, "it is said to be invalid", |object| {
            condition(object, "Ready")["reason"] == "InvalidSpec"
                && condition(object, "Stalled")["status"] == "True"
        });
    }
    operator.measures("rollcall_operator_objects 4");
    let selector = "reason=InvalidSpec,involvedObject.name=broken";
    // This one accepts no status at all.
    eventually("an Event says what is wrong with it", WAIT_TIMEOUT, || {
        let arguments = ["get", "events", "--field-selector", selector, "-o", "name"];
        namespace.attempt(&arguments).ok().filter(|events| !events.is_empty())
    });
    namespace.run(&["delete", "recon", "broken", "empty", "mistyped"]);
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
    // What belonged to the previous object is cleaned up first, and not taken over.
    let uid = namespace.get("recon/shipping").expect("it is there")["metadata"]["uid"].clone();
    namespace.until("sts/shipping", "it is that of the new object", |set| {
        set["metadata"]["ownerReferences"][0]["uid"] == uid
    });
}
