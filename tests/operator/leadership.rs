//! Several operators, of which one acts.

use serde_json::Value;

use super::cluster::{Cluster, DEMO, Namespace, demo};
use super::operator::Operator;

fn until_held_by(namespace: &Namespace, holder: &str) -> Value {
    namespace.until("lease/rollcall-operator", &format!("{holder} holds it"), |lease| {
        lease["spec"]["holderIdentity"] == holder
    })
}

#[test]
fn of_two_operators_one_acts_and_the_other_takes_over_when_it_dies() {
    let namespace = Cluster::shared().namespace("two");
    let mut first = Operator::start(&namespace, "first");
    first.says("leading");
    let second = Operator::start(&namespace, "second");
    second.says("standing by: first leads");
    first.measures("rollcall_operator_leader 1");
    second.measures("rollcall_operator_leader 0");
    namespace.apply(DEMO);
    namespace.until("sts/shipping", "it is there", |_| true);

    first.kill();
    let lease = until_held_by(&namespace, "second");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    namespace.apply(&demo("  replicas: 2\n"));
    namespace.until("sts/shipping", "it is scaled", |set| set["spec"]["replicas"] == 2);
}

#[test]
fn an_operator_that_stops_gives_the_lease_back() {
    let namespace = Cluster::shared().namespace("released");
    let mut first = Operator::start(&namespace, "first");
    first.says("leading");
    assert!(first.terminate().success());
    let lease = namespace.get("lease/rollcall-operator").expect("it stays");
    assert_eq!(lease["spec"]["holderIdentity"], Value::Null);
    let second = Operator::start(&namespace, "second");
    second.says("leading");
    // It did not have to wait.
    assert!(!second.said("standing by"));
}

#[test]
fn an_operator_that_was_cut_off_acts_no_more() {
    let namespace = Cluster::shared().namespace("frozen");
    let first = Operator::start(&namespace, "first");
    first.says("leading");
    let second = Operator::start(&namespace, "second");
    second.says("standing by: first leads");
    first.freeze();
    until_held_by(&namespace, "second");
    first.thaw();
    first.says("no longer leading");
    first.says("standing by: second leads");
    first.measures("rollcall_operator_leader 0");
    namespace.apply(DEMO);
    namespace.until("sts/shipping", "it is there", |_| true);
    assert!(second.said("applied") && !first.said("applied"));
}
