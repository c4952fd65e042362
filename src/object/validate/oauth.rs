//! The part of the object that says where login tokens come from.

use std::path::PathBuf;

use hyper::Uri;

use super::connection::source;
use crate::kafka::Oauth;
use crate::names::Refusal;
use crate::problem::Problems;
use crate::resource::{OauthSpec, SaslSpec};
use crate::secret::Secret;
use crate::{SecretField, bounds};

const PATH: &str = "spec.kafka.sasl.oauth";

/// Reads where tokens come from; `sasl` may not set a user name or a password, too.
pub(super) fn token(
    sasl: &SaslSpec,
    spec: Option<&OauthSpec>,
    problems: &mut Problems,
) -> Option<Oauth> {
    let login = [&sasl.username_env, &sasl.username_file, &sasl.password_env, &sasl.password_file];
    if login.into_iter().any(Option::is_some) || sasl.secret_ref.is_some() {
        problems.add(
            "spec.kafka.sasl",
            "gives a user name or a password, which OAUTHBEARER does not use",
            "remove them; client id and client secret belong to spec.kafka.sasl.oauth",
        );
    }
    let Some(spec) = spec else {
        problems.add(
            "spec.kafka.sasl",
            "does not say where tokens come from",
            "give oauth, with tokenEndpoint and secretRef",
        );
        return None;
    };
    let endpoint =
        problems.check(format!("{PATH}.tokenEndpoint"), check_endpoint(&spec.token_endpoint));
    if spec.extensions.len() > bounds::EXTENSIONS_MAX as usize {
        problems.add(
            format!("{PATH}.extensions"),
            format!("holds {} extensions", spec.extensions.len()),
            format!("give at most {}", bounds::EXTENSIONS_MAX),
        );
    }
    for (name, value) in &spec.extensions {
        problems.check(format!("{PATH}.extensions[\"{name}\"]"), check_extension(name, value));
    }
    let ca_mounted =
        spec.ca_secret_ref.as_ref().map(|secret| SecretField::OauthCa.file(&secret.key));
    if ca_mounted.is_some() && spec.ca_file.is_some() {
        problems.add(
            PATH,
            "names the certificate authority twice",
            "give caSecretRef in Kubernetes, caFile elsewhere",
        );
    }
    let (client_id, client_secret) = client(spec, problems)?;
    Some(Oauth {
        token_endpoint: endpoint?,
        scope: spec.scope.clone(),
        audience: spec.audience.clone(),
        extensions: spec.extensions.clone(),
        client_id,
        client_secret,
        ca_file: ca_mounted.or_else(|| spec.ca_file.as_ref().map(PathBuf::from)),
    })
}

/// Reads where the client id and the client secret are.
fn client(spec: &OauthSpec, problems: &mut Problems) -> Option<(Secret, Secret)> {
    let id = source(
        PATH,
        "clientId",
        spec.client_id_env.as_ref(),
        spec.client_id_file.as_ref(),
        problems,
    );
    let secret = source(
        PATH,
        "clientSecret",
        spec.client_secret_env.as_ref(),
        spec.client_secret_file.as_ref(),
        problems,
    );
    match (&spec.secret_ref, id, secret) {
        (Some(mounted), None, None) => Some((
            Secret::File(SecretField::OauthClient.file(&mounted.client_id_key)),
            Secret::File(SecretField::OauthClient.file(&mounted.client_secret_key)),
        )),
        (None, Some(id), Some(secret)) => Some((id, secret)),
        (Some(_), ..) => {
            problems.add(
                PATH,
                "names the client twice",
                "give secretRef in Kubernetes, variables or files elsewhere",
            );
            None
        }
        (None, ..) => {
            problems.add(
                PATH,
                "does not say where client id and client secret are",
                "give secretRef, or clientIdEnv or clientIdFile and clientSecretEnv or \
                 clientSecretFile",
            );
            None
        }
    }
}

fn check_endpoint(text: &str) -> Result<Uri, Refusal> {
    let refusal = |message: String, remedy: &str| Err((message, remedy.to_owned()));
    let example = "write such as https://login.example.com/oauth2/token";
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        // Not repeated: it may hold a secret.
        return refusal(
            "holds a user name or a password".to_owned(),
            "remove what stands before the @; client id and client secret have their own fields",
        );
    }
    let Ok(uri) = text.parse::<Uri>() else {
        return refusal(format!("\"{text}\" is not a URL"), example);
    };
    if uri.host().is_none_or(str::is_empty) {
        return refusal(format!("\"{text}\" names no host"), example);
    }
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return refusal(format!("\"{text}\" is neither https nor http"), example);
    }
    if text.contains('#') {
        return refusal(format!("\"{text}\" has a fragment"), "remove the # and what follows it");
    }
    Ok(uri)
}

/// Checks an extension by RFC 7628.
fn check_extension(name: &str, value: &str) -> Result<(), Refusal> {
    if name == "auth" {
        return Err((
            "auth is where the token goes".to_owned(),
            "remove it; Rollcall puts the token there".to_owned(),
        ));
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err((
            format!("\"{name}\" cannot name an extension"),
            "use letters a-z and A-Z only".to_owned(),
        ));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err((
            "its value holds what is no visible ASCII character".to_owned(),
            "use visible ASCII characters and spaces".to_owned(),
        ));
    }
    Ok(())
}
