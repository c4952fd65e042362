//! What the definition says about a field: which values it takes, and where fields of a name are.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_path_to_error::Segment;
use serde_yaml::Value;

use super::{Reconciliation, duration, instant};

/// The values that a field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Duration,
    Instant,
    Bytes,
    Text,
    Choice(Vec<String>),
    Integer,
    Boolean,
    List,
    /// An object with these fields.
    Fields(Vec<String>),
    /// A text, or an object with the field `fixed`.
    TextOrFixed,
    /// An object with names chosen by the user, and texts as values.
    Map,
}

/// The schema of the object.
pub(super) struct Definition(JSONSchemaProps);

impl Definition {
    pub fn new() -> Self {
        let version = Reconciliation::crd().spec.versions.into_iter().next();
        let schema = version.and_then(|version| version.schema?.open_api_v3_schema);
        Self(schema.unwrap_or_default())
    }

    /// Returns the kind of the field at `path`; `None` if the definition does not say.
    pub fn kind<'a>(&self, path: impl Iterator<Item = &'a Segment>) -> Option<Kind> {
        let field = self.field(path)?;
        if field.x_kubernetes_int_or_string == Some(true) {
            return Some(Kind::Bytes);
        }
        if let Some(values) = &field.enum_ {
            let values = values.iter().filter_map(|value| value.0.as_str().map(str::to_owned));
            return Some(Kind::Choice(values.collect()));
        }
        if field.x_kubernetes_preserve_unknown_fields == Some(true) {
            return Some(Kind::TextOrFixed);
        }
        Some(match (field.type_.as_deref()?, field.pattern.as_deref()) {
            (_, Some(duration::PATTERN)) => Kind::Duration,
            (_, Some(instant::PATTERN)) => Kind::Instant,
            ("string", _) => Kind::Text,
            ("integer", _) => Kind::Integer,
            ("boolean", _) => Kind::Boolean,
            ("array", _) => Kind::List,
            ("object", _) => {
                field.properties.as_ref().map_or(Kind::Map, |_| Kind::Fields(names(field)))
            }
            _ => return None,
        })
    }

    /// Returns the fields that are required in the object `found` at `path` and are not there.
    /// Nothing stands for an object without fields.
    pub fn missing<'a>(&self, path: impl Iterator<Item = &'a Segment>, found: &Value) -> Vec<&str> {
        let Some(object) = self.field(path) else { return Vec::new() };
        if !(found.is_mapping() || found.is_null()) {
            return Vec::new();
        }
        let required = object.required.iter().flatten().map(String::as_str);
        required.filter(|name| found.get(name).is_none()).collect()
    }

    /// Returns what the definition says about `spec`.
    pub fn spec(&self) -> Option<&JSONSchemaProps> {
        self.0.properties.as_ref()?.get("spec")
    }

    /// Returns the first sentence that describes the field at `path`, without its full stop.
    pub fn meaning<'a>(&self, path: impl Iterator<Item = &'a Segment>) -> Option<String> {
        let text = self.field(path)?.description.as_ref()?.replace('\n', " ");
        let first = text.split_once(". ").map_or(&*text, |(first, _)| first);
        Some(first.trim_end_matches('.').to_owned())
    }

    /// Returns the paths of all fields of this name, such as `spec.kafka.groupId`.
    pub fn places(&self, name: &str) -> Vec<String> {
        let mut places = Vec::new();
        if let Some(spec) = self.spec() {
            find("spec", spec, name, &mut places);
        }
        places
    }

    fn field<'a>(&self, path: impl Iterator<Item = &'a Segment>) -> Option<&JSONSchemaProps> {
        path.into_iter().try_fold(&self.0, |field, segment| match segment {
            Segment::Map { key } => {
                let known = field.properties.as_ref().and_then(|fields| fields.get(key));
                known.or(match &field.additional_properties {
                    Some(JSONSchemaPropsOrBool::Schema(any)) => Some(&**any),
                    _ => None,
                })
            }
            Segment::Seq { .. } => match &field.items {
                Some(JSONSchemaPropsOrArray::Schema(item)) => Some(&**item),
                _ => None,
            },
            Segment::Enum { .. } | Segment::Unknown => None,
        })
    }
}

