//! Applies the children as they were built.
//!
//! Promise: objects that belong to someone else are never taken over and never deleted.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::ApiResource;

use super::build::{Absent, Child, Children};
use super::cluster::{Cluster, Dependents};
use super::error::{Error, Result};
use super::names::STORAGE;
use rollcall_object::Reconciliation;

/// The result of applying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    /// A child's name is taken by an object that belongs to someone else.
    Taken {
        kind: String,
        name: String,
    },
}

/// Who owns an object, from the point of view of a Reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Ours,
    /// An earlier Reconciliation of the same name, which is gone; its children will go, too.
    Predecessor,
    Someone,
}

/// Applies all children, and deletes those that the object no longer asks for.
///
/// # Errors
/// When the API server refuses, or a child of an earlier object still exists. Children before the
/// one that failed are applied; the next attempt starts from the beginning.
pub async fn apply(cluster: &Cluster, object: &ObjectMeta, children: &Children) -> Result<Outcome> {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    for Child { resource, name, value } in &children.present {
        if let Some(found) = cluster.metadata(resource, namespace, name).await? {
            match owner(&found, object) {
                Owner::Ours => make_room(cluster, resource, &found, value).await?,
                Owner::Predecessor => {
                    let (kind, name) = (resource.kind.clone(), name.clone());
                    return Err(Error::Leftover { kind, name });
                }
                Owner::Someone => {
                    let (kind, name) = (resource.kind.clone(), name.clone());
                    return Ok(Outcome::Taken { kind, name });
                }
            }
        }
        cluster.apply(resource, namespace, name, value).await?;
    }
    for Absent { resource, name } in &children.absent {
        let found = cluster.metadata(resource, namespace, name).await?;
        if let Some(found) = found.filter(|found| owner(found, object) == Owner::Ours) {
            cluster.delete(resource, &found, Dependents::Deleted).await?;
        }
    }
    Ok(Outcome::Applied)
}

/// Volume claims of a StatefulSet cannot be changed: in that case it is recreated around its pods,
/// which keep running. Existing volumes stay as they are.
async fn make_room(
    cluster: &Cluster,
    resource: &ApiResource,
    found: &ObjectMeta,
    value: &serde_json::Value,
) -> Result<()> {
    let before = found.annotations.as_ref().and_then(|annotations| annotations.get(STORAGE));
    let after = value["metadata"]["annotations"][STORAGE].as_str();
    if resource.kind != "StatefulSet" || before.map(String::as_str) == after || before.is_none() {
        return Ok(());
    }
    tracing::info!(name = found.name, "recreating the StatefulSet, since spec.storage has changed");
    cluster.delete(resource, found, Dependents::Orphaned).await
}

fn owner(child: &ObjectMeta, object: &ObjectMeta) -> Owner {
    let owners = child.owner_references.iter().flatten();
    let mut ours = owners.filter(|owner| {
        owner.kind == Reconciliation::kind(&()) && Some(&owner.name) == object.name.as_ref()
    });
    match ours.next() {
        Some(owner) if Some(&owner.uid) == object.uid.as_ref() => Owner::Ours,
        Some(_) => Owner::Predecessor,
        None => Owner::Someone,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn metadata(value: Value) -> ObjectMeta {
        serde_json::from_value(value).expect("metadata")
    }

    #[test]
    fn only_what_names_the_very_object_as_its_owner_is_ours() {
        let object = metadata(json!({ "name": "shipping", "uid": "new" }));
        let owned_by = |kind: &str, name: &str, uid: &str| {
            let reference = json!({ "apiVersion": "v1", "kind": kind, "name": name, "uid": uid });
            owner(&metadata(json!({ "ownerReferences": [reference] })), &object)
        };
        assert_eq!(owned_by("Reconciliation", "shipping", "new"), Owner::Ours);
        assert_eq!(owned_by("Reconciliation", "shipping", "old"), Owner::Predecessor);
        assert_eq!(owned_by("Reconciliation", "other", "new"), Owner::Someone);
        assert_eq!(owned_by("Deployment", "shipping", "new"), Owner::Someone);
        assert_eq!(owner(&metadata(json!({})), &object), Owner::Someone);
    }
}
