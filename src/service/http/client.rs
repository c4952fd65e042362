//! An HTTP client: sends one request and returns its answer, or why there is none.
//!
//! Promise: an exchange ends within its timeout, and an answer is no larger than allowed. Ban: no
//! proxy is used, and no redirect followed.

use std::{
    error::Error,
    io::{self, ErrorKind},
    iter::successors,
    net::IpAddr,
    time::Duration,
};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    header::{CONNECTION, HeaderValue},
};
use hyper_openssl::client::legacy::HttpsConnector;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use openssl::{
    error::ErrorStack,
    ssl::{self, SslConnector, SslMethod},
    x509::{
        X509,
        store::{X509Store, X509StoreBuilder},
    },
};

/// An HTTP client, bounded in time and in the size of an answer.
#[derive(Clone)]
pub struct Client {
    way: Way,
    keeps_connections: bool,
    patience: Duration,
    bytes_max: usize,
}

#[derive(Clone)]
enum Way {
    Plain(legacy::Client<HttpConnector, Full<Bytes>>),
    Tls(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// Which certificates to trust for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trusted {
    /// The system's certificate authorities.
    System,
    /// The certificates in this PEM text, and no others.
    Pem(String),
}

/// An answer, of whatever status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

/// Why there is no answer. The messages end with the causes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// No connection, or it ended too early.
    #[error("{0}")]
    Unreachable(String),
    /// TLS failed: a problem with certificates and not with the network.
    #[error("{0}")]
    Tls(String),
    #[error("that is no answer of an HTTP server: {0}")]
    NotHttp(String),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

impl Client {
    /// Returns a client for `http` and `https`. An exchange takes at most `patience`, and the body
    /// of an answer has at most `bytes_max`.
    ///
    /// Reading the system's certificates takes some 50 ms.
    ///
    /// # Errors
    /// [`Failure::Tls`] when there is no certificate to trust.
    pub fn new(trusted: Trusted, patience: Duration, bytes_max: usize) -> Result<Self, Failure> {
        let inner = legacy::Client::builder(TokioExecutor::new()).build(connector(trusted)?);
        Ok(Self { way: Way::Tls(inner), keeps_connections: false, patience, bytes_max })
    }

    /// Returns a client for `http` only, which is cheap to make.
    pub fn plain(patience: Duration, bytes_max: usize) -> Self {
        let inner = legacy::Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { way: Way::Plain(inner), keeps_connections: false, patience, bytes_max }
    }

    /// Keeps the connection for the next request, for callers that always ask the same server.
    #[must_use]
    pub fn keeping_connections(self) -> Self {
        Self { keeps_connections: true, ..self }
    }

    /// Sends a GET request for `url`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(&self, url: &str) -> Result<Answer, Failure> {
        let request = Request::get(url).body(Full::default());
        self.send(request.map_err(|error| Failure::of(&error))?).await
    }

    /// Sends a request, whose URI must be a complete URL.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        if !self.keeps_connections {
            // Tells the server, and hyper as well: it does not pool such a connection.
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let exchange = tokio::time::timeout(self.patience, self.exchange(request));
        exchange.await.map_err(|_| Failure::TimedOut(self.patience))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let answer = match &self.way {
            Way::Plain(client) => client.request(request),
            Way::Tls(client) => client.request(request),
        };
        // The client's own error says which step failed; its source says why.
        let answer = answer.await.map_err(|error| Failure::of(error.source().unwrap_or(&error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), self.bytes_max).collect().await;
        let body = body.map_err(|error| {
            let too_large = error.is::<LengthLimitError>();
            if too_large { Failure::TooLarge(self.bytes_max) } else { Failure::of(&*error) }
        })?;
        Ok(Answer { status, body: body.to_bytes() })
    }
}

/// Blocks until an exchange ends. Must not be called from asynchronous code.
///
/// # Errors
/// Those of the exchange.
pub fn wait<T>(exchange: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of(&error))?;
    let answered = runtime.block_on(exchange);
    // A name lookup may hang for longer than the timeout.
    runtime.shutdown_background();
    answered
}

fn connector(trusted: Trusted) -> Result<HttpsConnector<HttpConnector>, Failure> {
    let mut tls = SslConnector::builder(SslMethod::tls_client())?;
    if let Trusted::Pem(pem) = trusted {
        tls.set_cert_store(store(&pem)?);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let mut connector = HttpsConnector::with_connector(tcp, tls)?;
    connector.set_callback(|tls, url| {
        // IPv6 addresses have brackets only in a URL: OpenSSL would take a bracketed one for a
        // name.
        if let Some(address) = bracketed(url) {
            tls.set_use_server_name_indication(false);
            tls.set_verify_hostname(false);
            tls.param_mut().set_ip(address)?;
        }
        Ok(())
    });
    Ok(connector)
}

fn bracketed(url: &Uri) -> Option<IpAddr> {
    url.host()?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn store(pem: &str) -> Result<X509Store, Failure> {
    let certificates = X509::stack_from_pem(pem.as_bytes())?;
    if certificates.is_empty() {
        return Err(Failure::Tls("the PEM text holds no certificate".to_owned()));
    }
    let mut store = X509StoreBuilder::new()?;
    for certificate in certificates {
        store.add_cert(certificate)?;
    }
    Ok(store.build())
}

impl From<ErrorStack> for Failure {
    fn from(error: ErrorStack) -> Self {
        Self::Tls(error.to_string())
    }
}

impl Failure {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let of_tls =
            |cause: &(dyn Error + 'static)| cause.is::<ssl::Error>() || cause.is::<ErrorStack>();
        let of_http = |cause: &(dyn Error + 'static)| {
            cause.downcast_ref().is_some_and(hyper::Error::is_parse)
        };
        if chain(error).any(of_tls) {
            Self::Tls(whole(error))
        } else if chain(error).any(of_http) {
            Self::NotHttp(whole(error))
        } else if let Some(sentence) =
            chain(error).find_map(|cause| cause.downcast_ref()).and_then(plain)
        {
            Self::Unreachable(sentence.to_owned())
        } else {
            Self::Unreachable(whole(error))
        }
    }
}

/// Returns what a network error means, and what to check.
pub fn plain(error: &io::Error) -> Option<&'static str> {
    let kind = error.kind();
    // The resolver's errors have no kind of their own.
    let is_lookup = error.to_string().contains("failed to lookup address information");
    Some(match kind {
        _ if is_lookup => "no such name is known: check how it is spelt, and that it exists",
        ErrorKind::ConnectionRefused => {
            "nothing listens there, the connection is refused: check the address, and that the \
             process runs"
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => {
            "the connection was cut before there was an answer: check that the process still runs"
        }
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "no way leads there: check the address, network policies and firewalls"
        }
        _ => return None,
    })
}

/// Returns an error's message with its causes.
fn whole(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in chain(error).skip(1).map(ToString::to_string) {
        // Some errors repeat their cause.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests;
