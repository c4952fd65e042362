//! The children of an object: the fields that something depends on.

mod secrets;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Value, json};

use super::*;
use crate::fingerprint;
use rollcall_object::resource::StorageSpec;

const DEMO: &str = include_str!("../../../manifests/local/shipping.yaml");

fn object(more: &str) -> Reconciliation {
    let text = DEMO.replacen("spec:\n", &format!("spec:\n{more}"), 1);
    let mut object = Reconciliation::from_yaml(&text).expect("a valid object");
    object.metadata.namespace = Some("shop".to_owned());
    object.metadata.uid = Some("u".to_owned());
    object
}

fn valid(object: &Reconciliation) -> Validated {
    Validated::new(object.clone()).expect("a valid object")
}

fn image() -> Image {
    Image { name: "rollcall:1".to_owned(), pull_policy: Some("IfNotPresent".to_owned()) }
}

fn with_plan<T>(object: &Reconciliation, test: impl FnOnce(&Plan<'_>) -> T) -> T {
    let object = &valid(object);
    let config = config(object);
    let image = image();
    let hashes = fingerprint::hashes(&config, &[]);
    test(&Plan {
        object,
        image: &image,
        operator_url: Some("http://rollcall.system.svc:8080"),
        hashes,
        config,
        replicas: object.spec().replicas,
        monitoring: Monitoring::PodMonitors,
    })
}

fn built(object: &Reconciliation) -> Children {
    with_plan(object, children)
}

/// Returns the children by kind and name.
fn child(children: &Children, kind: &str, name: &str) -> Value {
    let mut found = children.present.iter();
    let found = found.find(|child| child.resource.kind == kind && child.name == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}")).value.clone()
}

fn template(object: &Reconciliation) -> PodTemplateSpec {
    with_plan(object, stateful_set::build).spec.template
}

#[test]
fn every_child_belongs_to_its_object() {
    let children = built(&object("  console: {}\n  networkPolicy: {}\n"));
    let mut names = Vec::new();
    for Child { resource, name, value } in &children.present {
        names.push(format!("{} {name}", resource.kind));
        assert_eq!(value["kind"], resource.kind);
        assert_eq!(value["metadata"]["name"], *name);
        assert_eq!(value["metadata"]["namespace"], "shop", "{name}");
        let owner = &value["metadata"]["ownerReferences"][0];
        assert_eq!(
            *owner,
            json!({
                "apiVersion": "rollcall.dev/v1alpha1", "kind": "Reconciliation",
                "name": "shipping", "uid": "u", "controller": true, "blockOwnerDeletion": true,
            })
        );
        let labels = &value["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/managed-by"], "rollcall-operator");
        assert_eq!(labels["app.kubernetes.io/instance"], "shipping");
    }
    assert_eq!(
        names,
        [
            "ServiceAccount shipping",
            "ConfigMap shipping-config",
            "Service shipping-workers",
            "PodDisruptionBudget shipping",
            "NetworkPolicy shipping",
            "StatefulSet shipping",
            "PodMonitor shipping",
            "Deployment shipping-console",
            "Service shipping-console",
        ]
    );
    assert_eq!(children.absent, []);
}

#[test]
fn what_the_object_does_not_ask_for_is_absent() {
    let children = built(&object(""));
    let absent: Vec<_> = children
        .absent
        .iter()
        .map(|absent| format!("{} {}", absent.resource.kind, absent.name))
        .collect();
    assert_eq!(
        absent,
        ["NetworkPolicy shipping", "Deployment shipping-console", "Service shipping-console"]
    );
}

