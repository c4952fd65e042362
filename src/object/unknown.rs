//! Finds the fields of a document that the definition does not have.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use serde_yaml::Value;

use super::schema::{Definition, is_of_kubernetes, required_first};

/// A field that the definition does not have.
pub(super) struct UnknownField<'a> {
    /// Its path, such as `spec.observed[0].itm`.
    pub path: String,
    pub name: String,
    /// The fields that the definition has there.
    pub known: Vec<&'a str>,
}

/// Removes all unknown fields below `spec` from the document, and returns them in its order. Those
/// within Kubernetes' own types stay: Kubernetes defines them, in newer versions with more fields.
pub(super) fn remove<'a>(
    document: &mut Value,
    definition: &'a Definition,
) -> Vec<UnknownField<'a>> {
    let mut unknown = Vec::new();
    if let (Some(spec), Some(schema)) = (document.get_mut("spec"), definition.spec()) {
        remove_below("spec", spec, schema, &mut unknown);
    }
    unknown
}

fn remove_below<'a>(
    path: &str,
    value: &mut Value,
    schema: &'a JSONSchemaProps,
    unknown: &mut Vec<UnknownField<'a>>,
) {
    match (value, &schema.properties, &schema.items) {
        (Value::Mapping(mapping), Some(properties), _) => mapping.retain(|key, value| {
            let name = name_of(key);
            let path = format!("{path}.{name}");
            match properties.get(&name).filter(|_| key.is_string()) {
                Some(_) if is_of_kubernetes(&name) => true,
                Some(field) => {
                    remove_below(&path, value, field, unknown);
                    true
                }
                None => {
                    let known = required_first(schema).map(|(name, _)| name).collect();
                    unknown.push(UnknownField { path, name, known });
                    false
                }
            }
        }),
        (Value::Sequence(list), _, Some(JSONSchemaPropsOrArray::Schema(item))) => {
            for (index, value) in list.iter_mut().enumerate() {
                remove_below(&format!("{path}[{index}]"), value, item, unknown);
            }
        }
        _ => {}
    }
}

