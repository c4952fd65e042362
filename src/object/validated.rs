//! An object together with the settings that it stands for.
//!
//! Promise: a [`Validated`] can only come from validation, so code that holds one need not check
//! again, and its two halves agree.

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
            // Read it again as a file is read, so that mistakes are reported in the same words.
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

    /// Validates an object that was parsed as far as possible, with these problems.
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

    /// Returns the name, the uid and everything else that Kubernetes keeps beside the spec.
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

    /// Returns the object as it is written, for the parts that are passed on to Kubernetes
    /// unchanged.
    pub fn spec(&self) -> &ReconciliationSpec {
        &self.object.spec
    }

    /// Returns the settings that the object stands for.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns only the settings that the object stands for.
    pub fn into_settings(self) -> Settings {
        self.settings
    }
}
