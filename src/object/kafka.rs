//! How to reach the Kafka cluster, validated, and as settings of the Kafka client.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hyper::Uri;

use super::resource::{GroupProtocol, SaslMechanism};
use super::secret::{Secret, SecretError};

/// How to reach the Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// `host:port`, separated by commas.
    pub bootstrap_servers: String,
    pub group_id: String,
    pub group_protocol: GroupProtocol,
    /// `None` for an unencrypted connection.
    pub tls: Option<Tls>,
    pub sasl: Option<Sasl>,
    /// Further settings of the client; none of them affects exactly-once.
    pub properties: BTreeMap<String, String>,
}

/// Encryption of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM file; `None` for the system's certificate authorities.
    pub ca_file: Option<PathBuf>,
    pub certificate: Option<Certificate>,
}

/// The client's own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub key_password: Option<Secret>,
}

/// How to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sasl {
    Password(Login),
    Token(Oauth),
}

/// A login with user name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub mechanism: SaslMechanism,
    pub username: Secret,
    pub password: Secret,
}

/// Where login tokens come from. They are not part of the client's settings, because each token is
/// valid only for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oauth {
    /// With the scheme `http` or `https`, and a host.
    pub token_endpoint: Uri,
    pub scope: Option<String>,
    pub audience: Option<String>,
    /// Extensions that brokers require beside the token.
    pub extensions: BTreeMap<String, String>,
    pub client_id: Secret,
    pub client_secret: Secret,
    /// PEM file with the certificate authority to trust at the token endpoint; `None` for the
    /// system's certificate authorities.
    pub ca_file: Option<PathBuf>,
}

impl Kafka {
    /// Returns the settings of the Kafka client that every connection needs, by librdkafka's
    /// names, secrets included: [`Self::properties`] override Rollcall's own tuning, so apply the
    /// result last.
    ///
    /// # Errors
    /// When a secret cannot be read.
    pub fn client_properties(&self) -> Result<BTreeMap<String, String>, SecretError> {
        let mut properties = self.properties.clone();
        let mut set = |name: &str, value: String| {
            properties.insert(name.to_owned(), value);
        };
        set("bootstrap.servers", self.bootstrap_servers.clone());
        set("security.protocol", self.security_protocol().to_owned());
        if let Some(tls) = &self.tls {
            if let Some(file) = &tls.ca_file {
                set("ssl.ca.location", file.display().to_string());
            }
            if let Some(certificate) = &tls.certificate {
                let Certificate { certificate_file, key_file, key_password } = certificate;
                set("ssl.certificate.location", certificate_file.display().to_string());
                set("ssl.key.location", key_file.display().to_string());
                if let Some(password) = key_password {
                    set("ssl.key.password", password.read("spec.kafka.tls")?);
                }
            }
        }
        if let Some(sasl) = &self.sasl {
            set("sasl.mechanism", sasl.mechanism().name().to_owned());
        }
        if let Some(Sasl::Password(Login { username, password, .. })) = &self.sasl {
            set("sasl.username", username.read("spec.kafka.sasl")?);
            set("sasl.password", password.read("spec.kafka.sasl")?);
        }
        Ok(properties)
    }

    /// Returns librdkafka's `security.protocol`.
    pub fn security_protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }
}

impl Sasl {
    pub fn mechanism(&self) -> SaslMechanism {
        match self {
            Self::Password(login) => login.mechanism,
            Self::Token(_) => SaslMechanism::OauthBearer,
        }
    }
}

impl SaslMechanism {
    /// Returns the mechanism's name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }
}
