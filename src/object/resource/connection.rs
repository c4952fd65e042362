//! How to reach the Kafka cluster.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::oauth::OauthSpec;
use crate::{bounds, cel, names};

/// How to reach the Kafka cluster.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::kafka_rules()))]
pub struct KafkaSpec {
    /// Brokers to connect to first, as `host:port`, separated by commas.
    #[schemars(length(min = 1, max = 4096))]
    pub bootstrap_servers: String,
    /// Consumer group; the names of the changelog topic and the transactional ids begin with it, so
    /// it must be unique in the Kafka cluster. Left out, it is the object's name. Changes are
    /// refused, because another group would start without this one's state and complete keys a
    /// second time: create an object with another name instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = bounds::GROUP_LENGTH_MAX), extend("pattern" = names::TOPIC_PATTERN))]
    pub group_id: Option<String>,
    /// How workers divide the partitions among themselves. `classic`: the protocol that every
    /// broker speaks; a worker that was killed and is back within 10s keeps its partitions,
    /// otherwise they move after that time. `consumer`: the protocol of KIP-848, for brokers from
    /// 4.0 on; it disturbs the group least when workers come and go, and the partitions of a killed
    /// worker move after the session timeout that the brokers set, 45s by default. A group speaks
    /// one protocol at a time: change it while `paused`.
    #[serde(default)]
    pub group_protocol: GroupProtocol,
    /// Encrypts the connection. Left out, it is not encrypted; if empty, the system's certificate
    /// authorities are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSpec>,
    /// Logs in, with a user name and a password or with a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl: Option<SaslSpec>,
    /// Further settings of the Kafka client (librdkafka), by name; they override Rollcall's own.
    /// Settings that would break exactly-once, or that have their own field, are refused. At most
    /// 100.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = bounds::PROPERTIES_MAX))]
    pub properties: BTreeMap<String, String>,
}

/// How workers divide the partitions among themselves.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum GroupProtocol {
    /// The protocol that every broker speaks, with static members.
    #[default]
    Classic,
    /// The protocol of KIP-848, with dynamic members.
    Consumer,
}

/// Encrypts the connection.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::tls_rules()))]
pub struct TlsSpec {
    /// Secret with the certificate authority to trust, in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<CaSecretRef>,
    /// Secret with the client's certificate and key, in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_secret_ref: Option<CertificateSecretRef>,
    /// PEM file with the certificate authority to trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub ca_file: Option<String>,
    /// PEM file with the client's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub certificate_file: Option<String>,
    /// PEM file with the client's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub key_file: Option<String>,
    /// Environment variable with the password of the client's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub key_password_env: Option<String>,
    /// File with the password of the client's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub key_password_file: Option<String>,
}

/// A Secret with a certificate authority, in the object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaSecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Entry of the Secret that holds the PEM text.
    #[serde(default = "default_ca_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A Secret of type `kubernetes.io/tls`, in the object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateSecretRef {
    /// Name of the Secret, which holds `tls.crt` and `tls.key`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Logs in, with a user name and a password or with a token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = cel::sasl_rules()))]
pub struct SaslSpec {
    /// How to log in. `PLAIN` sends the password and `OAUTHBEARER` the token unencrypted, so use
    /// them only together with `tls`. `OAUTHBEARER` requires `oauth` and nothing else; the others a
    /// user name and a password.
    pub mechanism: SaslMechanism,
    /// Secret with the user name and the password, in Kubernetes.
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
    /// Where tokens for `OAUTHBEARER` come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OauthSpec>,
}

/// How to log in.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Sends the password itself; only safe together with `tls`.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Proves the password by a salted challenge with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Proves the password by a salted challenge with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// Sends a token of an OAuth 2.0 server; only safe together with `tls`.
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
}

/// A Secret with a user name and a password, in the object's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SaslSecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Entry of the Secret that holds the user name.
    #[serde(default = "default_username_key")]
    #[schemars(length(min = 1, max = 253))]
    pub username_key: String,
    /// Entry of the Secret that holds the password.
    #[serde(default = "default_password_key")]
    #[schemars(length(min = 1, max = 253))]
    pub password_key: String,
}

fn default_ca_key() -> String {
    "ca.crt".to_owned()
}

fn default_username_key() -> String {
    "username".to_owned()
}

fn default_password_key() -> String {
    "password".to_owned()
}
