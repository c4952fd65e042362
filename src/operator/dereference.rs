//! Asks the API server for what an object refers to.
//!
//! Secrets are read by name alone, never listed or watched: so the operator can do with the
//! permission for just those. A changed Secret is seen when the object is looked at next, seconds
//! later.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::build::{Monitoring, pod_monitors};
use super::cluster::Cluster;
use super::error::{Doing, Error, Result};
use super::names;
use crate::spec::object::ReconciliationSpec;

/// Fields that name a Secret.
pub const CA: &str = "spec.kafka.tls.caSecretRef";
pub const CERTIFICATE: &str = "spec.kafka.tls.certificateSecretRef";
pub const LOGIN: &str = "spec.kafka.sasl.secretRef";
pub const CLIENT: &str = "spec.kafka.sasl.oauth.secretRef";
pub const TOKEN_CA: &str = "spec.kafka.sasl.oauth.caSecretRef";
const TOKEN: &str = "spec.console.tokenSecretRef";
const HEADERS: &str = "spec.tracing.headersSecretRef";

/// A Secret that an object refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The field that names it.
    pub field: &'static str,
    pub name: &'a str,
    /// Entries that are read.
    pub keys: Vec<&'a str>,
    pub reader: Reader,
}

/// Who reads a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Workers, and the console, which shows the topics' last records.
    All,
    Console,
}

/// What of a Secret matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The field that names it.
    pub field: &'static str,
    /// The Secret's uid: only those know it who may read the Secret.
    pub uid: String,
    pub reader: Reader,
    /// By entry.
    pub entries: BTreeMap<String, Vec<u8>>,
}

/// A Secret that cannot be used, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// In CamelCase, as in a condition.
    pub reason: &'static str,
    pub message: String,
}

/// What an object refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referred {
    /// In the order of the fields.
    pub secrets: Vec<Content>,
    /// The first Secret that workers could not do without.
    pub missing: Option<Missing>,
    /// The first Secret that workers have and the operator may not read.
    pub forbidden: Option<Missing>,
    /// What keeps the console alone from running, or from starting anew.
    pub aside: Option<Missing>,
    pub monitoring: Monitoring,
}

/// Whether PodMonitors are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PodMonitors {
    /// Where the cluster knows them.
    Auto,
    Never,
}

/// Returns the Secrets that an object refers to.
pub fn references(spec: &ReconciliationSpec) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut add = |field, name, keys, reader| found.push(Reference { field, name, keys, reader });
    let tls = spec.kafka.tls.as_ref();
    if let Some(ca) = tls.and_then(|tls| tls.ca_secret_ref.as_ref()) {
        add(CA, &ca.name, vec![&ca.key[..]], Reader::All);
    }
    if let Some(certificate) = tls.and_then(|tls| tls.certificate_secret_ref.as_ref()) {
        let keys = vec!["tls.crt", "tls.key"];
        add(CERTIFICATE, &certificate.name, keys, Reader::All);
    }
    if let Some(login) = spec.kafka.sasl.as_ref().and_then(|sasl| sasl.secret_ref.as_ref()) {
        let keys = vec![&login.username_key[..], &login.password_key];
        add(LOGIN, &login.name, keys, Reader::All);
    }
    let oauth = spec.kafka.sasl.as_ref().and_then(|sasl| sasl.oauth.as_ref());
    if let Some(client) = oauth.and_then(|oauth| oauth.secret_ref.as_ref()) {
        let keys = vec![&client.client_id_key[..], &client.client_secret_key];
        add(CLIENT, &client.name, keys, Reader::All);
    }
    if let Some(ca) = oauth.and_then(|oauth| oauth.ca_secret_ref.as_ref()) {
        add(TOKEN_CA, &ca.name, vec![&ca.key[..]], Reader::All);
    }
    if let Some(headers) = spec.tracing.as_ref().and_then(|it| it.headers_secret_ref.as_ref()) {
        add(HEADERS, &headers.name, vec![&headers.key[..]], Reader::All);
    }
    let token = spec.console.as_ref().and_then(|console| console.token_secret_ref.as_ref());
    if let Some(token) = token {
        let keys = vec![&token.key[..]];
        add(TOKEN, &token.name, keys, Reader::Console);
    }
    found
}

