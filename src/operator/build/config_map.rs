//! The object as workers read it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;
use serde_json::{Value, json};

use super::Plan;
use crate::names::{self, CONFIG_KEY, Component};
use rollcall_object::{Reconciliation, Validated};

/// Fields that say how Kubernetes runs workers and mean nothing to the workers themselves. They are
/// left out, so that changing them restarts no worker.
pub(super) const NOT_FOR_WORKERS: [&str; 8] = [
    "replicas",
    "paused",
    "resources",
    "storage",
    "pod",
    "console",
    "networkPolicy",
    "deletionPolicy",
];

/// Returns the file that workers read. Secrets stay references: workers find them where the pod
/// mounts them.
pub fn config(object: &Validated) -> String {
    let mut spec = serde_json::to_value(object.spec()).expect("an object is plain data");
    if let Value::Object(fields) = &mut spec {
        fields.retain(|name, _| !NOT_FOR_WORKERS.contains(&name.as_str()));
    }
    let file = json!({
        "apiVersion": Reconciliation::api_version(&()),
        "kind": Reconciliation::kind(&()),
        "metadata": identity(object),
        "spec": spec,
    });
    serde_yaml::to_string(&file).expect("an object is plain data")
}

/// Returns the identity that workers commit with their state, which says whose state it is.
fn identity(object: &Validated) -> Value {
    let metadata = object.metadata();
    let mut identity = json!({ "name": metadata.name });
    if let Some(namespace) = &metadata.namespace {
        identity["namespace"] = json!(namespace);
    }
    if let Some(uid) = &metadata.uid {
        identity["uid"] = json!(uid);
    }
    identity
}

pub(super) fn build(plan: &Plan<'_>) -> ConfigMap {
    ConfigMap {
        metadata: plan.meta(names::config_map(plan.name()), Component::Worker),
        data: Some(BTreeMap::from([(CONFIG_KEY.to_owned(), plan.config.clone())])),
        ..ConfigMap::default()
    }
}
