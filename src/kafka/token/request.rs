//! Requests a token from an OAuth 2.0 server by client credentials (RFC 6749, section 4.4).

use std::{collections::BTreeMap, time::Duration};

use http_body_util::Full;
use hyper::{Request as HttpRequest, StatusCode, Uri, body::Bytes, header};

use super::answer;
use crate::native::Token;
use rollcall_core::text::escape::url;
use rollcall_object::secret::SecretError;
use rollcall_service::http::client::{self, Answer, Client, Failure, Trusted};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Tokens that list many groups take some ten thousand bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// A request for a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// With the scheme `http` or `https`, and a host.
    pub endpoint: Uri,
    pub client_id: String,
    pub client_secret: String,
    pub scope: Option<String>,
    pub audience: Option<String>,
    /// What brokers require besides the token.
    pub extensions: BTreeMap<String, String>,
    /// The certificate authorities to trust; `None` for those of the system.
    pub ca_pem: Option<String>,
}

/// Why there is no token, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "no token from {endpoint}: {cause}: check spec.kafka.sasl.oauth.tokenEndpoint, the server \
         and the network"
    )]
    Unreachable { endpoint: String, cause: String },
    #[error(
        "no TLS connection to {endpoint}: {cause}: check the server's certificate, and caSecretRef \
         or caFile of spec.kafka.sasl.oauth"
    )]
    Tls { endpoint: String, cause: String },
    #[error(
        "{endpoint} refuses a token: {answer}: check the client id and the client secret, scope \
         and audience of spec.kafka.sasl.oauth"
    )]
    Refused { endpoint: String, answer: String },
    #[error(
        "{endpoint} answers without a token: {answer}: check that \
         spec.kafka.sasl.oauth.tokenEndpoint is the token endpoint of an OAuth 2.0 server"
    )]
    NoToken { endpoint: String, answer: String },
    #[error("the Kafka client does not take the token: {0}")]
    Unusable(String),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Refusal {
    /// Returns the reason as one word, for conditions and responses.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Tls { .. } => "TokenEndpointUnreachable",
            Self::Refused { .. } | Self::NoToken { .. } | Self::Unusable(_) => "TokenRefused",
            Self::Secret(_) => "Misconfigured",
        }
    }

    fn of(failure: &Failure, endpoint: &Uri) -> Self {
        let (endpoint, cause) = (endpoint.to_string(), failure.to_string());
        match failure {
            Failure::Tls(_) => Self::Tls { endpoint, cause },
            Failure::TimedOut(_)
            | Failure::Unreachable(_)
            | Failure::NotHttp(_)
            | Failure::TooLarge(_) => Self::Unreachable { endpoint, cause },
        }
    }
}

/// Requests a token, and returns it with how long it is valid. Blocks; must not be called from
/// asynchronous code.
///
/// # Errors
/// Why there is none.
pub fn fetch(request: &Request) -> Result<(Token, Duration), Refusal> {
    let asked = ask(request).map_err(|failure| Refusal::of(&failure, &request.endpoint));
    let Answer { status, body } = asked?;
    let endpoint = request.endpoint.to_string();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Refusal::Unreachable { endpoint, cause: format!("it answers {status}") });
    }
    if !status.is_success() {
        return Err(Refusal::Refused { endpoint, answer: answer::refusal(status, &body) });
    }
    let given = answer::token(&body).map_err(|answer| Refusal::NoToken { endpoint, answer })?;
    let token = Token {
        value: given.access_token,
        principal: request.client_id.clone(),
        extensions: request.extensions.clone().into_iter().collect(),
        lifetime: given.lifetime,
    };
    Ok((token, given.lifetime))
}

fn ask(request: &Request) -> Result<Answer, Failure> {
    let trusted = request.ca_pem.clone().map_or(Trusted::System, Trusted::Pem);
    let client = Client::new(trusted, REQUEST_TIMEOUT, ANSWER_BYTES_MAX)?;
    client::wait(client.send(question(request)))
}

fn question(request: &Request) -> HttpRequest<Full<Bytes>> {
    HttpRequest::post(request.endpoint.clone())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, authorization(request))
        .body(Full::from(form(request)))
        .expect("the URL is one, and base64 fits into a header")
}

fn authorization(request: &Request) -> String {
    let pair = format!("{}:{}", url(&request.client_id), url(&request.client_secret));
    format!("Basic {}", openssl::base64::encode_block(pair.as_bytes()))
}

fn form(request: &Request) -> String {
    let mut form = "grant_type=client_credentials".to_owned();
    for (name, value) in [("scope", &request.scope), ("audience", &request.audience)] {
        if let Some(value) = value {
            form.push_str(&format!("&{name}={}", url(value)));
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            endpoint: "https://login/token".parse().expect("a URL"),
            client_id: "roll call".to_owned(),
            client_secret: "a+b:c~d".to_owned(),
            scope: Some("kafka read".to_owned()),
            audience: None,
            extensions: BTreeMap::new(),
            ca_pem: None,
        }
    }

    #[test]
    fn the_client_shows_itself_as_the_standard_says() {
        let shown = authorization(&request());
        let shown = shown.strip_prefix("Basic ").expect("basic authentication");
        let pair = openssl::base64::decode_block(shown).expect("base64");
        assert_eq!(String::from_utf8(pair).expect("text"), "roll%20call:a%2Bb%3Ac~d");
    }

    #[test]
    fn only_what_is_given_is_asked_for() {
        assert_eq!(form(&request()), "grant_type=client_credentials&scope=kafka%20read");
        let request = Request { scope: None, audience: Some("kafka".to_owned()), ..request() };
        assert_eq!(form(&request), "grant_type=client_credentials&audience=kafka");
    }

    #[test]
    fn trouble_with_tls_has_another_remedy_than_with_the_network() {
        let told = |failure| Refusal::of(&failure, &request().endpoint).to_string();
        let tls = told(Failure::Tls("certificate verify failed".to_owned()));
        assert!(tls.contains("https://login/token: certificate verify failed: "), "{tls}");
        assert!(tls.contains("caSecretRef or caFile"), "{tls}");
        let late = told(Failure::TimedOut(REQUEST_TIMEOUT));
        assert!(late.contains("https://login/token: no answer within 10s: "), "{late}");
        assert!(late.contains("tokenEndpoint, the server and the network"), "{late}");
    }
}
