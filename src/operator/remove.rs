//! What the operator has to do when an object is deleted: with `deletionPolicy: DeleteTopics`, it
//! deletes the changelog and the consumer group.
//!
//! Promise: only such an object carries the finalizer, and none waits forever: if the topics cannot
//! be deleted within [`REMOVAL_TIMEOUT`], or the login for them is gone, the object is released and
//! an Event says so. Removing the finalizer, or setting the policy to `Retain`, releases an object
//! at once.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::core::ApiResource;
use rdkafka::ClientConfig;

use super::cluster::{Cluster, Dependents};
use super::dereference::Content;
use super::error::{Error, Result};
use super::names::FINALIZER;
use super::observe;
use rollcall_kafka::{Connection, Protocol, Request};
use rollcall_object::resource::{DeletionPolicy, ReconciliationSpec};
use rollcall_object::secret::{Secret, without_line_ends};
use rollcall_object::{Kafka, Sasl, Settings, Tls, Validated};

/// How long a deleted object waits for Kafka.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(600);

/// The progress of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// This many workers still exist.
    WaitingForWorkers(usize),
    Done,
}

/// Returns whether the operator has something to do when the object is deleted.
pub fn wants_finalizer(spec: &ReconciliationSpec) -> bool {
    spec.deletion_policy == DeletionPolicy::DeleteTopics
}

/// Returns whether the object waits for the operator when it is deleted.
pub fn has_finalizer(object: &ObjectMeta) -> bool {
    object.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// Returns whether a deleted object has waited long enough.
pub fn is_out_of_patience(object: &ObjectMeta, now: Timestamp) -> bool {
    let deleted_at = object.deletion_timestamp.as_ref();
    deleted_at.is_some_and(|at| now.duration_since(at.0).unsigned_abs() > REMOVAL_TIMEOUT)
}

/// Stops the workers and, once they are gone, deletes the changelog and the group from Kafka.
///
/// # Errors
/// When the API server or Kafka refuses.
pub async fn remove(cluster: &Cluster, object: &Validated, secrets: &[Content]) -> Result<Removal> {
    let (namespace, name, settings) = (object.namespace(), object.name(), object.settings());
    let sets = ApiResource::erase::<StatefulSet>(&());
    if let Some(set) = cluster.metadata(&sets, namespace, name).await? {
        let ours = set.owner_references.iter().flatten();
        if ours.into_iter().any(|owner| Some(&owner.uid) == object.metadata().uid.as_ref()) {
            cluster.delete(&sets, &set, Dependents::Deleted).await?;
        }
    }
    let pods = observe::pods(cluster, namespace, name).await?.len();
    if pods > 0 {
        return Ok(Removal::WaitingForWorkers(pods));
    }
    cluster.leads()?;
    let connection = connection(settings, secrets)?;
    let inputs: Vec<String> = settings.inputs().into_iter().map(str::to_owned).collect();
    // The Kafka client blocks.
    let reset = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Error::Start(error.to_string()))?;
        let remains = rollcall_kafka::remains(&connection, &inputs)?;
        runtime.block_on(rollcall_kafka::reset(&connection, &inputs, &remains))?;
        Ok(Removal::Done)
    });
    reset.await.map_err(|error| Error::Start(format!("the deletion panicked: {error}")))?
}

