//! The fields of the object that name Secrets. This is the only list of them; mounting, reading,
//! fingerprints and removal all use it.

use std::path::PathBuf;

use super::ReconciliationSpec;
use super::secret::SECRETS_DIR;

/// A field of the object that names a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretField {
    KafkaCa,
    KafkaCertificate,
    KafkaLogin,
    OauthClient,
    OauthCa,
    RegistryLogin,
    RegistryToken,
    RegistryCa,
    TracingHeaders,
    ConsoleToken,
}

/// Who reads a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Workers and the console, which shows the topics' last records.
    All,
    Console,
}

/// A Secret that an object names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference<'a> {
    /// The field that names it.
    pub field: SecretField,
    pub name: &'a str,
    /// Entries that are read; one entry may serve two purposes.
    pub keys: Vec<&'a str>,
}

impl SecretField {
    /// In the order in which they are mounted, read and fingerprinted.
    pub const ALL: [Self; 10] = [
        Self::KafkaCa,
        Self::KafkaCertificate,
        Self::KafkaLogin,
        Self::OauthClient,
        Self::OauthCa,
        Self::RegistryLogin,
        Self::RegistryToken,
        Self::RegistryCa,
        Self::TracingHeaders,
        Self::ConsoleToken,
    ];

    /// Returns its path in the object.
    pub fn path(self) -> &'static str {
        match self {
            Self::KafkaCa => "spec.kafka.tls.caSecretRef",
            Self::KafkaCertificate => "spec.kafka.tls.certificateSecretRef",
            Self::KafkaLogin => "spec.kafka.sasl.secretRef",
            Self::OauthClient => "spec.kafka.sasl.oauth.secretRef",
            Self::OauthCa => "spec.kafka.sasl.oauth.caSecretRef",
            Self::RegistryLogin => "spec.registry.secretRef",
            Self::RegistryToken => "spec.registry.tokenSecretRef",
            Self::RegistryCa => "spec.registry.caSecretRef",
            Self::TracingHeaders => "spec.tracing.headersSecretRef",
            Self::ConsoleToken => "spec.console.tokenSecretRef",
        }
    }

    /// Returns the directory below [`SECRETS_DIR`] that its Secret is mounted at, which is also the
    /// name of the pod's volume.
    pub fn dir(self) -> &'static str {
        match self {
            Self::KafkaCa => "kafka-ca",
            Self::KafkaCertificate => "kafka-certificate",
            Self::KafkaLogin => "kafka-sasl",
            Self::OauthClient => "kafka-oauth",
            Self::OauthCa => "kafka-oauth-ca",
            Self::RegistryLogin => "registry-login",
            Self::RegistryToken => "registry-token",
            Self::RegistryCa => "registry-ca",
            Self::TracingHeaders => "otlp-headers",
            Self::ConsoleToken => "console-token",
        }
    }

    /// Returns who reads its Secret.
    pub fn reader(self) -> Reader {
        match self {
            Self::ConsoleToken => Reader::Console,
            _ => Reader::All,
        }
    }

    /// Returns the file in a pod that holds an entry of its Secret.
    pub fn file(self, key: &str) -> PathBuf {
        [SECRETS_DIR, self.dir(), key].iter().collect()
    }

    /// Returns the Secret that it names, if the object has the field.
    fn reference(self, spec: &ReconciliationSpec) -> Option<SecretReference<'_>> {
        let tls = spec.kafka.tls.as_ref();
        let sasl = spec.kafka.sasl.as_ref();
        let oauth = sasl.and_then(|sasl| sasl.oauth.as_ref());
        let (name, keys) = match self {
            Self::KafkaCa => {
                let ca = tls?.ca_secret_ref.as_ref()?;
                (&ca.name, vec![&ca.key[..]])
            }
            Self::KafkaCertificate => {
                let certificate = tls?.certificate_secret_ref.as_ref()?;
                (&certificate.name, vec!["tls.crt", "tls.key"])
            }
            Self::KafkaLogin => {
                let login = sasl?.secret_ref.as_ref()?;
                (&login.name, vec![&login.username_key[..], &login.password_key])
            }
            Self::OauthClient => {
                let client = oauth?.secret_ref.as_ref()?;
                (&client.name, vec![&client.client_id_key[..], &client.client_secret_key])
            }
            Self::OauthCa => {
                let ca = oauth?.ca_secret_ref.as_ref()?;
                (&ca.name, vec![&ca.key[..]])
            }
            Self::RegistryLogin => {
                let login = spec.registry.as_ref()?.secret_ref.as_ref()?;
                (&login.name, vec![&login.username_key[..], &login.password_key])
            }
            Self::RegistryToken => {
                let token = spec.registry.as_ref()?.token_secret_ref.as_ref()?;
                (&token.name, vec![&token.key[..]])
            }
            Self::RegistryCa => {
                let ca = spec.registry.as_ref()?.ca_secret_ref.as_ref()?;
                (&ca.name, vec![&ca.key[..]])
            }
            Self::TracingHeaders => {
                let headers = spec.tracing.as_ref()?.headers_secret_ref.as_ref()?;
                (&headers.name, vec![&headers.key[..]])
            }
            Self::ConsoleToken => {
                let token = spec.console.as_ref()?.token_secret_ref.as_ref()?;
                (&token.name, vec![&token.key[..]])
            }
        };
        Some(SecretReference { field: self, name, keys })
    }
}

impl ReconciliationSpec {
    /// Returns every Secret that the object names, in the order of [`SecretField::ALL`].
    pub fn secrets(&self) -> impl Iterator<Item = SecretReference<'_>> {
        SecretField::ALL.into_iter().filter_map(|field| field.reference(self))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::Reconciliation;

    /// Adds the path of every field below `fields` that names a Secret.
    fn collect(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
        let fields = schema["properties"].as_object();
        for (name, schema) in fields.into_iter().flatten() {
            let path = format!("{path}.{name}");
            if name.to_lowercase().ends_with("secretref") {
                found.insert(path.clone());
            }
            collect(&path, schema, found);
        }
    }

    #[test]
    fn the_list_has_every_field_that_names_a_secret() {
        use kube::CustomResourceExt;
        let definition = serde_json::to_value(Reconciliation::crd()).expect("plain data");
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut found = BTreeSet::new();
        collect("spec", &schema["properties"]["spec"], &mut found);
        let listed = SecretField::ALL.map(|field| field.path().to_owned());
        assert_eq!(found, BTreeSet::from(listed));
    }

    #[test]
    fn no_two_are_mounted_at_one_place() {
        let dirs: BTreeSet<_> = SecretField::ALL.iter().map(|field| field.dir()).collect();
        assert_eq!(dirs.len(), SecretField::ALL.len());
    }
}
