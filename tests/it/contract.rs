//! Compares workers' responses with `docs/openapi.yaml`: every response that a test requests.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// The document, made strict, so that a field which it does not name is detected as well.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../docs/openapi.yaml");
    let mut document: Value = serde_yaml::from_str(text).expect("docs/openapi.yaml is YAML");
    close(&mut document["components"]["schemas"]);
    document
});

/// Forbids properties other than those that are named.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(close),
        _ => {}
    }
}

/// Returns what is wrong with a response to `path` (with its query), if anything.
pub fn breach(path: &str, status: u16, body: &Value) -> Option<String> {
    let path = path.split('?').next().expect("split has a first part");
    let template = if path.starts_with("/v1/keys/") { "/v1/keys/{key}" } else { path };
    let mut response = &DOCUMENT["paths"][template]["get"]["responses"][status.to_string()];
    if let Some(name) = response["$ref"].as_str() {
        response = DOCUMENT.pointer(&name[1..]).expect("the reference leads somewhere");
    }
    let Some((_, content)) = response["content"].as_object().and_then(|kinds| kinds.iter().next())
    else {
        return Some(format!("{template} has no answer {status}"));
    };
    let mut found = Vec::new();
    check(&content["schema"], body, "answer", &mut found);
    (!found.is_empty()).then(|| found.join("; "))
}

/// Adds the violations of `schema` in `value`, for the part of JSON Schema that the document uses.
///
/// # Panics
/// At an unknown keyword, which would otherwise be ignored.
fn check(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let holds = match &keyword[..] {
            "$ref" => {
                let name = wanted.as_str().expect("a reference is text");
                let schema = DOCUMENT.pointer(&name[1..]).expect("the reference leads somewhere");
                check(schema, value, at, found);
                true
            }
            "type" => one_or_more(wanted).any(|kind| is_of(kind, value)),
            "enum" => wanted.as_array().is_some_and(|all| all.contains(value)),
            "oneOf" => one_or_more(wanted).filter(|schema| fits(schema, value)).count() == 1,
            "required" => one_or_more(wanted).all(|name| value.get(as_text(name)).is_some()),
            "additionalProperties" => {
                let named = schema["properties"].as_object().expect("it was closed");
                value
                    .as_object()
                    .is_none_or(|value| value.keys().all(|name| named.contains_key(name)))
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("an object") {
                    if let Some(value) = value.get(name) {
                        check(schema, value, &format!("{at}.{name}"), found);
                    }
                }
                true
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(wanted, value, &format!("{at}[{index}]"), found);
                }
                true
            }
            "prefixItems" => one_or_more(wanted)
                .zip(value.as_array().into_iter().flatten())
                .all(|(schema, value)| fits(schema, value)),
            "maxItems" => {
                value.as_array().map(Vec::len) <= wanted.as_u64().map(|most| most as usize)
            }
            "minItems" => {
                value.as_array().map(Vec::len) >= wanted.as_u64().map(|least| least as usize)
            }
            "format" => value.as_str().is_none_or(|text| text.ends_with('Z') && text.contains('T')),
            "pattern" => value.as_str().is_none_or(|text| text.starts_with(char::is_uppercase)),
            "description" => true,
            other => panic!("{at}: the keyword {other} is not known here"),
        };
        if !holds {
            found.push(format!("{at} is {value}, against {keyword} {wanted}"));
        }
    }
}

fn fits(schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found.is_empty()
}

fn one_or_more(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn as_text(name: &Value) -> &str {
    name.as_str().expect("a name is text")
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match as_text(kind) {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

#[test]
fn an_answer_with_a_field_too_many_or_too_few_is_no_answer_of_the_document() {
    let problem = json!({"title": "UnknownKey", "status": 404, "detail": "", "shard": 1});
    assert_eq!(breach("/v1/keys/a", 404, &problem), None);
    let with = |name: &str, value: Value| {
        let mut other = problem.clone();
        other[name] = value;
        breach("/v1/keys/a", 404, &other)
    };
    assert!(with("extra", json!(1)).is_some());
    assert!(with("title", json!("Whatever")).is_some());
    assert!(with("status", json!("404")).is_some());
    assert!(breach("/v1/keys/a", 404, &json!({"title": "UnknownKey"})).is_some());
    assert!(breach("/v1/keys/a", 500, &problem).is_some());
}