/// Returns how to reach Kafka using the Secrets already read; only workers have them mounted.
fn connection(settings: &Settings, secrets: &[Content]) -> Result<Connection> {
    // A worker reads this as a mounted file; here it is an entry of the Secret.
    let entry = |file: &Path| {
        let mut entries = secrets.iter().flat_map(|content| {
            content.entries.iter().map(|(key, bytes)| (content.field.file(key), bytes))
        });
        let (_, bytes) = entries.find(|(mounted, _)| mounted == file)?;
        Some(without_line_ends(&String::from_utf8_lossy(bytes)).to_owned())
    };
    let read = |secret: &Secret| match secret {
        Secret::File(file) => entry(file),
        Secret::Env(_) => None,
    };
    let Kafka { tls, sasl, .. } = &settings.kafka;
    let plain = Kafka { tls: None, sasl: None, ..settings.kafka.clone() };
    let mut base = ClientConfig::new();
    let properties = plain.client_properties();
    for (name, value) in properties.map_err(|error| Error::Start(error.to_string()))? {
        base.set(name, value);
    }
    base.set("security.protocol", settings.kafka.security_protocol());
    if let Some(Tls { ca_file, certificate }) = tls {
        if let Some(ca) = ca_file.as_deref().and_then(entry) {
            base.set("ssl.ca.pem", ca);
        }
        if let Some(files) = certificate
            && let Some(certificate) = entry(&files.certificate_file)
            && let Some(key) = entry(&files.key_file)
        {
            base.set("ssl.certificate.pem", certificate).set("ssl.key.pem", key);
        }
    }
    if let Some(sasl) = sasl {
        base.set("sasl.mechanism", sasl.mechanism().name());
    }
    let login = match sasl {
        None => rollcall_kafka::Login::default(),
        Some(Sasl::Password(login)) => {
            base.set("sasl.username", read(&login.username).unwrap_or_default());
            base.set("sasl.password", read(&login.password).unwrap_or_default());
            rollcall_kafka::Login::default()
        }
        Some(Sasl::Token(oauth)) => rollcall_kafka::Login::with(Request {
            endpoint: oauth.token_endpoint.clone(),
            client_id: read(&oauth.client_id).unwrap_or_default(),
            client_secret: read(&oauth.client_secret).unwrap_or_default(),
            scope: oauth.scope.clone(),
            audience: oauth.audience.clone(),
            extensions: oauth.extensions.clone(),
            ca_pem: oauth.ca_file.as_deref().and_then(entry),
        }),
    };
    let group = settings.group_id().to_owned();
    Ok(Connection {
        base,
        login,
        group,
        instance_id: "rollcall-operator".to_owned(),
        mark: String::new(),
        protocol: Protocol::Classic,
        brokers: std::sync::Arc::default(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use rollcall_object::SecretField;

    const DEMO: &str = include_str!("../../manifests/local/shipping.yaml");

    #[test]
    fn a_login_is_taken_from_the_secrets_and_not_from_files() {
        let text = DEMO.replace(
            "bootstrapServers: localhost:9092",
            "bootstrapServers: k:1\n    \
             tls: { caSecretRef: { name: ca }, certificateSecretRef: { name: me } }\n    \
             sasl: { mechanism: SCRAM-SHA-512, secretRef: { name: login } }",
        );
        let settings = rollcall_object::parse(&text).expect("a valid object");
        let content = |field, entries: &[(&str, &str)]| Content {
            field,
            uid: "u".to_owned(),
            entries: entries
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
                .collect::<BTreeMap<_, _>>(),
        };
        let secrets = [
            content(SecretField::KafkaCa, &[("ca.crt", "CA")]),
            content(
                SecretField::KafkaCertificate,
                &[("tls.crt", "CERTIFICATE"), ("tls.key", "KEY")],
            ),
            content(SecretField::KafkaLogin, &[("username", "me"), ("password", "s3cret \r\n")]),
        ];
        let connection = connection(&settings, &secrets).expect("a connection");
        for (name, value) in [
            ("bootstrap.servers", "k:1"),
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.pem", "CA"),
            ("ssl.certificate.pem", "CERTIFICATE"),
            ("ssl.key.pem", "KEY"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "me"),
            ("sasl.password", "s3cret "),
        ] {
            assert_eq!(connection.base.get(name), Some(value), "{name}");
        }
        assert_eq!(connection.group, "shipping");
    }

    #[test]
    fn nothing_waits_for_ever() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let object: ObjectMeta =
            serde_json::from_value(json!({ "deletionTimestamp": "2026-01-01T10:00:00Z" }))
                .expect("metadata");
        assert!(!is_out_of_patience(&object, at("2026-01-01T10:09:00Z")));
        assert!(is_out_of_patience(&object, at("2026-01-01T10:11:00Z")));
        assert!(!is_out_of_patience(&ObjectMeta::default(), at("2026-01-01T10:11:00Z")));
    }
}
