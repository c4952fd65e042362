//! How to reach the schema registry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::connection::{CaSecretRef, SaslSecretRef};
use super::kubernetes::TokenSecretRef;
use crate::{bounds, cel};

/// How to reach the schema registry: Confluent's, or another one with its API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::registry_rules()))]
pub struct RegistrySpec {
    /// URLs of the registry, such as `https://registry:8081`, which are tried in turn. With `http`
    /// the login is sent unencrypted. At least 1, at most 8.
    #[schemars(
        length(min = 1, max = bounds::REGISTRY_URLS_MAX),
        inner(length(min = 1, max = 2048), regex(pattern = "^https?://")),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub urls: Vec<String>,
    /// Secret with a user name and a password, in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SaslSecretRef>,
    /// Environment variable with the user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub username_env: Option<String>,
    /// File with the user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub username_file: Option<String>,
    /// Environment variable with the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub password_env: Option<String>,
    /// File with the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub password_file: Option<String>,
    /// Secret with a token that is sent instead of a user name and a password, in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<TokenSecretRef>,
    /// Environment variable with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub token_env: Option<String>,
    /// File with the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub token_file: Option<String>,
    /// Secret with the certificate authority to trust, in Kubernetes. If neither this nor `caFile`
    /// is set, the system's authorities are trusted; that of `kafka.tls` is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<CaSecretRef>,
    /// PEM file with the certificate authority to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub ca_file: Option<String>,
}
