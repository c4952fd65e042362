//! The way to a collector: HTTP, with the TLS that Kafka's client uses as well.

use std::{collections::HashMap, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};
use hyper_openssl::client::legacy::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use openssl::ssl::{SslConnector, SslMethod};

use super::Endpoint;
use crate::shard::{Error, Result};

/// A collector that has more to say is none.
const ANSWER_BYTES_MAX: usize = 1 << 20;

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(super) struct Http {
    inner: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    headers: HeaderMap,
    timeout: Duration,
}

impl Http {
    /// Certificates are checked against the authorities of the endpoint, or the system's.
    ///
    /// # Errors
    /// A certificate that cannot be read, or a header that is none.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self> {
        let mut tls =
            SslConnector::builder(SslMethod::tls_client()).map_err(|error| refused(&error))?;
        if let Some(file) = &endpoint.certificate {
            tls.set_ca_file(file).map_err(|error| {
                Error::Misconfigured(format!(
                    "OTEL_EXPORTER_OTLP_CERTIFICATE: {file} cannot be used: {error}: name a PEM \
                     file with the certificate authority"
                ))
            })?;
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector =
            HttpsConnector::with_connector(tcp, tls).map_err(|error| refused(&error))?;
        let inner = Client::builder(TokioExecutor::new()).build(connector);
        let headers = headers(&endpoint.headers)?;
        Ok(Self { inner, url: endpoint.url.clone(), headers, timeout: endpoint.timeout })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Why it was not taken, in words.
    pub(super) async fn post(&self, body: Vec<u8>) -> std::result::Result<(), String> {
        match tokio::time::timeout(self.timeout, self.send(body)).await {
            Ok(sent) => sent.map_err(|error| whole(&*error)),
            Err(_) => Err(format!("no answer within {:?}", self.timeout)),
        }
    }

    async fn send(&self, body: Vec<u8>) -> std::result::Result<(), Failure> {
        let mut request =
            Request::builder().method(Method::POST).uri(&self.url).body(Full::from(body))?;
        request.headers_mut().clone_from(&self.headers);
        let response = self.inner.request(request).await?;
        let status = response.status();
        // Read to its end, so that the connection serves the next request.
        Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?;
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}").into()) }
    }
}

fn headers(given: &HashMap<String, String>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let agent = concat!("rollcall/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in given {
        let (Ok(known), Ok(mut value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
        else {
            // Not the value: it is a secret.
            return Err(Error::Misconfigured(format!(
                "the header {name:?} for the collector is none: write name=value,name=value"
            )));
        };
        value.set_sensitive(true);
        headers.insert(known, value);
    }
    Ok(headers)
}

fn refused(error: &openssl::error::ErrorStack) -> Error {
    Error::Misconfigured(format!("TLS cannot be used: {error}"))
}

/// Returns what an error says, with what is behind it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
