//! An object as it is stored, read as far as it can be understood.

use kube::Resource;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::spec::object::ReconciliationStatus;
use crate::spec::{self, Problem, Reconciliation};

/// Returns the object that `stored` holds.
///
/// # Errors
/// Everything that is wrong with it, in the words of `rollcall validate`: it may have been stored
/// under an older definition, or without one.
pub fn read(stored: &DynamicObject) -> Result<Reconciliation, Vec<Problem>> {
    let file = json!({
        "apiVersion": Reconciliation::api_version(&()),
        "kind": Reconciliation::kind(&()),
        "metadata": { "name": stored.metadata.name },
        "spec": stored.data.get("spec").unwrap_or(&Value::Null),
    });
    let text = serde_yaml::to_string(&file).expect("JSON can be written as YAML");
    // The same checks as for a file, so that what is refused here is refused there.
    spec::parse(&text)?;
    let mut object = Reconciliation::from_yaml(&text)?;
    object.metadata = stored.metadata.clone();
    object.metadata.managed_fields = None;
    Ok(object)
}

/// Returns what is said about an object; nothing when that cannot be understood.
pub fn status(stored: &DynamicObject) -> ReconciliationStatus {
    let status = stored.data.get("status").cloned().unwrap_or_default();
    serde_json::from_value(status).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(spec: &Value, status: &Value) -> DynamicObject {
        let object = json!({
            "apiVersion": "rollcall.dev/v1alpha1", "kind": "Reconciliation",
            "metadata": { "name": "shipping", "namespace": "shop", "uid": "u", "generation": 3 },
            "spec": spec, "status": status,
        });
        serde_json::from_value(object).expect("an object")
    }

    fn demo() -> Value {
        let text = include_str!("../../manifests/local/shipping.yaml");
        let object: Value = serde_yaml::from_str(text).expect("YAML");
        object["spec"].clone()
    }

    #[test]
    fn an_object_keeps_the_metadata_that_it_was_stored_with() {
        let object = read(&stored(&demo(), &Value::Null)).expect("a valid object");
        assert_eq!(object.metadata.uid.as_deref(), Some("u"));
        assert_eq!(object.spec.expected.topic, "orders");
    }

    #[test]
    fn an_object_of_another_time_is_a_list_of_problems() {
        let mut spec = demo();
        spec["parallelism"] = json!(3);
        spec["memory"] = json!("soon");
        let problems = read(&stored(&spec, &Value::Null)).expect_err("not valid");
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["spec.parallelism", "spec.memory"]);
        assert!(!read(&stored(&json!("nothing"), &Value::Null)).expect_err("no spec").is_empty());
    }

    #[test]
    fn a_status_of_another_time_counts_as_none() {
        let status_of = |value: Value| status(&stored(&demo(), &value));
        assert_eq!(status_of(json!({ "replicas": 2 })).replicas, 2);
        assert_eq!(status_of(json!({ "replicas": "two" })), ReconciliationStatus::default());
        assert_eq!(status_of(Value::Null), ReconciliationStatus::default());
    }
}
