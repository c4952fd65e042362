//! The API server, as the leader may use it.
//!
//! Promise: every change goes through here and is refused once the lease may have passed to another
//! operator. A request that is already under way may still arrive. It says the same as the new
//! leader's, by the same field manager, unless the object has changed in between; then the new
//! leader applies it again.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, DynamicObject};
use kube::{Client, Resource};
use serde_json::{Value, json};

use super::error::{Doing, Error, Result};
use super::lease::Term;
use super::names::MANAGER;
use rollcall_object::Reconciliation;

/// Reads and changes objects in the API server.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    term: Arc<Term>,
}

/// What happens to the children of a deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependents {
    /// They are deleted after it.
    Deleted,
    /// They stay, without an owner.
    Orphaned,
}

impl Cluster {
    pub fn new(client: Client, term: Arc<Term>) -> Self {
        Self { client, term }
    }

    /// Returns the objects of a kind in a namespace.
    pub fn all(&self, resource: &ApiResource, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }

    /// Returns the Reconciliations of a namespace, as they are stored: some may not parse.
    pub fn reconciliations(&self, namespace: &str) -> Api<DynamicObject> {
        self.all(&ApiResource::erase::<Reconciliation>(&()), namespace)
    }

    /// Checks that this operator is still the leader.
    ///
    /// # Errors
    /// [`Error::Deposed`].
    pub fn leads(&self) -> Result<()> {
        if self.term.holds() { Ok(()) } else { Err(Error::Deposed) }
    }

    /// Returns the metadata of an object, or `None` if it does not exist.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn metadata(
        &self,
        resource: &ApiResource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<ObjectMeta>> {
        let found = self.all(resource, namespace).get_metadata_opt(name).await;
        let found = found.doing(|| format!("read {} {name}", resource.kind))?;
        Ok(found.map(|found| found.metadata))
    }

    /// Sets the fields of an object to those in `value` and leaves all others alone. Changes that
    /// others made to these fields are overwritten: the object belongs to a Reconciliation.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn apply(
        &self,
        resource: &ApiResource,
        namespace: &str,
        name: &str,
        value: &Value,
    ) -> Result<()> {
        self.leads()?;
        let api = self.all(resource, namespace);
        let applied = api.patch(name, &ours(), &Patch::Apply(value)).await;
        applied.doing(|| format!("apply {} {name}", resource.kind)).map(|_| ())
    }

    /// Sets the status of a Reconciliation.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn apply_status(&self, object: &ObjectMeta, status: &Value) -> Result<()> {
        self.leads()?;
        let (namespace, name) = place(object);
        let mut value = skeleton(object);
        value["status"] = status.clone();
        let api = self.reconciliations(namespace);
        let applied = match api.patch_status(name, &ours(), &Patch::Apply(&value)).await {
            // An apply fails if a stored field has another type than the definition now says.
            Err(kube::Error::Api(refusal)) if refusal.code == 500 => {
                let params =
                    PatchParams { field_manager: ours().field_manager, ..Default::default() };
                api.patch_status(name, &params, &Patch::Merge(&json!({ "status": status }))).await
            }
            applied => applied,
        };
        applied.doing(|| "write the status".to_owned()).map(|_| ())
    }

    /// Makes `finalizers` the full list of the operator's finalizers on a Reconciliation.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn apply_finalizers(&self, object: &ObjectMeta, finalizers: &[&str]) -> Result<()> {
        self.leads()?;
        let (namespace, name) = place(object);
        let mut value = skeleton(object);
        value["metadata"]["finalizers"] = json!(finalizers);
        let api = self.reconciliations(namespace);
        let applied = api.patch(name, &ours(), &Patch::Apply(&value)).await;
        applied.doing(|| "set the finalizer".to_owned()).map(|_| ())
    }

    /// Deletes exactly this object, not a later one of the same name; it may already be gone.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn delete(
        &self,
        resource: &ApiResource,
        object: &ObjectMeta,
        dependents: Dependents,
    ) -> Result<()> {
        self.leads()?;
        let (namespace, name) = place(object);
        let params = match dependents {
            Dependents::Deleted => DeleteParams::background(),
            Dependents::Orphaned => DeleteParams::orphan(),
        };
        let params =
            params.preconditions(Preconditions { uid: object.uid.clone(), resource_version: None });
        match self.all(resource, namespace).delete(name, &params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            deleted => deleted.doing(|| format!("delete {} {name}", resource.kind)).map(|_| ()),
        }
    }
}

fn ours() -> PatchParams {
    PatchParams::apply(MANAGER).force()
}

fn place(object: &ObjectMeta) -> (&str, &str) {
    (object.namespace.as_deref().unwrap_or_default(), object.name.as_deref().unwrap_or_default())
}

/// Includes the uid, so that a late apply does not create a new object.
fn skeleton(object: &ObjectMeta) -> Value {
    json!({
        "apiVersion": Reconciliation::api_version(&()),
        "kind": Reconciliation::kind(&()),
        "metadata": { "name": object.name, "namespace": object.namespace, "uid": object.uid },
    })
}
