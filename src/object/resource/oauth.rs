//! Where tokens for `OAUTHBEARER` come from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connection::CaSecretRef;
use crate::{bounds, cel};

/// Where tokens for `OAUTHBEARER` come from: an OAuth 2.0 server that issues them for a client id
/// and a client secret (client credentials). A token is renewed before it expires.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::oauth_rules()))]
pub struct OauthSpec {
    /// URL of the server's token endpoint, such as `https://login.example.com/oauth2/token`. With
    /// `http` the client secret is sent unencrypted.
    #[schemars(length(min = 1, max = 2048), extend("pattern" = "^https?://"))]
    pub token_endpoint: String,
    /// Scope of the token, if the server requires one; several scopes are separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub scope: Option<String>,
    /// Audience of the token, if the server requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub audience: Option<String>,
    /// SASL extensions that brokers require beside the token, by name, such as `logicalCluster`. At
    /// most 20.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::EXTENSIONS_MAX))]
    pub extensions: BTreeMap<String, String>,
    /// Secret with the client id and the client secret, in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<OauthSecretRef>,
    /// Environment variable with the client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub client_id_env: Option<String>,
    /// File with the client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub client_id_file: Option<String>,
    /// Environment variable with the client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub client_secret_env: Option<String>,
    /// File with the client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub client_secret_file: Option<String>,
    /// Secret with the certificate authority to trust at the token endpoint, in Kubernetes. If
    /// neither this nor `caFile` is set, the system's authorities are trusted; that of `kafka.tls`
    /// is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<CaSecretRef>,
    /// PEM file with the certificate authority to trust at the token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub ca_file: Option<String>,
}

/// A Secret with a client id and a client secret, in the object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OauthSecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Entry of the Secret that holds the client id.
    #[serde(default = "default_client_id_key")]
    #[schemars(length(min = 1, max = 253))]
    pub client_id_key: String,
    /// Entry of the Secret that holds the client secret.
    #[serde(default = "default_client_secret_key")]
    #[schemars(length(min = 1, max = 253))]
    pub client_secret_key: String,
}

fn default_client_id_key() -> String {
    "client-id".to_owned()
}

fn default_client_secret_key() -> String {
    "client-secret".to_owned()
}
