//! Parses text into an object. The shape is checked here, the meaning of values in
//! [`super::validate`].

use kube::Resource;
use serde_yaml::Value;

use super::problem::Problems;
use super::{Problem, Reconciliation, shape};

const TOP_LEVEL: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

impl Reconciliation {
    /// Reads an object from YAML (or JSON, which is also YAML).
    ///
    /// # Errors
    /// Every field that is unknown or has a number where a text belongs, and either the first field
    /// that has another wrong type or the fields that are missing in the first incomplete object.
    pub fn from_yaml(text: &str) -> Result<Self, Vec<Problem>> {
        let (object, problems) = read(text);
        object.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

/// Returns the object, as far as it can be parsed, and what is wrong with its shape.
pub(super) fn read(text: &str) -> (Option<Reconciliation>, Vec<Problem>) {
    let mut problems = Problems::default();
    let object = document(text, &mut problems).and_then(|mut document| {
        check_kind(&mut document, &mut problems)
            .then(|| shape::read(document, &mut problems))
            .flatten()
    });
    (object, problems.into_vec())
}

fn document(text: &str, problems: &mut Problems) -> Option<Value> {
    match serde_yaml::from_str(text) {
        Ok(Value::Mapping(mapping)) => return Some(Value::Mapping(mapping)),
        Ok(Value::Null) => problems.add("file", "is empty", "write a Reconciliation into it"),
        Ok(_) => problems.add(
            "file",
            "holds no object",
            "write a Reconciliation with apiVersion, kind, metadata and spec",
        ),
        Err(error) if error.to_string().contains("more than one document") => problems.add(
            "file",
            "holds several documents",
            "keep the Reconciliation in a file of its own",
        ),
        Err(error) => {
            let message = error.to_string();
            let remedy = remedy_for_syntax(&message);
            problems.add("file", message, remedy);
        }
    }
    None
}

/// Returns what to do about a text that is not YAML.
fn remedy_for_syntax(message: &str) -> &'static str {
    if message.contains("duplicate entry") {
        "every name stands once in its object: remove one of the two"
    } else if message.contains("cannot start any token") {
        "indent with spaces, not tabs, and put texts that begin with @ or ` into quotes"
    } else {
        "fix the YAML there, or in the line before: indentation, quotes, brackets, a space after \
         each colon"
    }
}

/// Returns whether the document claims to be a Reconciliation.
fn check_kind(document: &mut Value, problems: &mut Problems) -> bool {
    let expected =
        [("apiVersion", Reconciliation::api_version(&())), ("kind", Reconciliation::kind(&()))];
    let mut ok = true;
    for (field, expected) in expected {
        let remedy = format!("write {field}: {expected}");
        match document.get(field).map(|value| value.as_str().unwrap_or_default()) {
            Some(found) if found == expected => continue,
            Some(found) => problems.add(field, format!("\"{found}\" is not known"), remedy),
            None => problems.add(field, "is missing", remedy),
        }
        ok = false;
    }
    let known = |key: &Value| key.as_str().is_some_and(|key| TOP_LEVEL.contains(&key));
    if let Value::Mapping(mapping) = document {
        for key in mapping.keys().filter(|key| !known(key)) {
            let name = key.as_str().unwrap_or("a key that is no text");
            let remedy = shape::remedy_for_unknown(name, &TOP_LEVEL, &[]);
            problems.add(name, "is an unknown field", remedy);
        }
    }
    ok
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let problems = Reconciliation::from_yaml(text).expect_err("a broken object");
        problems.iter().map(ToString::to_string).collect()
    }

    const HEAD: &str = "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\n\
                        metadata: { name: shipping }\n";

    #[test]
    fn what_is_not_yaml_is_refused_with_its_place() {
        let found = problems("spec:\n  kafka: {\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("file: "), "{found:?}");
        assert!(found[0].contains("line 3 column 1"), "{found:?}");
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        let found = problems(&format!("{HEAD}spec: {{}}\nspec: {{}}\n"));
        assert!(found[0].contains("duplicate entry"), "{found:?}");
    }

    #[test]
    fn what_is_no_reconciliation_is_refused() {
        assert_eq!(problems(""), ["file: is empty\n    write a Reconciliation into it"]);
        assert_eq!(
            problems("apiVersion: v1\nkind: ConfigMap\ndata: {}\n"),
            [
                "apiVersion: \"v1\" is not known\n    write apiVersion: rollcall.dev/v1alpha1",
                "kind: \"ConfigMap\" is not known\n    write kind: Reconciliation",
                "data: is an unknown field\n    \
                 remove it, or write one of: apiVersion, kind, metadata, spec, status",
            ]
        );
        assert_eq!(
            problems(&format!("{HEAD}---\n{HEAD}")),
            ["file: holds several documents\n    keep the Reconciliation in a file of its own"]
        );
    }

    #[test]
    fn all_unknown_fields_are_told_at_once() {
        let text = format!(
            "{HEAD}spec:\n  kafka: {{ bootstrapServers: kafka, bootstrap: kafka }}\n  \
             expected: {{ topic: orders, items: $.items, keys: $.id }}\n  \
             observed:\n  - {{ topic: manufactured, item: $.id, itm: $.id }}\n  \
             completed: {{ topic: shipping }}\n  memmory: 7d\n"
        );
        let paths: Vec<String> = problems(&text)
            .iter()
            .map(|problem| problem.split(": ").next().expect("a path").to_owned())
            .collect();
        assert_eq!(
            paths,
            ["spec.kafka.bootstrap", "spec.expected.keys", "spec.observed[0].itm", "spec.memmory"]
        );
    }

    #[test]
    fn a_missing_field_is_named_with_its_path() {
        let text = format!("{HEAD}spec:\n  kafka: {{ bootstrapServers: kafka }}\n");
        assert_eq!(
            problems(&text),
            [
                "spec.completed: is missing\n    \
                 add it; what belongs there: The record emitted once per key, when every expected \
                 item was observed. docs/reconciliation.md has an example",
                "spec.expected: is missing\n    \
                 add it; what belongs there: The records that say which items a key needs. \
                 docs/reconciliation.md has an example",
                "spec.observed: is missing\n    \
                 add it; what belongs there: The records that say which items have arrived. \
                 docs/reconciliation.md has an example",
            ]
        );
        assert!(problems(HEAD)[0].starts_with("spec: is missing"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_path() {
        let text = format!("{HEAD}spec:\n  kafka: {{ bootstrapServers: 9092 }}\n");
        assert_eq!(
            problems(&text)[0],
            "spec.kafka.bootstrapServers: is the number 9092 where text is needed\n    \
             write \"9092\", with the quotes"
        );
        let text = format!("{HEAD}spec:\n  kafka: {{ bootstrapServers: k, groupProtocol: new }}\n");
        assert_eq!(
            problems(&text),
            ["spec.kafka.groupProtocol: \"new\" is not known\n    write classic or consumer"]
        );
    }
}
