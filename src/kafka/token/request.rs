//! Asks an OAuth 2.0 server for a token by client credentials (RFC 6749, section 4.4).

use std::{collections::BTreeMap, fmt, pin::Pin, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request as HttpRequest, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header,
    rt::{Read, Write},
};
use hyper_openssl::SslStream;
use hyper_util::rt::TokioIo;
use openssl::{
    error::ErrorStack,
    ssl::{Ssl, SslConnector, SslMethod},
    x509::{X509, store::X509StoreBuilder},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;

use super::answer;
use crate::{kafka::native::Token, spec::secret::SecretError};

const PATIENCE: Duration = Duration::from_secs(10);
/// Tokens that list many groups have some ten thousand bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// What stands for itself in a URL and in a form (RFC 3986).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is asked of whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// With the scheme `http` or `https`, and a host.
    pub endpoint: Uri,
    pub client_id: String,
    pub client_secret: String,
    pub scope: Option<String>,
    pub audience: Option<String>,
    /// What brokers want beside the token.
    pub extensions: BTreeMap<String, String>,
    /// Whom to trust; `None` for the system's certificate authorities.
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
    /// Returns why as one word, for conditions and answers.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Tls { .. } => "TokenEndpointUnreachable",
            Self::Refused { .. } | Self::NoToken { .. } | Self::Unusable(_) => "TokenRefused",
            Self::Secret(_) => "Misconfigured",
        }
    }

    fn unreachable(request: &Request, cause: &dyn fmt::Display) -> Self {
        Self::Unreachable { endpoint: request.endpoint.to_string(), cause: cause.to_string() }
    }
}

/// Asks for a token, and returns it with how long it is good for. Blocks; not to be called from
/// asynchronous code.
///
/// # Errors
/// Why there is none.
pub fn fetch(request: &Request) -> Result<(Token, Duration), Refusal> {
    let unreachable = |cause: &dyn fmt::Display| Refusal::unreachable(request, cause);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| unreachable(&error))?;
    let answered = runtime.block_on(async {
        let late = format!("no answer within {PATIENCE:?}");
        tokio::time::timeout(PATIENCE, ask(request)).await.map_err(|_| unreachable(&late))?
    });
    // Looking up a name may hang for longer than anybody waits for it.
    runtime.shutdown_background();
    let (status, body) = answered?;
    let endpoint = request.endpoint.to_string();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(unreachable(&format!("it answers {status}")));
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

async fn ask(request: &Request) -> Result<(StatusCode, Bytes), Refusal> {
    let unreachable = |cause: &dyn fmt::Display| Refusal::unreachable(request, cause);
    let host = request.endpoint.host().unwrap_or_default();
    // An address of version 6 has its brackets in a URL only.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let encrypted = request.endpoint.scheme_str() != Some("http");
    let port = request.endpoint.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await.map_err(|error| unreachable(&error))?;
    let stream = TokioIo::new(stream);
    if !encrypted {
        return exchange(request, stream).await;
    }
    let tls = |cause: &dyn fmt::Display| {
        let endpoint = request.endpoint.to_string();
        Refusal::Tls { endpoint, cause: cause.to_string() }
    };
    let ssl = ssl(request, host).map_err(|error| tls(&error))?;
    let mut stream = Box::pin(SslStream::new(ssl, stream).map_err(|error| tls(&error))?);
    stream.as_mut().connect().await.map_err(|error| tls(&error))?;
    exchange(request, Pin::into_inner(stream)).await
}

fn ssl(request: &Request, host: &str) -> Result<Ssl, ErrorStack> {
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(pem) = &request.ca_pem {
        let mut trusted = X509StoreBuilder::new()?;
        for certificate in X509::stack_from_pem(pem.as_bytes())? {
            trusted.add_cert(certificate)?;
        }
        connector.set_cert_store(trusted.build());
    }
    connector.build().configure()?.into_ssl(host)
}

async fn exchange<S: Read + Write + Unpin>(
    request: &Request,
    stream: S,
) -> Result<(StatusCode, Bytes), Refusal> {
    let unreachable = |cause: &dyn fmt::Display| Refusal::unreachable(request, cause);
    let (mut sender, connection) =
        http1::handshake(stream).await.map_err(|error| unreachable(&error))?;
    let asked = question(request).map_err(|error| unreachable(&error))?;
    let exchange = async {
        let answer = sender.send_request(asked).await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|error| unreachable(&error))?.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        answered = &mut exchange => answered,
        ended = connection => {
            ended.map_err(|error| unreachable(&error))?;
            exchange.await
        }
    }
}

fn question(request: &Request) -> Result<HttpRequest<Full<Bytes>>, hyper::http::Error> {
    let path = request.endpoint.path_and_query().map_or("/", |path| path.as_str());
    let authority = request.endpoint.authority().map_or("", |authority| authority.as_str());
    HttpRequest::post(path)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONNECTION, "close")
        .header(header::AUTHORIZATION, authorization(request))
        .body(Full::new(Bytes::from(form(request))))
}

fn authorization(request: &Request) -> String {
    let pair = format!("{}:{}", encoded(&request.client_id), encoded(&request.client_secret));
    format!("Basic {}", openssl::base64::encode_block(pair.as_bytes()))
}

fn form(request: &Request) -> String {
    let mut form = "grant_type=client_credentials".to_owned();
    for (name, value) in [("scope", &request.scope), ("audience", &request.audience)] {
        if let Some(value) = value {
            form.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    form
}

fn encoded(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(text, ENCODED)
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
}
