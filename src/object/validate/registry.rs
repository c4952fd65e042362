//! The part of the object that says how to reach the schema registry.

use std::path::PathBuf;

use hyper::Uri;

use super::connection::source;
use crate::names::Refusal;
use crate::problem::Problems;
use crate::registry::{Registry, RegistryLogin};
use crate::resource::RegistrySpec;
use crate::secret::Secret;
use crate::{SecretField, bounds};

const PATH: &str = "spec.registry";

pub(super) fn registry(spec: Option<&RegistrySpec>, problems: &mut Problems) -> Option<Registry> {
    let spec = spec?;
    let path = format!("{PATH}.urls");
    if spec.urls.is_empty() {
        problems.add(&path, "is empty", "name at least one URL, such as https://registry:8081");
    }
    if spec.urls.len() > bounds::REGISTRY_URLS_MAX as usize {
        let message = format!("lists {} URLs", spec.urls.len());
        problems.add(&path, message, format!("list at most {}", bounds::REGISTRY_URLS_MAX));
    }
    let one =
        |(index, url): (usize, &String)| problems.check(format!("{path}[{index}]"), check_url(url));
    let urls = spec.urls.iter().enumerate().filter_map(one).collect();
    let ca = spec.ca_secret_ref.as_ref().map(|secret| SecretField::RegistryCa.file(&secret.key));
    if ca.is_some() && spec.ca_file.is_some() {
        problems.add(
            PATH,
            "names the certificate authority twice",
            "give caSecretRef in Kubernetes, caFile elsewhere",
        );
    }
    Some(Registry {
        urls,
        login: login(spec, problems),
        ca_file: ca.or_else(|| spec.ca_file.as_ref().map(PathBuf::from)),
    })
}

fn login(spec: &RegistrySpec, problems: &mut Problems) -> Option<RegistryLogin> {
    let mut read = |what, variable: &Option<String>, file: &Option<String>| {
        source(PATH, what, variable.as_ref(), file.as_ref(), problems)
    };
    let username = read("username", &spec.username_env, &spec.username_file);
    let password = read("password", &spec.password_env, &spec.password_file);
    let token = read("token", &spec.token_env, &spec.token_file);
    let mounted_token = spec.token_secret_ref.as_ref();
    let mounted_token =
        mounted_token.map(|secret| Secret::File(SecretField::RegistryToken.file(&secret.key)));
    let mounted = spec.secret_ref.as_ref().map(|secret| {
        let file = |key| Secret::File(SecretField::RegistryLogin.file(key));
        (file(&secret.username_key), file(&secret.password_key))
    });
    let is_one_of_two = username.is_some() != password.is_some();
    let given = match (username, password) {
        (Some(username), Some(password)) => Some((username, password)),
        _ => None,
    };
    let ways = [mounted.is_some(), given.is_some(), mounted_token.is_some(), token.is_some()];
    if is_one_of_two {
        problems.add(
            PATH,
            "user name and password belong together",
            "give usernameEnv or usernameFile and passwordEnv or passwordFile",
        );
    } else if ways.into_iter().filter(|is_given| *is_given).count() > 1 {
        problems.add(
            PATH,
            "names the login twice",
            "give one of secretRef, tokenSecretRef, a user name with a password, and a token",
        );
    }
    let password = |(username, password)| RegistryLogin::Password { username, password };
    let token = mounted_token.or(token).map(RegistryLogin::Token);
    mounted.or(given).map(password).or(token)
}

fn check_url(text: &str) -> Result<Uri, Refusal> {
    let refusal = |message: String, remedy: &str| Err((message, remedy.to_owned()));
    let example = "write such as https://registry:8081";
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        // Not repeated: it may hold a secret.
        return refusal(
            "holds a user name or a password".to_owned(),
            "remove what stands before the @; user name and password have their own fields",
        );
    }
    let Ok(uri) = text.trim_end_matches('/').parse::<Uri>() else {
        return refusal(format!("\"{text}\" is not a URL"), example);
    };
    if uri.host().is_none_or(str::is_empty) {
        return refusal(format!("\"{text}\" names no host"), example);
    }
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return refusal(format!("\"{text}\" is neither https nor http"), example);
    }
    if text.contains(['#', '?']) {
        return refusal(
            format!("\"{text}\" has more than a path"),
            "remove the ? or # and the rest",
        );
    }
    Ok(uri)
}
