//! An object as it is stored, read as far as possible.

use kube::api::ObjectMeta;
use kube::core::DynamicObject;
use serde_json::Value;

use rollcall_object::resource::ReconciliationStatus;
use rollcall_object::{Problem, Validated};

/// Returns the object that `stored` holds.
///
/// # Errors
/// Everything that is wrong with it, in the words of `rollcall validate`: it may have been stored
/// under an older definition, or without one.
pub fn read(stored: &DynamicObject) -> Result<Validated, Vec<Problem>> {
    let metadata = ObjectMeta { managed_fields: None, ..stored.metadata.clone() };
    Validated::from_stored(metadata, stored.data.get("spec").unwrap_or(&Value::Null))
}

/// Returns the status of an object; an empty one when it cannot be parsed.
pub fn status(stored: &DynamicObject) -> ReconciliationStatus {
    let status = stored.data.get("status").cloned().unwrap_or_default();
    serde_json::from_value(status).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        assert_eq!(object.metadata().uid.as_deref(), Some("u"));
        assert_eq!(object.spec().expected.topic, "orders");
        let settings = object.settings();
        assert_eq!(settings.uid.as_deref(), Some("u"), "the settings are the object's");
        assert_eq!(settings.namespace.as_deref(), Some("shop"));
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
    fn a_stored_object_is_refused_in_the_words_for_a_file() {
        let mut with_all = demo();
        with_all["parallelism"] = json!(3);
        with_all["commitInterval"] = json!(100);
        with_all["overdue"] = json!({ "topic": "orders" });
        with_all["counting"] = json!("quantities");
        let mut without = demo();
        without.as_object_mut().expect("fields").remove("completed");
        for spec in [with_all, without, json!([1]), Value::Null] {
            let problems = read(&stored(&spec, &Value::Null)).expect_err("not valid");
            let file = json!({
                "apiVersion": "rollcall.dev/v1alpha1", "kind": "Reconciliation",
                "metadata": { "name": "shipping" }, "spec": spec,
            });
            assert_eq!(problems, rollcall_object::parse(&file.to_string()).expect_err("not valid"));
        }
    }

    #[test]
    fn a_status_of_another_time_counts_as_none() {
        let status_of = |value: Value| status(&stored(&demo(), &value));
        assert_eq!(status_of(json!({ "replicas": 2 })).replicas, 2);
        assert_eq!(status_of(json!({ "replicas": "two" })), ReconciliationStatus::default());
        assert_eq!(status_of(Value::Null), ReconciliationStatus::default());
    }
}
