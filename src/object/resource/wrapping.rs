//! What the records of a topic are wrapped in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
