//! Fields that are the same in all records of an output.

use std::collections::BTreeMap;

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::bounds;

/// Values by the name of their field: texts, numbers, booleans, lists and objects.
pub type Constants = BTreeMap<String, serde_json::Value>;

pub(super) fn constants_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "x-kubernetes-preserve-unknown-fields": true },
        "maxProperties": bounds::CONSTANTS_MAX,
    })
}
