//! Reads from the API server what an object refers to.
//!
//! Secrets are read by name only, never listed or watched, so the operator needs permission for no
//! others. A changed Secret is noticed at the next look at the object, seconds later.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::build::{Monitoring, pod_monitors};
use super::cluster::Cluster;
use super::error::{Doing, Error, Result};
use super::names;
use rollcall_object::{Reader, ReconciliationSpec, SecretField, SecretReference};

/// The parts of a Secret that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The field that names the Secret.
    pub field: SecretField,
    /// The Secret's uid, which only those who may read the Secret know.
    pub uid: String,
    /// The contents, by entry.
    pub entries: BTreeMap<String, Vec<u8>>,
}

/// A Secret that cannot be used, and the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// In CamelCase, as in a condition.
    pub reason: &'static str,
    pub message: String,
}

/// What an object refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referred {
    /// In the order of [`SecretField::ALL`].
    pub secrets: Vec<Content>,
    /// The first Secret that is missing and that workers need.
    pub missing: Option<Missing>,
    /// The first Secret that workers use but the operator may not read.
    pub forbidden: Option<Missing>,
    /// What keeps only the console from running or restarting.
    pub aside: Option<Missing>,
    pub monitoring: Monitoring,
}

/// Whether to create PodMonitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PodMonitors {
    /// Where the cluster has that kind.
    Auto,
    Never,
}

/// Reads what the object refers to.
///
/// # Errors
/// When the API server does not answer. A missing Secret is not an error.
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
    for reference in spec.secrets() {
        let SecretReference { field, name, .. } = reference;
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
        let (place, finding) = match (found, field.reader()) {
            (Ok(Some(content)), _) => {
                secrets.push(content);
                continue;
            }
            (Ok(None), Reader::All) => (forbidden, unreadable(field, name)),
            (Err(finding), Reader::All) => (missing, finding),
            // This must not keep workers from running.
            (Ok(None), Reader::Console) => (aside, unreadable(field, name)),
            (Err(finding), Reader::Console) => (aside, finding),
        };
        place.get_or_insert(finding);
    }
    Ok(referred)
}

/// The API server is not asked, because the name would become part of the path.
fn misnamed(field: SecretField, name: &str) -> Missing {
    let field = field.path();
    let message = format!(
        "{field}: no Secret can be called {name:?}: use a-z, 0-9, - and ., as in `kubectl get \
         secrets`"
    );
    Missing { reason: "SecretNotFound", message }
}

fn unreadable(field: SecretField, name: &str) -> Missing {
    let field = field.path();
    let message = format!(
        "{field}: the operator may not read Secret {name}, so pods are not restarted when it \
         changes: allow it (rbac.secrets of the chart), or restart them by hand after a change"
    );
    Missing { reason: "SecretForbidden", message }
}

fn select(
    secret: Option<Secret>,
    reference: &SecretReference<'_>,
) -> std::result::Result<Content, Missing> {
    let SecretReference { field, name, keys } = reference;
    let path = field.path();
    let Some(secret) = secret else {
        let message = format!("{path}: there is no Secret {name}: create it in this namespace");
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
                "{path}: Secret {name} has no entry {key} (it has {there}): add it, or name \
                 another one"
            );
            return Err(Missing { reason: "SecretIncomplete", message });
        };
        entries.insert((*key).to_owned(), value.0);
    }
    Ok(Content { field: *field, uid: secret.metadata.uid.unwrap_or_default(), entries })
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

    const WANTED: SecretReference<'_> =
        SecretReference { field: SecretField::KafkaLogin, name: "login", keys: Vec::new() };

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
        let wanted = SecretReference { keys: vec!["username", "password"], ..WANTED };
        let found = secret(&[("username", "me"), ("pass", "word")]);
        let missing = select(Some(found), &wanted).expect_err("no password");
        assert_eq!(missing.reason, "SecretIncomplete");
        assert!(missing.message.contains("no entry password (it has pass)"), "{missing:?}");
    }

    #[test]
    fn one_entry_may_serve_twice_and_others_do_not_matter() {
        let wanted = SecretReference { keys: vec!["token", "token"], ..WANTED };
        let content = select(Some(secret(&[("token", "t"), ("other", "o")])), &wanted);
        let entries = content.expect("a usable Secret").entries;
        assert_eq!(entries, BTreeMap::from([("token".to_owned(), b"t".to_vec())]));
    }
}
