//! The HTTP client for a collector.

use std::{collections::HashMap, fmt::Display, fs};

use http_body_util::Full;
use hyper::{
    HeaderMap, Request,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT},
};

use super::{Endpoint, Error};
use crate::http::client::{Client, Trusted};
use rollcall_core::text::plain::sentence;

/// A longer answer cannot come from a collector.
const ANSWER_BYTES_MAX: usize = 1 << 20;

pub(super) struct Http {
    client: Client,
    url: String,
    headers: HeaderMap,
}

impl Http {
    /// Checks certificates against the endpoint's authority, or the system's.
    ///
    /// # Errors
    /// A certificate that cannot be read, or an invalid header.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, Error> {
        let client = |trusted| Client::new(trusted, endpoint.timeout, ANSWER_BYTES_MAX);
        let client = match &endpoint.certificate {
            None => client(Trusted::System)
                .map_err(|failure| Error(format!("TLS cannot be used: {failure}")))?,
            Some(file) => {
                let pem =
                    fs::read_to_string(file).map_err(|error| unusable(file, &sentence(&error)))?;
                client(Trusted::Pem(pem)).map_err(|failure| unusable(file, &failure))?
            }
        };
        let headers = headers(&endpoint.headers)?;
        Ok(Self { client: client.keeping_connections(), url: endpoint.url.clone(), headers })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// Why it was not accepted, as text.
    pub(super) async fn post(&self, body: Vec<u8>) -> Result<(), String> {
        let request = Request::post(&self.url).body(Full::from(body));
        let mut request = request.map_err(|error| error.to_string())?;
        request.headers_mut().clone_from(&self.headers);
        let answer = self.client.send(request).await.map_err(|failure| failure.to_string())?;
        let status = answer.status;
        if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
    }
}

fn headers(given: &HashMap<String, String>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let agent = concat!("rollcall/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in given {
        let (Ok(known), Ok(mut value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
        else {
            // The value is left out: it is a secret.
            return Err(Error(format!(
                "the header {name:?} for the collector is none: write name=value,name=value"
            )));
        };
        value.set_sensitive(true);
        headers.insert(known, value);
    }
    Ok(headers)
}

fn unusable(file: &str, cause: &dyn Display) -> Error {
    Error(format!(
        "OTEL_EXPORTER_OTLP_CERTIFICATE: {file} cannot be used: {cause}: name a PEM file with the \
         certificate authority"
    ))
}
