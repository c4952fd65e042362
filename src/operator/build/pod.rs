//! What the pods of workers and console have in common: they are restricted in every way that
//! Kubernetes offers, and placed where the object says.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, ContainerPort, HTTPGetAction, KeyToPath,
    PodSecurityContext, PodSpec, PodTemplateSpec, Probe, SeccompProfile, SecretVolumeSource,
    SecurityContext, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Plan;
use crate::names::{self, CONFIG_DIR, CONFIG_HASH, CONFIG_KEY, Component, PORT, PORT_NAME, USER};
use rollcall_object::secret::SECRETS_DIR;
use rollcall_object::{Reader, SecretReference};

/// Returns the template for pods with this container.
pub(super) fn template(
    plan: &Plan<'_>,
    component: Component,
    mut container: Container,
    mut volumes: Vec<Volume>,
) -> PodTemplateSpec {
    let wanted = &plan.object.spec().pod;
    container.image = Some(plan.image.name.clone());
    container.image_pull_policy.clone_from(&plan.image.pull_policy);
    container.security_context = Some(container_security());
    // The last log lines end up in the pod's status, where the operator reads them.
    container.termination_message_policy = Some("FallbackToLogsOnError".to_owned());
    let mounts = container.volume_mounts.get_or_insert_default();
    mounts.push(read_only("config", CONFIG_DIR));
    volumes.push(config_volume(plan));
    for secret in plan.object.spec().secrets().filter(|secret| reads(component, secret)) {
        let dir = secret.field.dir();
        mounts.push(read_only(dir, &format!("{SECRETS_DIR}/{dir}")));
        volumes.push(secret_volume(&secret));
    }
    // Our labels win, because selectors rely on them.
    let mut labels = wanted.labels.clone();
    labels.extend(names::labels(plan.name(), component));
    let mut annotations = wanted.annotations.clone();
    let hash = match component {
        Component::Worker => &plan.hashes.worker,
        Component::Console => &plan.hashes.console,
    };
    annotations.insert(CONFIG_HASH.to_owned(), hash.clone());
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(plan.name().to_owned()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(pod_security()),
            containers: vec![container],
            volumes: Some(volumes),
            node_selector: some(&wanted.node_selector),
            tolerations: (!wanted.tolerations.is_empty()).then(|| wanted.tolerations.clone()),
            affinity: wanted.affinity.clone(),
            priority_class_name: wanted.priority_class_name.clone(),
            image_pull_secrets: (!wanted.image_pull_secrets.is_empty())
                .then(|| wanted.image_pull_secrets.clone()),
            topology_spread_constraints: Some(spread(plan.name(), component)),
            ..PodSpec::default()
        }),
    }
}

/// Returns the port that all of Rollcall's pods serve.
pub(super) fn port() -> ContainerPort {
    ContainerPort {
        name: Some(PORT_NAME.to_owned()),
        container_port: PORT,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

/// Returns a probe that runs every `period` seconds and gives up after `failures` failures.
pub(super) fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(PORT_NAME.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        failure_threshold: Some(failures),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

fn some(map: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    (!map.is_empty()).then(|| map.clone())
}

fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

fn config_volume(plan: &Plan<'_>) -> Volume {
    Volume {
        name: "config".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: names::config_map(plan.name()),
            items: Some(vec![item(CONFIG_KEY)]),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Returns whether such a pod reads the Secret. The console logs in to Kafka and to the schema
/// registry as workers do, to show the topics' last records.
fn reads(component: Component, secret: &SecretReference<'_>) -> bool {
    match secret.field.reader() {
        Reader::All => true,
        Reader::Console => component == Component::Console,
    }
}

fn secret_volume(secret: &SecretReference<'_>) -> Volume {
    let mut keys = secret.keys.clone();
    keys.dedup();
    Volume {
        name: secret.field.dir().to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.name.to_owned()),
            items: Some(keys.into_iter().map(item).collect()),
            // Readable by the pod's group, which is its only group.
            default_mode: Some(0o440),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn item(key: &str) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() }
}

fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        // Changing the owner of a large state file by file would delay every start.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}

/// Spreads pods over nodes and zones where possible; a pod that cannot be spread still runs.
fn spread(object: &str, component: Component) -> Vec<TopologySpreadConstraint> {
    let over = |topology: &str| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(names::selector(object, component)),
            ..LabelSelector::default()
        }),
        ..TopologySpreadConstraint::default()
    };
    vec![over("kubernetes.io/hostname"), over("topology.kubernetes.io/zone")]
}
