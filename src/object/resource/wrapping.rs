//! What the values and the keys of a topic are wrapped in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::FormatSpec;
use crate::{bounds, cel};

/// What the values of a topic are wrapped in.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum EnvelopeSpec {
    /// Change events of Debezium: paths begin at `after`.
    Debezium,
    /// CloudEvents: paths begin at `data`.
    CloudEvents,
    /// JSON of Kafka Connect with its schema: paths begin at `payload`.
    Connect,
}

/// Where the key is in record keys that are not the key themselves: a path in keys of one format.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::record_key_rules()))]
pub struct RecordKeySpec {
    /// Path of the key within the record key, which is JSON: `$.id` for `{"id": 5}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub json: Option<String>,
    /// The same in Avro, with the id of its schema in the registry; `$` if the record key is
    /// nothing but the key, such as a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub avro: Option<String>,
    /// The same in Protobuf, with the id of its schema in the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub protobuf: Option<String>,
    /// The same in JSON behind the id of its schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub json_schema: Option<String>,
}

impl RecordKeySpec {
    /// Returns the fields that are given, with their names.
    pub(crate) fn given(&self) -> Vec<(FormatSpec, &'static str, &str)> {
        let fields = [
            (FormatSpec::Json, "json", &self.json),
            (FormatSpec::Avro, "avro", &self.avro),
            (FormatSpec::Protobuf, "protobuf", &self.protobuf),
            (FormatSpec::JsonSchema, "jsonSchema", &self.json_schema),
        ];
        let fields = fields.into_iter();
        let given =
            fields.filter_map(|(format, name, path)| Some((format, name, path.as_deref()?)));
        given.collect()
    }
}