/// Returns the fields of an object in the order of `docs/reconciliation.md`: the required ones
/// first, each group by name.
pub(super) fn required_first(
    object: &JSONSchemaProps,
) -> impl Iterator<Item = (&str, &JSONSchemaProps)> {
    let (required, others): (Vec<_>, Vec<_>) = object
        .properties
        .iter()
        .flatten()
        .map(|(name, field)| (name.as_str(), field))
        .partition(|(name, _)| is_required(object, name));
    required.into_iter().chain(others)
}

pub(super) fn is_required(object: &JSONSchemaProps, name: &str) -> bool {
    object.required.iter().flatten().any(|required| required == name)
}

fn names(object: &JSONSchemaProps) -> Vec<String> {
    required_first(object).map(|(name, _)| name.to_owned()).collect()
}

/// Returns whether Kubernetes defines and documents the type of this field.
pub(super) fn is_of_kubernetes(name: &str) -> bool {
    kubernetes_type(name).is_some()
}

/// Returns the type of a field that Kubernetes defines and documents.
pub(super) fn kubernetes_type(name: &str) -> Option<&'static str> {
    Some(match name {
        "resources" => "`ResourceRequirements` of Kubernetes",
        "tolerations" => "list of `Toleration` of Kubernetes",
        "affinity" => "`Affinity` of Kubernetes",
        "imagePullSecrets" => "list of `LocalObjectReference` of Kubernetes",
        "from" => "list of `NetworkPolicyPeer` of Kubernetes",
        _ => return None,
    })
}

fn find(path: &str, field: &JSONSchemaProps, name: &str, places: &mut Vec<String>) {
    for (known, below) in field.properties.iter().flatten() {
        let path = format!("{path}.{known}");
        if known == name {
            places.push(path.clone());
        }
        find(&path, below, name, places);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &field.items {
        find(&format!("{path}[]"), item, name, places);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Segment> {
        let segment = |name: &str| match name.parse() {
            Ok(index) => Segment::Seq { index },
            Err(_) => Segment::Map { key: name.to_owned() },
        };
        text.split('.').map(segment).collect()
    }

    #[test]
    fn the_definition_says_what_belongs_into_a_field() {
        let definition = Definition::new();
        let kind = |text: &str| definition.kind(path(text).iter());
        assert_eq!(kind("spec.overdue.after"), Some(Kind::Duration));
        assert_eq!(kind("spec.limits.timestampMin"), Some(Kind::Instant));
        assert_eq!(kind("spec.limits.rowBytes"), Some(Kind::Bytes));
        assert_eq!(kind("spec.observed"), Some(Kind::List));
        assert_eq!(kind("spec.observed.3.topic"), Some(Kind::Text));
        assert_eq!(kind("spec.kafka.properties"), Some(Kind::Map));
        assert_eq!(kind("spec.kafka.properties.any"), Some(Kind::Text));
        assert_eq!(kind("spec.replicas"), Some(Kind::Integer));
        assert_eq!(kind("spec.paused"), Some(Kind::Boolean));
        let overdue = ["after", "at", "topic", "unit", "zone"].map(str::to_owned).to_vec();
        assert_eq!(kind("spec.overdue"), Some(Kind::Fields(overdue)));
        let counting = vec!["distinct".to_owned(), "quantity".to_owned()];
        assert_eq!(kind("spec.counting"), Some(Kind::Choice(counting)));
        assert_eq!(kind("spec.nothing"), None);
    }

    #[test]
    fn fields_are_found_by_name_and_described() {
        let definition = Definition::new();
        assert_eq!(definition.places("groupId"), ["spec.kafka.groupId"]);
        assert_eq!(definition.places("items"), ["spec.expected.items"]);
        assert_eq!(definition.places("nothing"), [""; 0]);
        assert_eq!(
            definition.meaning(path("spec.expected").iter()).as_deref(),
            Some("The records that say which items a key needs")
        );
    }
}
