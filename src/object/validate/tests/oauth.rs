//! Logins with tokens.

use super::problems_with_kafka;

fn problems_with(oauth: &str) -> Vec<String> {
    problems_with_kafka(&format!("sasl: {{ mechanism: OAUTHBEARER, oauth: {{ {oauth} }} }}"))
}

const CLIENT: &str = "secretRef: { name: client }";

#[test]
fn a_token_endpoint_and_a_client_suffice() {
    for endpoint in ["https://login/token", "http://localhost:8080", "https://[::1]/t?x=1"] {
        assert_eq!(problems_with(&format!("tokenEndpoint: '{endpoint}', {CLIENT}")), [""; 0]);
    }
    let elsewhere = "tokenEndpoint: 'https://l/', clientIdEnv: ID, clientSecretFile: /s, \
                     caFile: /ca, scope: a b, audience: c, extensions: { logicalCluster: lkc-1 }";
    assert_eq!(problems_with(elsewhere), [""; 0]);
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let url = "tokenEndpoint: 'https://login/token'";
    for (oauth, problem) in [
        ("tokenEndpoint: login, secretRef: { name: s }", "neither https nor http"),
        ("tokenEndpoint: /token, secretRef: { name: s }", "names no host"),
        ("tokenEndpoint: 'ftp://login/', secretRef: { name: s }", "neither https nor http"),
        ("tokenEndpoint: 'https://a b/', secretRef: { name: s }", "is not a URL"),
        ("tokenEndpoint: 'https://me:pw@a/', secretRef: { name: s }", "remove what stands before"),
        ("tokenEndpoint: 'https://a/#b', secretRef: { name: s }", "has a fragment"),
        (url, "oauth: does not say where client id and client secret are"),
        (format!("{url}, clientIdEnv: A, {CLIENT}").as_str(), "oauth: names the client twice"),
        (format!("{url}, clientIdEnv: A").as_str(), "does not say where client id"),
        (
            format!("{url}, clientIdEnv: A, clientIdFile: a, clientSecretEnv: A").as_str(),
            "both clientId",
        ),
        (
            format!("{url}, {CLIENT}, caFile: a, caSecretRef: {{ name: b }}").as_str(),
            "authority twice",
        ),
        (
            format!("{url}, {CLIENT}, extensions: {{ auth: a }}").as_str(),
            "auth is where the token goes",
        ),
        (format!("{url}, {CLIENT}, extensions: {{ a-b: a }}").as_str(), "extensions[\"a-b\"]"),
        (format!("{url}, {CLIENT}, extensions: {{ a: \u{e4} }}").as_str(), "no visible ASCII"),
    ] {
        let found = problems_with(oauth);
        assert_eq!(found.len(), 1, "{oauth}: {found:?}");
        assert!(found[0].contains(problem), "{oauth}: {found:?}");
        assert!(!found[0].contains("pw@"), "a password is repeated: {found:?}");
    }
}

#[test]
fn a_login_with_tokens_has_no_password() {
    let found = problems_with_kafka(&format!(
        "sasl: {{ mechanism: OAUTHBEARER, usernameEnv: A, oauth: {{ tokenEndpoint: \
         'https://a/', {CLIENT} }} }}"
    ));
    assert_eq!(
        found,
        ["spec.kafka.sasl: gives a user name or a password, which OAUTHBEARER does not use\n    \
          remove them; client id and client secret belong to spec.kafka.sasl.oauth"]
    );
    let found = problems_with_kafka("sasl: { mechanism: OAUTHBEARER }");
    assert_eq!(
        found,
        ["spec.kafka.sasl: does not say where tokens come from\n    \
          give oauth, with tokenEndpoint and secretRef"]
    );
}