/// Returns a key as a name: YAML also has keys that are numbers or booleans.
pub fn name_of(key: &Value) -> String {
    match key {
        Value::String(name) => name.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => "a key that is no text".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value as Json, json};

    use super::*;
    use crate::Reconciliation;
    use crate::problem::Problems;
    use crate::shape;

    /// Returns a value with every field that the definition has, and adds the JSON pointers of
    /// all objects in it, with the schema of each.
    fn example<'a>(
        pointer: &str,
        schema: &'a JSONSchemaProps,
        objects: &mut Vec<(String, &'a JSONSchemaProps)>,
    ) -> Json {
        if let Some(properties) = &schema.properties {
            objects.push((pointer.to_owned(), schema));
            let own = properties.iter().filter(|(name, _)| !is_of_kubernetes(name));
            let field = |(name, field): (&String, &'a JSONSchemaProps)| {
                (name.clone(), example(&format!("{pointer}/{name}"), field, objects))
            };
            return Json::Object(own.map(field).collect::<Map<_, _>>());
        }
        if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
            return json!([example(&format!("{pointer}/0"), item, objects)]);
        }
        if let Some(values) = &schema.enum_ {
            return values[0].0.clone();
        }
        match schema.type_.as_deref() {
            Some("integer") => json!(1),
            Some("boolean") => json!(true),
            Some("object") => json!({ "any": "text" }),
            _ => json!("text"),
        }
    }

    fn document(spec: &Json) -> Value {
        let head = json!({
            "apiVersion": "rollcall.dev/v1alpha1",
            "kind": "Reconciliation",
            "metadata": { "name": "shipping" },
        });
        let mut document = serde_yaml::to_value(head).expect("JSON is YAML, too");
        let spec = serde_yaml::to_value(spec).expect("JSON is YAML, too");
        document.as_mapping_mut().expect("a mapping").insert("spec".into(), spec);
        document
    }

    fn is_read(spec: &Json) -> bool {
        serde_yaml::from_value::<Reconciliation>(document(spec)).is_ok()
    }

    fn problems(spec: &Json) -> Vec<String> {
        let mut problems = Problems::default();
        shape::read(document(spec), &mut problems);
        problems.into_vec().iter().map(ToString::to_string).collect()
    }

    /// Returns the path of a JSON pointer below `spec`.
    fn path(pointer: &str) -> String {
        let steps = pointer.split('/').skip(1).map(|step| match step.parse::<usize>() {
            Ok(index) => format!("[{index}]"),
            Err(_) => format!(".{step}"),
        });
        format!("spec{}", steps.collect::<String>())
    }

    /// The definition is derived from the types that serde reads. This compares the two field by
    /// field: what one of them refuses, the other refuses, too.
    #[test]
    fn the_definition_knows_the_fields_that_serde_reads() {
        let definition = Definition::new();
        let mut objects = Vec::new();
        let whole = example("", definition.spec().expect("a spec"), &mut objects);
        assert!(is_read(&whole));
        assert_eq!(problems(&whole), [""; 0]);
        assert!(objects.len() > 20, "{}", objects.len());
        for (pointer, schema) in objects {
            let fields = |spec: &mut Json, change: &dyn Fn(&mut Map<String, Json>)| {
                change(spec.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("there"));
            };
            let place = path(&pointer);
            let mut more = whole.clone();
            fields(&mut more, &|fields| {
                fields.insert("zzz".to_owned(), json!(1));
            });
            assert!(!is_read(&more), "{place}");
            let found = problems(&more);
            assert_eq!(found.len(), 1, "{place}: {found:?}");
            let known: Vec<_> = required_first(schema).map(|(name, _)| name).collect();
            let told =
                format!("{place}.zzz: is an unknown field\n    remove it, or write one of: ");
            assert_eq!(found[0], format!("{told}{}", known.join(", ")));
            for (name, _) in required_first(schema).filter(|(name, _)| !is_of_kubernetes(name)) {
                let mut less = whole.clone();
                fields(&mut less, &|fields| {
                    fields.remove(name);
                });
                let is_required = crate::schema::is_required(schema, name);
                assert_eq!(is_read(&less), !is_required, "{place}.{name}");
                let found = problems(&less);
                assert_eq!(found.len(), usize::from(is_required), "{found:?}");
                let told = format!("{place}.{name}: is missing\n");
                assert!(found.iter().all(|problem| problem.starts_with(&told)), "{found:?}");
            }
        }
    }

    #[test]
    fn fields_of_kubernetes_types_are_left_to_kubernetes() {
        let spec = json!({
            "kafka": { "bootstrapServers": "k" }, "expected": { "topic": "a", "items": "$.a" },
            "observed": [{ "topic": "b", "item": "$.b" }], "completed": { "topic": "c" },
            "resources": { "newer": {} }, "pod": { "affinity": { "newer": 1 } },
        });
        assert!(is_read(&spec));
        assert_eq!(problems(&spec), [""; 0]);
    }

    #[test]
    fn all_unknown_fields_are_reported_whatever_else_is_wrong() {
        let text = "{ 7: x, true: y, memmory: 7d, observed: [{}, { itm: $.id, topic: 1 }], \
                    kafka: { tls: { ca: a } } }";
        let spec: Value = serde_yaml::from_str(text).expect("YAML");
        let mut document = document(&json!({}));
        document["spec"] = spec;
        let mut problems = Problems::default();
        assert_eq!(shape::read(document, &mut problems), None);
        let paths: Vec<_> = problems.into_vec().into_iter().map(|problem| problem.path).collect();
        let unknown =
            ["spec.7", "spec.true", "spec.memmory", "spec.observed[1].itm", "spec.kafka.tls.ca"];
        assert_eq!(paths[..5], unknown);
        assert_eq!(paths[5..], ["spec.observed[0].item", "spec.observed[0].topic"]);
    }
}