/// Reads what the object refers to.
///
/// # Errors
/// When the API server does not answer. A Secret that is not there is no error.
pub async fn dereference(
    cluster: &Cluster,
    namespace: &str,
    spec: &ReconciliationSpec,
    monitors: PodMonitors,
) -> Result<Referred> {
    let monitoring = match monitors {
        PodMonitors::Auto => monitoring(cluster).await?,
        PodMonitors::Never => Monitoring::None,
    };
    let mut referred =
        Referred { secrets: Vec::new(), missing: None, forbidden: None, aside: None, monitoring };
    for reference in references(spec) {
        let Reference { field, name, reader, .. } = reference;
        let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
        let found = if names::is_subdomain(name) {
            match api.get_opt(name).await.doing(|| format!("read Secret {name}")) {
                Ok(found) => select(found, &reference).map(Some),
                Err(Error::Forbidden { .. }) => Ok(None),
                Err(error) => return Err(error),
            }
        } else {
            Err(misnamed(field, name))
        };
        let Referred { secrets, missing, forbidden, aside, .. } = &mut referred;
        let (place, finding) = match (found, reader) {
            (Ok(Some(content)), _) => {
                secrets.push(content);
                continue;
            }
            (Ok(None), Reader::All) => (forbidden, unreadable(field, name)),
            (Err(finding), Reader::All) => (missing, finding),
            // No reason to keep workers from running.
            (Ok(None), Reader::Console) => (aside, unreadable(field, name)),
            (Err(finding), Reader::Console) => (aside, finding),
        };
        place.get_or_insert(finding);
    }
    Ok(referred)
}

/// The API server is not asked: the name would be a part of the path.
fn misnamed(field: &str, name: &str) -> Missing {
    let message = format!(
        "{field}: no Secret can be called {name:?}: use a-z, 0-9, - and ., as in `kubectl get \
         secrets`"
    );
    Missing { reason: "SecretNotFound", message }
}

fn unreadable(field: &str, name: &str) -> Missing {
    let message = format!(
        "{field}: the operator may not read Secret {name}, so pods do not start anew when it \
         changes: allow it (rbac.secrets of the chart), or restart them by hand after a change"
    );
    Missing { reason: "SecretForbidden", message }
}

fn select(
    secret: Option<Secret>,
    reference: &Reference<'_>,
) -> std::result::Result<Content, Missing> {
    let Reference { field, name, keys, reader } = reference;
    let Some(secret) = secret else {
        let message = format!("{field}: there is no Secret {name}: create it in this namespace");
        return Err(Missing { reason: "SecretNotFound", message });
    };
    let mut data = secret.data.unwrap_or_default();
    let mut entries = BTreeMap::new();
    for key in keys {
        let Some(value) = data.remove(*key) else {
            if entries.contains_key(*key) {
                continue;
            }
            let there: Vec<_> = data.keys().map(String::as_str).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            let message = format!(
                "{field}: Secret {name} has no entry {key} (it has {there}): add it, or name \
                 another one"
            );
            return Err(Missing { reason: "SecretIncomplete", message });
        };
        entries.insert((*key).to_owned(), value.0);
    }
    Ok(Content { field, uid: secret.metadata.uid.unwrap_or_default(), reader: *reader, entries })
}

async fn monitoring(cluster: &Cluster) -> Result<Monitoring> {
    let wanted = pod_monitors();
    match cluster.client.list_api_group_resources(&wanted.api_version).await {
        Ok(known) if known.resources.iter().any(|known| known.name == wanted.plural) => {
            Ok(Monitoring::PodMonitors)
        }
        Ok(_) => Ok(Monitoring::None),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Monitoring::None),
        Err(error) => Err(error).doing(|| "ask for PodMonitors".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use kube::api::ObjectMeta;

    use super::*;

    const WANTED: Reference<'_> =
        Reference { field: LOGIN, name: "login", keys: Vec::new(), reader: Reader::All };

    fn secret(entries: &[(&str, &str)]) -> Secret {
        let entries = entries.iter();
        let entry = |(key, value): &(&str, &str)| {
            ((*key).to_owned(), ByteString(value.as_bytes().to_vec()))
        };
        Secret {
            metadata: ObjectMeta { uid: Some("u".to_owned()), ..ObjectMeta::default() },
            data: Some(entries.map(entry).collect()),
            ..Secret::default()
        }
    }

    #[test]
    fn a_secret_that_is_not_there_is_named_with_its_field() {
        let missing = select(None, &WANTED).expect_err("no Secret");
        assert_eq!(missing.reason, "SecretNotFound");
        assert!(missing.message.starts_with("spec.kafka.sasl.secretRef: there is no Secret login"));
    }

    #[test]
    fn an_entry_that_is_not_there_is_named_with_those_that_are() {
        let wanted = Reference { keys: vec!["username", "password"], ..WANTED };
        let found = secret(&[("username", "me"), ("pass", "word")]);
        let missing = select(Some(found), &wanted).expect_err("no password");
        assert_eq!(missing.reason, "SecretIncomplete");
        assert!(missing.message.contains("no entry password (it has pass)"), "{missing:?}");
    }

    #[test]
    fn one_entry_may_serve_twice_and_others_do_not_matter() {
        let wanted = Reference { keys: vec!["token", "token"], ..WANTED };
        let content = select(Some(secret(&[("token", "t"), ("other", "o")])), &wanted);
        let entries = content.expect("a usable Secret").entries;
        assert_eq!(entries, BTreeMap::from([("token".to_owned(), b"t".to_vec())]));
    }
}
