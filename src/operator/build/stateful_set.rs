//! The workers: each has a name and a volume that outlive its pod.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
};
use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, ObjectFieldSelector,
    PersistentVolumeClaim, PersistentVolumeClaimSpec, Volume, VolumeMount,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::Plan;
use super::pod;
use crate::names::{self, CONFIG_DIR, CONFIG_KEY, Component, STATE_DIR, STORAGE};
use crate::wanted;
use rollcall_object::resource::StorageSpec;

const STATE: &str = "state";
/// Giving up all shards is bounded to 5 s; the rest is for closing clients and stores when the
/// broker or disk is slow. A worker that is killed anyway loses nothing.
const TERMINATION_SECONDS: i64 = 30;
const STARTUP_PERIOD_SECONDS: i32 = 2;
/// One hour: a worker that waits for its brokers is healthy, and restarting it would not help.
const STARTUP_FAILURES: i32 = 1800;

pub(super) fn build(plan: &Plan<'_>) -> StatefulSet {
    let spec = plan.object.spec();
    let mut metadata = plan.meta(plan.name(), Component::Worker);
    metadata.annotations =
        Some(BTreeMap::from([(STORAGE.to_owned(), storage_text(spec.storage.as_ref()))]));
    let scratch = spec.storage.is_none().then(|| Volume {
        name: STATE.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    });
    let volumes = scratch.into_iter().collect();
    let mut template = pod::template(plan, Component::Worker, container(plan), volumes);
    if let Some(pod) = &mut template.spec {
        pod.termination_grace_period_seconds = Some(TERMINATION_SECONDS);
    }
    StatefulSet {
        metadata,
        spec: StatefulSetSpec {
            replicas: Some(plan.replicas),
            service_name: Some(names::workers(plan.name())),
            // Workers agree among themselves who does what; none has to wait for another.
            pod_management_policy: Some("Parallel".to_owned()),
            selector: LabelSelector {
                match_labels: Some(names::selector(plan.name(), Component::Worker)),
                ..LabelSelector::default()
            },
            template,
            volume_claim_templates: spec.storage.as_ref().map(|storage| vec![claim(storage)]),
            // Scaling up again is cheap if the state is still there. Once the object is deleted
            // nobody needs the state: the changelog has all of it.
            persistent_volume_claim_retention_policy: Some(
                StatefulSetPersistentVolumeClaimRetentionPolicy {
                    when_deleted: Some("Delete".to_owned()),
                    when_scaled: Some("Retain".to_owned()),
                },
            ),
            ..StatefulSetSpec::default()
        },
        ..StatefulSet::default()
    }
}

fn container(plan: &Plan<'_>) -> Container {
    let mut args = vec![
        "worker".to_owned(),
        format!("--file={CONFIG_DIR}/{CONFIG_KEY}"),
        format!("--state-dir={STATE_DIR}"),
        "--http=[::]:8080".to_owned(),
        // The same after every restart, so that a restart moves no shard.
        "--instance-id=$(POD_NAME)".to_owned(),
        // Topics that do not fit become a condition of the object, not a crash loop.
        "--keep-trying".to_owned(),
    ];
    // A worker cannot know by itself whether it is being restarted or scaled away.
    args.extend(plan.operator_url.map(|operator| {
        format!("--at-stop={}", wanted::url(operator, plan.namespace(), "$(POD_NAME)"))
    }));
    Container {
        name: Component::Worker.label().to_owned(),
        args: Some(args),
        env: Some(vec![EnvVar {
            name: "POD_NAME".to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    api_version: Some("v1".to_owned()),
                    field_path: "metadata.name".to_owned(),
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        }]),
        ports: Some(vec![pod::port()]),
        startup_probe: Some(pod::probe("/startupz", STARTUP_PERIOD_SECONDS, STARTUP_FAILURES)),
        readiness_probe: Some(pod::probe("/readyz", 5, 2)),
        liveness_probe: Some(pod::probe("/healthz", 10, 6)),
        resources: plan.object.spec().resources.clone(),
        volume_mounts: Some(vec![VolumeMount {
            name: STATE.to_owned(),
            mount_path: STATE_DIR.to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}

fn claim(storage: &StorageSpec) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta { name: Some(STATE.to_owned()), ..ObjectMeta::default() },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), storage.size.clone())])),
                ..VolumeResourceRequirements::default()
            }),
            storage_class_name: storage.storage_class_name.clone(),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

/// Returns what volume claims are made from, as text. The API server does not allow changing it, so
/// if it differs, the StatefulSet is recreated around its pods.
fn storage_text(storage: Option<&StorageSpec>) -> String {
    storage.map_or("none".to_owned(), |storage| {
        let class = storage.storage_class_name.as_deref().unwrap_or("default");
        format!("{} {class}", storage.size.0)
    })
}