#[test]
fn workers_read_the_object_without_what_is_for_kubernetes() {
    let text = config(&valid(&object(
        "  replicas: 3\n  paused: true\n  deletionPolicy: DeleteTopics\n  \
         storage: { size: 1Gi }\n  console: {}\n  pod: { nodeSelector: { a: b } }\n",
    )));
    let file: Value = serde_yaml::from_str(&text).expect("YAML");
    assert_eq!(file["metadata"], json!({ "name": "shipping", "namespace": "shop", "uid": "u" }));
    for field in config_map::NOT_FOR_WORKERS {
        assert!(file["spec"].get(field).is_none(), "{field}");
    }
    // A worker accepts the file.
    let settings = rollcall_object::parse(&text).expect("a valid object");
    assert_eq!(settings.lead_topic(), "orders");
    let data = &child(&built(&object("")), "ConfigMap", "shipping-config")["data"];
    assert_eq!(data["reconciliation.yaml"], config(&valid(&object(""))));
}

#[test]
fn pods_start_anew_when_what_they_read_changes_and_only_then() {
    let before = template(&object(""));
    for same in [
        "  replicas: 5\n",
        "  paused: true\n",
        "  deletionPolicy: DeleteTopics\n",
        "  console: {}\n",
        "  networkPolicy: {}\n",
    ] {
        assert_eq!(before, template(&object(same)), "{same}");
    }
    for other in [
        "  commitInterval: 50ms\n",
        "  startFrom: latest\n",
        "  resources: { limits: { memory: 1Gi } }\n",
        "  pod: { annotations: { a: b } }\n",
    ] {
        assert_ne!(before, template(&object(other)), "{other}");
    }
    let rotated = with_plan(&object(""), |plan| {
        let mut plan = plan.clone();
        plan.hashes.worker = "another".to_owned();
        stateful_set::build(&plan).spec.template
    });
    assert_ne!(before, rotated);
}

