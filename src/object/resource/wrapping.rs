//! What the values and the keys of a topic are wrapped in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;

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

/// Where the key is in record keys that are not the key themselves.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordKeySpec {
    /// JSON path of the key within the record key, which is JSON: `$.id` for `{"id": 5}`.
    #[schemars(length(max = bounds::PATH_BYTES_MAX))]
    pub json: String,
}
