//! Builds an object's children from a validated object, purely: one file for each kind.
//!
//! Promise: the same plan always makes the same children, and a child's pod template changes if and
//! only if its pods have to be restarted. Ban: no I/O here.

mod config_map;
mod console;
mod disruption_budget;
mod network_policy;
mod pod;
mod pod_monitor;
mod service;
mod service_account;
mod stateful_set;

#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use kube::core::{ApiResource, GroupVersionKind};
use serde::Serialize;
use serde_json::Value;

use super::names::{self, Component};
use rollcall_object::{Reconciliation, Validated};

pub use config_map::config;

/// The image that workers and console run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub name: String,
    /// `Always`, `IfNotPresent` or `Never`; `None` for Kubernetes' own choice.
    pub pull_policy: Option<String>,
}

/// Whether the cluster has the kind PodMonitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Monitoring {
    PodMonitors,
    None,
}

/// Hashes of what pods read: each changes if and only if those pods have to be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    pub worker: String,
    pub console: String,
}

/// The input from which an object's children are built.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The object, with the metadata from the API server.
    pub object: &'a Validated,
    pub image: &'a Image,
    /// Where workers reach an operator; `None` when they do not ask it.
    pub operator_url: Option<&'a str>,
    /// The file that workers read.
    pub config: String,
    pub hashes: Hashes,
    /// How many workers to run.
    pub replicas: i32,
    pub monitoring: Monitoring,
}

impl Plan<'_> {
    fn name(&self) -> &str {
        self.object.name()
    }

    fn namespace(&self) -> &str {
        self.object.namespace()
    }

    fn meta(&self, name: impl Into<String>, component: Component) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.into()),
            namespace: Some(self.namespace().to_owned()),
            labels: Some(names::labels(self.name(), component)),
            owner_references: Some(vec![owner(self.object.metadata())]),
            ..ObjectMeta::default()
        }
    }
}

/// Returns the owner reference that makes a child belong to its object.
fn owner(object: &ObjectMeta) -> OwnerReference {
    OwnerReference {
        api_version: Reconciliation::api_version(&()).into_owned(),
        kind: Reconciliation::kind(&()).into_owned(),
        name: object.name.clone().unwrap_or_default(),
        uid: object.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// An object that must exist as it is here.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    pub resource: ApiResource,
    pub name: String,
    pub value: Value,
}

impl Child {
    fn new<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Self {
        Self {
            resource: ApiResource::erase::<K>(&()),
            name: object.meta().name.clone().unwrap_or_default(),
            value: serde_json::to_value(object).expect("Kubernetes objects are plain data"),
        }
    }
}

/// An object that must not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    pub resource: ApiResource,
    pub name: String,
}

impl Absent {
    fn new<K: Resource<DynamicType = ()>>(name: impl Into<String>) -> Self {
        Self { resource: ApiResource::erase::<K>(&()), name: name.into() }
    }
}

/// What must exist, in the order in which to apply it, and what must not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Children {
    pub present: Vec<Child>,
    pub absent: Vec<Absent>,
}

/// Returns the kinds of children that the operator watches.
pub fn watched() -> Vec<ApiResource> {
    use k8s_openapi::api::{apps, core, networking, policy};
    vec![
        ApiResource::erase::<apps::v1::StatefulSet>(&()),
        ApiResource::erase::<apps::v1::Deployment>(&()),
        ApiResource::erase::<core::v1::ConfigMap>(&()),
        ApiResource::erase::<core::v1::Service>(&()),
        ApiResource::erase::<core::v1::ServiceAccount>(&()),
        ApiResource::erase::<policy::v1::PodDisruptionBudget>(&()),
        ApiResource::erase::<networking::v1::NetworkPolicy>(&()),
    ]
}

/// Returns the API resource of PodMonitors.
pub fn pod_monitors() -> ApiResource {
    let kind = GroupVersionKind::gvk("monitoring.coreos.com", "v1", "PodMonitor");
    ApiResource::from_gvk_with_plural(&kind, "podmonitors")
}

/// Returns all children of the plan's object.
pub fn children(plan: &Plan<'_>) -> Children {
    use k8s_openapi::api::{
        apps::v1::Deployment, core::v1::Service, networking::v1::NetworkPolicy,
    };
    let mut children = Children {
        present: vec![
            Child::new(&service_account::build(plan)),
            Child::new(&config_map::build(plan)),
            Child::new(&service::workers(plan)),
            Child::new(&disruption_budget::build(plan)),
        ],
        absent: Vec::new(),
    };
    // Before the pods that it protects.
    match network_policy::build(plan) {
        Some(policy) => children.present.push(Child::new(&policy)),
        None => children.absent.push(Absent::new::<NetworkPolicy>(plan.name())),
    }
    children.present.push(Child::new(&stateful_set::build(plan)));
    if plan.monitoring == Monitoring::PodMonitors {
        children.present.push(pod_monitor::build(plan));
    }
    match console::deployment(plan) {
        Some(deployment) => {
            children.present.push(Child::new(&deployment));
            children.present.push(Child::new(&service::console(plan)));
        }
        None => {
            let name = names::console(plan.name());
            children.absent.push(Absent::new::<Deployment>(name.clone()));
            children.absent.push(Absent::new::<Service>(name));
        }
    }
    children
}
