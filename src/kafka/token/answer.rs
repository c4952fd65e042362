//! Parses the response of an OAuth 2.0 server; pure.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// How long a token is assumed to be valid if the response does not say.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(300);
/// Tokens are renewed at least this often, whatever the server says.
const LIFETIME_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How much of a response is quoted in a message.
const REPEATED_CHARACTERS_MAX: usize = 300;

/// A token and how long it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub access_token: String,
    pub lifetime: Duration,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: Option<String>,
    error_description: Option<String>,
}

/// Parses the response to a request that succeeded.
///
/// # Errors
/// What the response contains instead of a token.
pub(super) fn token(body: &[u8]) -> Result<Given, String> {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        // Not quoted: it may contain a token all the same.
        return Err("no JSON object".to_owned());
    };
    let Some(access_token) = answer.access_token.filter(|token| !token.is_empty()) else {
        return Err("no access_token".to_owned());
    };
    if let Some(other) = answer.token_type.filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(format!("a token of type {}", shortened(&other)));
    }
    let lifetime = match answer.expires_in.as_ref().map(seconds) {
        None => LIFETIME_DEFAULT,
        Some(Some(seconds)) if seconds > 0 => Duration::from_secs(seconds).min(LIFETIME_MAX),
        Some(_) => return Err("a token that expires at once".to_owned()),
    };
    Ok(Given { access_token, lifetime })
}

/// Some servers write the number as text.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Returns the server's explanation for a rejected request.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> String {
    let said = serde_json::from_slice::<ErrorAnswer>(body).ok();
    let said = said.map(|said| [said.error, said.error_description].into_iter().flatten());
    let said: Vec<String> = said.into_iter().flatten().collect();
    if said.is_empty() {
        status.to_string()
    } else {
        shortened(&format!("{status}, {}", said.join(": ")))
    }
}

fn shortened(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(REPEATED_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_with_how_long_it_is_good_for() {
        let given = |text: &str| token(text.as_bytes()).expect("a token");
        let full = given(r#"{"access_token":"t","token_type":"Bearer","expires_in":3600,"x":1}"#);
        assert_eq!(full.access_token, "t");
        assert_eq!(full.lifetime, Duration::from_secs(3_600));
        let text = given(r#"{"access_token":"t","expires_in":"60"}"#);
        assert_eq!(text.lifetime, Duration::from_secs(60));
        assert_eq!(given(r#"{"access_token":"t"}"#).lifetime, LIFETIME_DEFAULT);
        let long = given(r#"{"access_token":"t","expires_in":18446744073709551615}"#);
        assert_eq!(long.lifetime, LIFETIME_MAX);
    }

    #[test]
    fn what_is_no_token_is_told_without_repeating_it() {
        for (body, told) in [
            ("<html>secret</html>", "no JSON object"),
            ("{}", "no access_token"),
            (r#"{"access_token":""}"#, "no access_token"),
            (r#"{"access_token":"t","token_type":"mac"}"#, "of type mac"),
            (r#"{"access_token":"t","expires_in":0}"#, "expires at once"),
            (r#"{"access_token":"t","expires_in":-1}"#, "expires at once"),
        ] {
            let refused = token(body.as_bytes()).expect_err(body);
            assert!(refused.contains(told) && !refused.contains("secret"), "{body}: {refused}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let body = br#"{"error":"invalid_client","error_description":"no\nsuch client"}"#;
        let told = refusal(StatusCode::UNAUTHORIZED, body);
        assert_eq!(told, "401 Unauthorized, invalid_client: no such client");
        assert_eq!(refusal(StatusCode::NOT_FOUND, b"<html>"), "404 Not Found");
    }
}
