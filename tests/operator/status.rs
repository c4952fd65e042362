//! The status of an object, and how tools show it.

use serde_json::json;

use super::cluster::{Cluster, DEMO, condition, demo};
use super::node::{Node, worker};
use super::operator::Operator;

#[test]
fn an_object_whose_workers_run_is_ready_for_people_and_tools() {
    let namespace = Cluster::shared().namespace("ready");
    let operator = Operator::start(&namespace, "a");
    let mut node = Node::new(&namespace);
    namespace.apply(&demo("  replicas: 2\n"));
    namespace.until_ready("False", "Starting");
    node.run("shipping-0", worker(&[0, 1]));
    namespace.until_ready("False", "Restoring");
    node.run("shipping-1", worker(&[2, 3]));
    namespace.run(&["wait", "--for=condition=Ready", "recon/shipping", "--timeout=60s"]);
    let object = namespace.until("recon/shipping", "its shards are told", |object| {
        object["status"]["shards"] == "4/4" && object["status"]["openKeys"] == 12
    });
    let status = &object["status"];
    assert_eq!(status["observedGeneration"], object["metadata"]["generation"]);
    assert_eq!(status["partitions"], 4);
    assert_eq!(status["lagRecords"], 20);
    assert_eq!(status["overdueKeys"], 4);
    assert_eq!(status["lastCompletionAt"], "2026-01-01T10:00:00Z");
    let workers = json!([
        { "name": "shipping-0", "shards": "0-1" },
        { "name": "shipping-1", "shards": "2-3" },
    ]);
    assert_eq!(status["workers"], workers);
    for type_ in ["Progressing", "Degraded", "Stalled"] {
        assert_eq!(condition(&object, type_)["status"], "False", "{type_}");
    }
    let table = namespace.run(&["get", "recon"]);
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = ["NAME", "READY", "REPLICAS", "SHARDS", "OPEN", "LAG", "AGE"];
    assert_eq!(rows.next().expect("a header"), header);
    assert_eq!(rows.next().expect("a row")[..6], ["shipping", "True", "2", "4/4", "12", "20"]);
    operator.measures("rollcall_operator_ready{name=\"shipping\",namespace=\"ready\"} 1");
    operator.measures("rollcall_operator_objects 1");
    // Each change was an Event.
    for reason in ["Starting", "Restoring", "Running"] {
        let selector = format!("reason={reason},involvedObject.kind=Reconciliation");
        let events = namespace.run(&["get", "events", "--field-selector", &selector, "-o", "name"]);
        assert_ne!(events, "", "{reason}");
    }
}

#[test]
fn an_object_is_scaled_by_its_scale_and_never_beyond_its_partitions() {
    let namespace = Cluster::shared().namespace("scales");
    let operator = Operator::start(&namespace, "a");
    let mut node = Node::new(&namespace);
    namespace.apply(DEMO);
    node.run("shipping-0", worker(&[0, 1, 2, 3]));
    namespace.until("recon/shipping", "partitions are known", |object| {
        object["status"]["partitions"] == 4
    });
    namespace.run(&["scale", "recon/shipping", "--replicas=3"]);
    namespace.until("sts/shipping", "it is scaled", |set| set["spec"]["replicas"] == 3);
    let scale = namespace.cluster.run(
        &[
            "get",
            "--raw",
            "/apis/rollcall.dev/v1alpha1/namespaces/scales/reconciliations/shipping/scale",
        ],
        "",
    );
    let scale: serde_json::Value = serde_json::from_str(&scale).expect("JSON");
    assert_eq!(scale["spec"]["replicas"], 3);
    let selector = scale["status"]["selector"].as_str().expect("autoscalers need it").to_owned();
    let pods = namespace.run(&["get", "pods", "-l", &selector, "-o", "name"]);
    assert!(pods.contains("pod/shipping-0"), "{pods}");

    namespace.run(&["scale", "recon/shipping", "--replicas=9"]);
    namespace.until("sts/shipping", "it has as many as there are partitions", |set| {
        set["spec"]["replicas"] == 4
    });
    for number in 0..4 {
        node.run(&format!("shipping-{number}"), worker(&[number]));
    }
    namespace.until_ready("True", "ReplicasExceedPartitions");

    // A worker that is told to stop asks whether it will be back.
    namespace.run(&["scale", "recon/shipping", "--replicas=2"]);
    namespace.until("sts/shipping", "it is scaled down", |set| set["spec"]["replicas"] == 2);
    let answer = |pod: &str| operator.ask(&format!("/v1/namespaces/scales/workers/{pod}"));
    let wanted = |wanted: bool| Some((200, json!({ "wanted": wanted }).to_string()));
    assert_eq!(answer("shipping-1"), wanted(true), "it is restarted");
    assert_eq!(answer("shipping-2"), wanted(false), "it is scaled away");
    let status = |pod: &str| answer(pod).map(|(status, _)| status);
    assert_eq!(status("billing-0"), Some(404));
    assert_eq!(status("shipping"), Some(404));
}

#[test]
fn a_paused_object_has_no_workers_and_goes_on_where_it_stopped() {
    let namespace = Cluster::shared().namespace("pauses");
    let _operator = Operator::start(&namespace, "a");
    let mut node = Node::new(&namespace);
    namespace.apply(DEMO);
    node.run("shipping-0", worker(&[0, 1, 2, 3]));
    namespace.until_ready("True", "Running");
    namespace.apply(&demo("  paused: true\n"));
    let object = namespace.until_ready("True", "Paused");
    assert_eq!(object["status"]["shards"], "paused");
    assert_eq!(object["status"]["partitions"], 4);
    namespace.until_gone("pod/shipping-0");
    namespace.apply(&demo("  paused: false\n"));
    namespace.until("sts/shipping", "it has workers again", |set| set["spec"]["replicas"] == 1);
    node.run("shipping-0", worker(&[0, 1, 2, 3]));
    namespace.until_ready("True", "Running");
}

#[test]
fn what_is_wrong_is_said_with_the_remedy() {
    let namespace = Cluster::shared().namespace("trouble");
    let _operator = Operator::start(&namespace, "a");
    let mut node = Node::new(&namespace);
    namespace.apply(DEMO);
    node.crash("shipping-0", "INFO starting\nerror: topic orders does not exist: create it\n");
    let object = namespace.until_ready("False", "WorkerCrashing");
    let message = condition(&object, "Ready")["message"].clone();
    assert!(message.as_str().is_some_and(|text| text.contains("create it")), "{message}");
    assert_eq!(condition(&object, "Degraded")["status"], "True");

    let mut says = worker(&[]);
    let message = "orders has 3 partitions, manufactured has 6: give both the same";
    says["trouble"] = json!({ "reason": "TopicsNotCoPartitioned", "message": message });
    namespace.run(&["delete", "pod", "shipping-0", "--now"]);
    node.run("shipping-0", says);
    let object = namespace.until_ready("False", "TopicsNotCoPartitioned");
    assert_eq!(condition(&object, "Ready")["message"], message);
    node.say("shipping-0", worker(&[0, 1, 2, 3]));
    namespace.until_ready("True", "Running");
}
