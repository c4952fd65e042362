//! An object together with what it means.
//!
//! Promise: a [`Validated`] can only come from validation, so whoever holds one need not check
//! again, and its two halves say the same.

use kube::Resource;
use kube::api::ObjectMeta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problems;
use super::validate::validate;
use super::{Problem, Reconciliation, ReconciliationSpec, Settings, shape};

/// A valid object.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    object: Reconciliation,
    settings: Settings,
}

impl Validated {
    /// Validates an object.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(object: Reconciliation) -> Result<Self, Vec<Problem>> {
        validate(&object).map(|settings| Self { object, settings })
    }

    /// Reads and validates an object as an API server stores it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the words of `rollcall validate`.
    pub fn from_stored(metadata: ObjectMeta, spec: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let spec = match ReconciliationSpec::deserialize(spec) {
            Ok(spec) => Some(spec),
            // What is wrong is found out as for a file, so that it is said in the same words.
            Err(_) => {
                let document = json!({
                    "apiVersion": Reconciliation::api_version(&()),
                    "kind": Reconciliation::kind(&()),
                    "metadata": { "name": metadata.name },
                    "spec": spec,
                });
                let document = serde_yaml::to_value(document).expect("JSON is YAML, too");
                shape::read(document, &mut problems).map(|object| object.spec)
            }
        };
        let object = spec.map(|spec| Reconciliation { metadata, spec, status: None });
        Self::of(object, problems.into_vec())
    }

    /// Validates an object that was read as far as it can be understood, with these problems.
    pub(super) fn of(
        object: Option<Reconciliation>,
        mut problems: Vec<Problem>,
    ) -> Result<Self, Vec<Problem>> {
        match object.map(Self::new) {
            Some(Ok(validated)) if problems.is_empty() => return Ok(validated),
            Some(Err(more)) => problems.extend(more),
            Some(Ok(_)) | None => {}
        }
        Err(problems)
    }

    /// Returns the name, the uid and what else Kubernetes keeps beside the object.
    pub fn metadata(&self) -> &ObjectMeta {
        &self.object.metadata
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns the namespace; empty where the object is in none.
    pub fn namespace(&self) -> &str {
        self.object.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Returns the object as it is written: what of it goes on to Kubernetes as it stands.
    pub fn spec(&self) -> &ReconciliationSpec {
        &self.object.spec
    }

    /// Returns what the object means.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns what the object means, alone.
    pub fn into_settings(self) -> Settings {
        self.settings
    }
}
