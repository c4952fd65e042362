//! The part of the object that says how to reach Kafka.

use std::path::PathBuf;

use super::oauth;
use crate::kafka::{Certificate, Kafka, Login, Sasl, Tls};
use crate::names::Refusal;
use crate::problem::Problems;
use crate::resource::{GroupProtocol, KafkaSpec, SaslMechanism, SaslSpec, TlsSpec};
use crate::secret::Secret;
use crate::{SecretField, bounds, names, properties};

/// Settings that members of the KIP-848 protocol may not set.
const SET_BY_THE_COORDINATOR: &[&str] = &["session.timeout.ms", "heartbeat.interval.ms"];

/// Reads the connection; the group is called `name` unless the object says otherwise.
pub(super) fn kafka(spec: &KafkaSpec, name: &str, problems: &mut Problems) -> Kafka {
    problems.check("spec.kafka.bootstrapServers", check_servers(&spec.bootstrap_servers));
    if let Some(group) = &spec.group_id {
        problems.check("spec.kafka.groupId", names::check_group(group));
    }
    if spec.properties.len() > bounds::PROPERTIES_MAX as usize {
        problems.add(
            "spec.kafka.properties",
            format!("holds {} settings", spec.properties.len()),
            format!("give at most {}", bounds::PROPERTIES_MAX),
        );
    }
    if spec.group_protocol == GroupProtocol::Consumer {
        for name in SET_BY_THE_COORDINATOR {
            if spec.properties.contains_key(*name) {
                problems.add(
                    format!("spec.kafka.properties[\"{name}\"]"),
                    "is the brokers' to set under groupProtocol: consumer",
                    "remove it; see group.consumer.* in the brokers' configuration",
                );
            }
        }
    }
    for (name, value) in &spec.properties {
        problems
            .check(format!("spec.kafka.properties[\"{name}\"]"), properties::check(name, value));
    }
    Kafka {
        bootstrap_servers: spec.bootstrap_servers.clone(),
        group_id: spec.group_id.clone().unwrap_or_else(|| name.to_owned()),
        group_protocol: spec.group_protocol,
        tls: spec.tls.as_ref().map(|spec| tls(spec, problems)),
        sasl: spec.sasl.as_ref().and_then(|spec| sasl(spec, problems)),
        properties: spec.properties.clone(),
    }
}

fn check_servers(servers: &str) -> Result<(), Refusal> {
    for server in servers.split(',').map(str::trim) {
        let (host, port) = match server.rsplit_once(':') {
            // The colons of an IPv6 address in brackets belong to the host.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (server, None),
        };
        let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let bare = !host.contains([':', '/']) || (host.starts_with('[') && host.ends_with(']'));
        let host_ok = !host.is_empty() && bare && !host.contains(char::is_whitespace);
        if server.contains("://") {
            return Err((
                format!("\"{server}\" has a scheme"),
                "write host:port; whether it is encrypted follows from spec.kafka.tls".to_owned(),
            ));
        }
        if !port_ok || !host_ok {
            return Err((
                format!("\"{server}\" is not host:port"),
                "write such as kafka-0:9092,kafka-1:9092".to_owned(),
            ));
        }
    }
    Ok(())
}

fn tls(spec: &TlsSpec, problems: &mut Problems) -> Tls {
    let ca_mounted =
        spec.ca_secret_ref.as_ref().map(|secret| SecretField::KafkaCa.file(&secret.key));
    if ca_mounted.is_some() && spec.ca_file.is_some() {
        problems.add(
            "spec.kafka.tls",
            "names the certificate authority twice",
            "give caSecretRef in Kubernetes, caFile elsewhere",
        );
    }
    Tls {
        ca_file: ca_mounted.or_else(|| spec.ca_file.as_ref().map(PathBuf::from)),
        certificate: certificate(spec, problems),
    }
}

fn certificate(spec: &TlsSpec, problems: &mut Problems) -> Option<Certificate> {
    let path = "spec.kafka.tls";
    let key_password = source(
        path,
        "keyPassword",
        spec.key_password_env.as_ref(),
        spec.key_password_file.as_ref(),
        problems,
    );
    let files = match (&spec.certificate_secret_ref, &spec.certificate_file, &spec.key_file) {
        (None, None, None) => None,
        (Some(_), None, None) => Some((
            SecretField::KafkaCertificate.file("tls.crt"),
            SecretField::KafkaCertificate.file("tls.key"),
        )),
        (None, Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (Some(_), _, _) => {
            problems.add(
                path,
                "names the client's certificate twice",
                "give certificateSecretRef in Kubernetes, certificateFile and keyFile elsewhere",
            );
            None
        }
        (None, ..) => {
            problems.add(path, "certificateFile and keyFile belong together", "give both or none");
            None
        }
    };
    files.map(|(certificate_file, key_file)| Certificate {
        certificate_file,
        key_file,
        key_password,
    })
}

fn sasl(spec: &SaslSpec, problems: &mut Problems) -> Option<Sasl> {
    match (spec.mechanism, &spec.oauth) {
        (SaslMechanism::OauthBearer, oauth) => {
            oauth::token(spec, oauth.as_ref(), problems).map(Sasl::Token)
        }
        (mechanism, oauth) => {
            if oauth.is_some() {
                problems.add(
                    "spec.kafka.sasl.oauth",
                    format!("is of no use to the mechanism {}", mechanism.name()),
                    "write mechanism: OAUTHBEARER, or remove it",
                );
            }
            login(spec, problems).map(Sasl::Password)
        }
    }
}

fn login(spec: &SaslSpec, problems: &mut Problems) -> Option<Login> {
    let path = "spec.kafka.sasl";
    let username =
        source(path, "username", spec.username_env.as_ref(), spec.username_file.as_ref(), problems);
    let password =
        source(path, "password", spec.password_env.as_ref(), spec.password_file.as_ref(), problems);
    let (username, password) = match (&spec.secret_ref, username, password) {
        (Some(secret), None, None) => (
            Secret::File(SecretField::KafkaLogin.file(&secret.username_key)),
            Secret::File(SecretField::KafkaLogin.file(&secret.password_key)),
        ),
        (None, Some(username), Some(password)) => (username, password),
        (Some(_), ..) => {
            problems.add(
                path,
                "names the login twice",
                "give secretRef in Kubernetes, variables or files elsewhere",
            );
            return None;
        }
        (None, ..) => {
            problems.add(
                path,
                "does not say where user name and password are",
                "give secretRef, or usernameEnv or usernameFile and passwordEnv or passwordFile",
            );
            return None;
        }
    };
    Some(Login { mechanism: spec.mechanism, username, password })
}

/// Reads where a secret is: `<what>Env` or `<what>File`, not both.
///
/// An invalid source still counts as one, so that it is reported only once.
pub(super) fn source(
    path: &str,
    what: &str,
    variable: Option<&String>,
    file: Option<&String>,
    problems: &mut Problems,
) -> Option<Secret> {
    if variable.is_some() && file.is_some() {
        problems.add(path, format!("gives both {what}Env and {what}File"), "remove one of them");
    }
    if let Some(name) = variable {
        if !is_variable(name) {
            problems.add(
                format!("{path}.{what}Env"),
                format!("\"{name}\" cannot name an environment variable"),
                "write its bare name, of letters, digits and _",
            );
        }
        return Some(Secret::Env(name.to_owned()));
    }
    file.map(|file| Secret::File(file.into()))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
