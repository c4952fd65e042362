//! How the values of an input are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{bounds, cel};

/// How the values of an input are written.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum FormatSpec {
    /// JSON text.
    #[default]
    Json,
    /// Avro's binary encoding.
    Avro,
    /// Protobuf's binary encoding.
    Protobuf,
    /// JSON text behind the id of its schema, as the JSON Schema serializers of a schema registry
    /// write it.
    JsonSchema,
}

impl FormatSpec {
    pub(crate) fn is_json(&self) -> bool {
        *self == Self::Json
    }
}

/// The schema of values without an id.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::avro_rules()))]
pub struct AvroSpec {
    /// The schema itself, as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = bounds::SCHEMA_BYTES_MAX))]
    pub schema: Option<String>,
    /// File with the schema, outside of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub schema_file: Option<String>,
}

/// The schema of values in Protobuf without an id, outside of Kubernetes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProtobufSpec {
    /// File that `protoc` writes with `--include_imports --descriptor_set_out`.
    #[schemars(length(min = 1, max = 4096))]
    pub schema_file: String,
    /// Name of the message that each value is, with its package: `shop.Order`.
    #[schemars(length(min = 1, max = 1024))]
    pub message: String,
}
