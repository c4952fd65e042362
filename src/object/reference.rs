//! Generates `docs/reconciliation.md` from the custom resource definition, so that it stays
//! current.

use std::fmt::Write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use super::schema::{is_of_kubernetes, is_required, kubernetes_type, required_first};
use super::{Reconciliation, duration, instant, names};

const INTRODUCTION: &str = "\
# The Reconciliation object

This page is generated from the types by `rollcall crd --reference`; change the descriptions there.

To start from an example, see [Your own topics in ten minutes](your-own-topics.md).

One object configures everything: `kubectl apply -f shipping.yaml` and
`rollcall worker -f shipping.yaml` read the same file. `rollcall validate -f shipping.yaml` checks
it and reports every mistake with its path and its fix. Fields that are not listed here are
refused.

```yaml
";
const NOTATION: &str = "\
```

Notation:

- A **duration** is one or more numbers with the units `ms`, `s`, `m`, `h`, `d` or `w`, such as
  `90s`, `1h30m` or `7d`.
- An **instant** is a date and a time in UTC, in RFC 3339 format: `2000-01-01T00:00:00Z`.
- **Bytes** use Kubernetes' notation: `512Ki`, `64Mi`, `1.5Gi`, `1048576`.
- A **JSON path** says where in a record's value something is. It starts with `$`, the whole value;
  `.name` or `['name']` selects the field of that name, `[0]` the first element of a list, and
  `[*]` or `.*`, in paths that may select several values, all elements or fields: `$.order.id`,
  `$.items[*].id`, `$['order id']`. The rest of RFC 9535 is not supported: no `..`, slices,
  filters, negative indices or several names at once.
- **Kafka topics and consumer groups** have at most 249 and 239 characters of `a-z`, `A-Z`, `0-9`,
  `.`, `_` and `-`. Every topic serves one purpose, so all of them differ.

`metadata.name` has at most 52 characters of `a-z`, `0-9` and `-`, and begins with a letter. It is
the consumer group unless `spec.kafka.groupId` says otherwise. The names of the changelog topic,
`<group>-changelog`, and the transactional ids, `<group>-<instance>-<lane>`, begin with the group;
the administrator of the Kafka cluster has to allow these names.

The object never contains secrets. In Kubernetes it names Secrets, which are mounted below
`/etc/rollcall/secrets`; elsewhere it names files or environment variables.

";

/// Returns the page as Markdown.
///
/// # Panics
/// When the definition has no schema, which cannot happen since it is derived.
pub fn markdown() -> String {
    let definition = Reconciliation::crd();
    let spec = definition.spec.versions[0]
        .schema
        .as_ref()
        .and_then(|schema| schema.open_api_v3_schema.as_ref())
        .and_then(|root| root.properties.as_ref()?.get("spec"))
        .expect("the derived definition describes spec");
    let mut page = INTRODUCTION.to_owned();
    page += include_str!("../../manifests/local/shipping.yaml");
    page += NOTATION;
    fields(&mut page, "spec", spec, 2);
    page
}

/// Writes a table of the fields of `object`, then a section for each field that has fields itself.
fn fields(page: &mut String, path: &str, object: &JSONSchemaProps, level: usize) {
    let line = |page: &mut String, text: String| {
        writeln!(page, "{text}").expect("a String takes every text");
    };
    line(page, format!("{} `{path}`\n", "#".repeat(level)));
    line(page, "| field | type | default | meaning |".to_owned());
    line(page, "| --- | --- | --- | --- |".to_owned());
    for (name, field) in required_first(object) {
        let default = match &field.default {
            Some(default) if default.0.is_object() => "see below".to_owned(),
            Some(default) => {
                format!("`{}`", default.0.as_str().map_or(default.0.to_string(), str::to_owned))
            }
            None if is_required(object, name) => "required".to_owned(),
            None => "none".to_owned(),
        };
        let meaning = field.description.clone().unwrap_or_default().replace('\n', " ");
        line(page, format!("| `{name}` | {} | {default} | {meaning} |", type_of(name, field)));
    }
    for (name, field) in required_first(object) {
        let (path, below) = match &field.items {
            Some(JSONSchemaPropsOrArray::Schema(item)) => (format!("{path}.{name}[]"), &**item),
            _ => (format!("{path}.{name}"), field),
        };
        if below.properties.is_some() && !is_of_kubernetes(name) {
            line(page, String::new());
            fields(page, &path, below, level + 1);
        }
    }
}

fn type_of(name: &str, field: &JSONSchemaProps) -> String {
    if let Some(known) = kubernetes_type(name) {
        return known.to_owned();
    }
    if field.x_kubernetes_int_or_string == Some(true) {
        return "bytes".to_owned();
    }
    if field.x_kubernetes_preserve_unknown_fields == Some(true) {
        return "text or `fixed`".to_owned();
    }
    if let Some(values) = &field.enum_ {
        let values: Vec<String> =
            values.iter().filter_map(|value| Some(format!("`{}`", value.0.as_str()?))).collect();
        return values.join(", ");
    }
    match (field.type_.as_deref(), field.pattern.as_deref()) {
        (_, Some(duration::PATTERN)) => "duration".to_owned(),
        (_, Some(instant::PATTERN)) => "instant".to_owned(),
        (_, Some(names::TOPIC_PATTERN)) => "name".to_owned(),
        (Some("array"), _) => "list".to_owned(),
        (Some("object"), _) if field.properties.is_none() => {
            let values = match &field.additional_properties {
                Some(JSONSchemaPropsOrBool::Schema(value)) => value.type_.as_deref(),
                _ => None,
            };
            (if values == Some("string") { "map of texts" } else { "map of values" }).to_owned()
        }
        (Some("string"), _) => "text".to_owned(),
        (Some(other), _) => other.to_owned(),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_the_one_that_the_types_make() {
        let page = include_str!("../../docs/reconciliation.md");
        assert!(
            page == markdown(),
            "write it again: rollcall crd --reference > docs/reconciliation.md"
        );
    }
}
