//! Files from Secrets are where the processes in pods look for them.

use serde_json::Value;

use super::*;
use rollcall_object::{RegistryLogin, Sasl};

#[test]
fn secrets_are_mounted_where_a_worker_looks_for_them() {
    let mut object = object("");
    let kafka = "{ bootstrapServers: k, \
                 tls: { caSecretRef: { name: ca }, certificateSecretRef: { name: me } }, \
                 sasl: { mechanism: PLAIN, secretRef: { name: login, passwordKey: pw } } }";
    object.spec.kafka = serde_yaml::from_str(kafka).expect("a connection");
    let tracing = "{ endpoint: 'http://collector:4318', headersSecretRef: { name: otlp } }";
    object.spec.tracing = serde_yaml::from_str(tracing).expect("a collector");
    let settings = rollcall_object::parse(&config(&valid(&object))).expect("a valid object");
    let files = files(&serde_json::to_value(template(&object).spec).expect("plain data"));
    let tls = settings.kafka.tls.expect("TLS");
    let certificate = tls.certificate.expect("a certificate");
    let Some(Sasl::Password(login)) = settings.kafka.sasl else { panic!("no login") };
    for wanted in [
        tls.ca_file.expect("an authority").display().to_string(),
        certificate.certificate_file.display().to_string(),
        certificate.key_file.display().to_string(),
        login.username.to_string().replace("file ", ""),
        login.password.to_string().replace("file ", ""),
        settings.tracing.headers.expect("headers").to_string().replace("file ", ""),
    ] {
        assert!(files.contains(&wanted), "{wanted} is not in {files:?}");
    }
}

#[test]
fn the_client_of_a_token_endpoint_is_mounted_too() {
    let mut object = object("");
    let kafka = "{ bootstrapServers: k, sasl: { mechanism: OAUTHBEARER, oauth: { \
                 tokenEndpoint: 'https://login/t', secretRef: { name: client }, \
                 caSecretRef: { name: ca } } } }";
    object.spec.kafka = serde_yaml::from_str(kafka).expect("a connection");
    let settings = rollcall_object::parse(&config(&valid(&object))).expect("a valid object");
    let Some(Sasl::Token(oauth)) = settings.kafka.sasl else { panic!("no tokens") };
    let files = files(&serde_json::to_value(template(&object).spec).expect("plain data"));
    for wanted in [
        oauth.client_id.to_string().replace("file ", ""),
        oauth.client_secret.to_string().replace("file ", ""),
        oauth.ca_file.expect("an authority").display().to_string(),
    ] {
        assert!(files.contains(&wanted), "{wanted} is not in {files:?}");
    }
}

#[test]
fn workers_and_console_log_in_to_the_schema_registry() {
    let mut object = object("  console: {}\n");
    let registry = "{ urls: ['https://registry:8081'], secretRef: { name: login }, \
                    caSecretRef: { name: ca } }";
    object.spec.registry = serde_yaml::from_str(registry).expect("a registry");
    let settings = rollcall_object::parse(&config(&valid(&object))).expect("a valid object");
    let registry = settings.registry.expect("the file names it");
    let Some(RegistryLogin::Password { username, password }) = registry.login else {
        panic!("no login")
    };
    let children = built(&object);
    for (kind, name) in [("StatefulSet", "shipping"), ("Deployment", "shipping-console")] {
        let files = files(&child(&children, kind, name)["spec"]["template"]["spec"]);
        for wanted in [
            username.to_string().replace("file ", ""),
            password.to_string().replace("file ", ""),
            registry.ca_file.as_ref().expect("an authority").display().to_string(),
        ] {
            assert!(files.contains(&wanted), "{wanted} is not in {files:?} of {name}");
        }
    }
}

#[test]
fn the_console_logs_in_as_workers_do() {
    let mut object = object("  console: { tokenSecretRef: { name: t } }\n");
    let kafka = "{ bootstrapServers: k, tls: { caSecretRef: { name: ca } }, \
                 sasl: { mechanism: PLAIN, secretRef: { name: login } } }";
    object.spec.kafka = serde_yaml::from_str(kafka).expect("a connection");
    let console = child(&built(&object), "Deployment", "shipping-console");
    let workers = serde_json::to_value(template(&object).spec).expect("plain data");
    let mut wanted = files(&workers);
    wanted.push("/etc/rollcall/secrets/console-token/token".to_owned());
    assert_eq!(files(&console["spec"]["template"]["spec"]), wanted);
}

/// Returns a pod's files from Secrets, by their full paths.
fn files(pod: &Value) -> Vec<String> {
    let volumes = pod["volumes"].as_array().expect("volumes");
    let mounts = pod["containers"][0]["volumeMounts"].as_array().expect("mounts");
    let mut files = Vec::new();
    for volume in volumes.iter().filter(|volume| volume["secret"] != Value::Null) {
        let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]).expect("a mount");
        for item in volume["secret"]["items"].as_array().expect("items") {
            let path = mount["mountPath"].as_str().expect("a path");
            files.push(format!("{path}/{}", item["path"].as_str().expect("a path")));
        }
    }
    files
}
