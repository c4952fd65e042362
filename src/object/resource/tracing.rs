//! What workers export to an OpenTelemetry collector.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pattern of `tracing.endpoint`.
const URL_PATTERN: &str = r"^https?://[^/\s]+(/\S*)?$";

/// Exports what workers do as spans to an OpenTelemetry collector, by OTLP over HTTP. A completion
/// becomes a span in the trace of its record, if that trace is sampled.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TracingSpec {
    /// Base URL of the collector, such as `http://otel-collector.observability:4318`; `/v1/traces`
    /// is appended. A worker's `--otlp-endpoint` and OpenTelemetry's environment variables take
    /// precedence. Left out, only these set the collector; if they do not, no spans are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), extend("pattern" = URL_PATTERN))]
    pub endpoint: Option<String>,
    /// Secret with HTTP headers to send, such as a token, in Kubernetes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_secret_ref: Option<HeadersSecretRef>,
    /// Environment variable with HTTP headers to send, as `name=value,name=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub headers_env: Option<String>,
    /// File with HTTP headers to send, as `name=value,name=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub headers_file: Option<String>,
    /// Includes the key of a completion in its span. When false, spans have no content of records.
    pub include_keys: bool,
}

/// A Secret with HTTP headers, in the object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeadersSecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Entry of the Secret that holds the headers, as `name=value,name=value`.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn default_key() -> String {
    "headers".to_owned()
}
