//! Which records of a topic an entry takes, and items that are the same for all of them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{bounds, cel};

/// A condition on a record: what it looks at, and what it asks of that.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::condition_rules()))]
pub struct ConditionSpec {
    /// JSON path of a string, an integer or a boolean within the value. Integers and booleans are
    /// compared as text, and null counts as missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub path: Option<String>,
    /// Name of a header, whose value is compared as UTF-8 text. Of several headers with the name,
    /// the last one counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = bounds::HEADER_NAME_MAX))]
    pub header: Option<String>,
    /// Holds if one of these texts is there.
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = bounds::TEXTS_MAX),
        inner(length(max = bounds::TEXT_BYTES_MAX))
    )]
    pub one_of: Option<Vec<String>>,
    /// Holds if none of these texts is there, or nothing at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = bounds::TEXTS_MAX),
        inner(length(max = bounds::TEXT_BYTES_MAX))
    )]
    pub not_in: Option<Vec<String>>,
    /// `true`: holds if something is there, whatever it is. `false`: holds if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// What became of an observation's item, and which texts say so.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutcomeSpec {
    /// JSON path of the outcome within the value: a string, an integer or a boolean, compared as
    /// text. Records with a text that is not listed below are skipped.
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub path: String,
    /// Texts that say that the item has arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::TEXTS_MAX), inner(length(max = bounds::TEXT_BYTES_MAX)))]
    pub arrived: Vec<String>,
    /// Texts that say that the item has failed. They need `failed`, which says what follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::TEXTS_MAX), inner(length(max = bounds::TEXT_BYTES_MAX)))]
    pub failed: Vec<String>,
    /// Texts that take back what was said about the item: it is missing again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = bounds::TEXTS_MAX), inner(length(max = bounds::TEXT_BYTES_MAX)))]
    pub withdrawn: Vec<String>,
}

/// Which record is the last one of a list.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LastSpec {
    /// JSON path of a string, an integer or a boolean within the value. Integers and booleans are
    /// compared as text.
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub path: String,
    /// Texts of the last record; all other records are not the last one.
    #[serde(rename = "in")]
    #[schemars(
        length(min = 1, max = bounds::TEXTS_MAX),
        inner(length(max = bounds::TEXT_BYTES_MAX))
    )]
    pub one_of: Vec<String>,
}

/// The items of an expectation: a JSON path, or the same for all keys.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum ItemsSpec {
    At(String),
    Fixed(FixedItems),
}

/// Items that every key needs.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FixedItems {
    pub fixed: Vec<String>,
}

/// The item of an observation: a JSON path, or the same for all records.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum ItemSpec {
    At(String),
    Fixed(FixedItem),
}

/// The item that every record reports.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FixedItem {
    pub fixed: String,
}

impl From<&str> for ItemsSpec {
    fn from(path: &str) -> Self {
        Self::At(path.to_owned())
    }
}

impl From<&str> for ItemSpec {
    fn from(path: &str) -> Self {
        Self::At(path.to_owned())
    }
}

/// A path, or an object with the field `fixed`. Kubernetes has no schema for either of two types,
/// so the field's type is checked where the object is used.
pub(super) fn entry_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

pub(super) fn where_schema(generator: &mut SchemaGenerator) -> Schema {
    let condition = ConditionSpec::json_schema(generator);
    json_schema!({ "type": "array", "items": condition, "maxItems": bounds::CONDITIONS_MAX })
}