#[test]
fn a_worker_keeps_its_name_and_finds_its_files() {
    let object = object("  replicas: 2\n");
    let set = child(&built(&object), "StatefulSet", "shipping");
    let spec = &set["spec"];
    assert_eq!(spec["replicas"], 2);
    assert_eq!(spec["serviceName"], "shipping-workers");
    assert_eq!(spec["podManagementPolicy"], "Parallel");
    assert_eq!(
        spec["persistentVolumeClaimRetentionPolicy"],
        json!({ "whenDeleted": "Delete", "whenScaled": "Retain" })
    );
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 30);
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "rollcall:1");
    assert_eq!(
        container["args"],
        json!([
            "worker",
            "--file=/etc/rollcall/reconciliation.yaml",
            "--state-dir=/var/lib/rollcall",
            "--http=[::]:8080",
            "--instance-id=$(POD_NAME)",
            "--keep-trying",
            "--at-stop=http://rollcall.system.svc:8080/v1/namespaces/shop/workers/$(POD_NAME)",
        ])
    );
    assert_eq!(container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
    for (probe, path) in [
        ("startupProbe", "/startupz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ] {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "http" }));
    }
}

#[test]
fn pods_are_restricted() {
    for pod in [
        child(&built(&object("")), "StatefulSet", "shipping"),
        child(&built(&object("  console: {}\n")), "Deployment", "shipping-console"),
    ] {
        let pod = &pod["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true);
        assert_eq!(security["runAsUser"], 65532);
        assert_eq!(security["fsGroup"], 65532);
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        let security = &pod["containers"][0]["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }));
    }
}

#[test]
fn state_lives_in_a_volume_claim_if_the_object_asks_for_one() {
    let scratch = child(&built(&object("")), "StatefulSet", "shipping");
    assert_eq!(scratch["spec"]["volumeClaimTemplates"], Value::Null);
    let volumes = scratch["spec"]["template"]["spec"]["volumes"].as_array().expect("volumes");
    assert!(volumes.contains(&json!({ "name": "state", "emptyDir": {} })));

    let mut kept = object("");
    kept.spec.storage = Some(StorageSpec {
        size: k8s_openapi::apimachinery::pkg::api::resource::Quantity("5Gi".to_owned()),
        storage_class_name: Some("fast".to_owned()),
    });
    let kept = child(&built(&kept), "StatefulSet", "shipping");
    assert_eq!(kept["metadata"]["annotations"]["rollcall.dev/storage"], "5Gi fast");
    let claim = &kept["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "state");
    assert_eq!(claim["spec"]["storageClassName"], "fast");
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "5Gi");
}

#[test]
fn users_place_pods_and_cannot_take_their_labels_away() {
    let placed = object(
        "  pod:\n    labels: { team: a, app.kubernetes.io/name: mine }\n    \
         nodeSelector: { disk: fast }\n    tolerations: [{ key: k, operator: Exists }]\n    \
         priorityClassName: high\n    imagePullSecrets: [{ name: registry }]\n    \
         affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } }\n",
    );
    let template = serde_json::to_value(template(&placed)).expect("plain data");
    assert_eq!(template["metadata"]["labels"]["team"], "a");
    assert_eq!(template["metadata"]["labels"]["app.kubernetes.io/name"], "rollcall");
    let pod = &template["spec"];
    assert_eq!(pod["nodeSelector"], json!({ "disk": "fast" }));
    assert_eq!(pod["tolerations"][0]["key"], "k");
    assert_eq!(pod["priorityClassName"], "high");
    assert_eq!(pod["imagePullSecrets"], json!([{ "name": "registry" }]));
    assert!(pod["affinity"]["podAntiAffinity"].is_object());
}

#[test]
fn a_broken_worker_never_holds_up_a_drain() {
    let budget = child(&built(&object("")), "PodDisruptionBudget", "shipping");
    assert_eq!(budget["spec"]["maxUnavailable"], 1);
    assert_eq!(budget["spec"]["unhealthyPodEvictionPolicy"], "AlwaysAllow");
}

#[test]
fn workers_are_found_before_they_are_ready() {
    let service = child(&built(&object("")), "Service", "shipping-workers");
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(service["spec"]["ports"][0]["name"], "http");
    assert_eq!(service["spec"]["ports"][0]["port"], 8080);
}

#[test]
fn the_console_asks_the_workers() {
    let children = built(&object("  console: { replicas: 2, tokenSecretRef: { name: t } }\n"));
    let console = child(&children, "Deployment", "shipping-console");
    assert_eq!(console["spec"]["replicas"], 2);
    let pod = &console["spec"]["template"]["spec"];
    assert_eq!(
        pod["containers"][0]["args"],
        json!([
            "console",
            "--file=/etc/rollcall/reconciliation.yaml",
            "--server=shipping-workers.shop.svc:8080",
            "--http=[::]:8080",
            "--token-file=/etc/rollcall/secrets/console-token/token",
        ])
    );
    let selector = &child(&children, "Service", "shipping-console")["spec"]["selector"];
    assert_eq!(*selector, console["spec"]["selector"]["matchLabels"]);
}

#[test]
fn the_console_is_told_by_which_names_it_may_be_asked() {
    let children = built(&object("  console: { allowedHosts: [a.example, '*.b.example'] }\n"));
    let console = child(&children, "Deployment", "shipping-console");
    let args = console["spec"]["template"]["spec"]["containers"][0]["args"].as_array();
    let args: Vec<_> = args.expect("arguments").iter().filter_map(|arg| arg.as_str()).collect();
    assert!(
        args.ends_with(&["--allowed-host=a.example", "--allowed-host=*.b.example"]),
        "{args:?}"
    );
}

#[test]
fn a_network_policy_lets_ours_and_those_named_in() {
    let children = built(&object(
        "  networkPolicy: { from: [{ podSelector: { matchLabels: { app: prometheus } } }] }\n",
    ));
    let policy = child(&children, "NetworkPolicy", "shipping");
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
    let from = policy["spec"]["ingress"][0]["from"].as_array().expect("peers").clone();
    assert_eq!(from.len(), 2);
    assert_eq!(from[0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"], "rollcall");
    assert_eq!(from[1]["podSelector"]["matchLabels"]["app"], "prometheus");
}

#[test]
fn a_cluster_without_pod_monitors_gets_none() {
    let object = object("");
    let children =
        with_plan(&object, |plan| children(&Plan { monitoring: Monitoring::None, ..plan.clone() }));
    assert!(children.present.iter().all(|child| child.resource.kind != "PodMonitor"));
}
