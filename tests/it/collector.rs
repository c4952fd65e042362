//! A collector for OTLP over HTTP that keeps what it receives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use serde_json::Value;

use super::eventually::eventually;
use super::kafka::WAIT_TIMEOUT;

/// A request as received.
pub struct Request {
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    message: Value,
}

/// A span with the description of its process.
#[derive(Debug, Clone)]
pub struct Seen {
    span: Value,
    pub resource: BTreeMap<String, String>,
}

/// A running collector, which ends with the test process.
pub struct Collector {
    scheme: &'static str,
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Collector {
    pub fn start() -> Self {
        Self::listen("http", serve)
    }

    /// Starts a collector that serves TLS with the certificate in these PEM files.
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let mut tls = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("TLS");
        tls.set_certificate_chain_file(certificate).expect("a certificate");
        tls.set_private_key_file(key, SslFiletype::PEM).expect("its key");
        let tls = tls.build();
        Self::listen("https", move |stream, kept| {
            // A client that does not trust the certificate disconnects.
            if let Ok(stream) = tls.accept(stream) {
                serve(stream, kept);
            }
        })
    }

    fn listen(
        scheme: &'static str,
        serve: impl Fn(TcpStream, &Mutex<Vec<Request>>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let requests = Arc::default();
        let (kept, serve) = (Arc::clone(&requests), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, serve) = (Arc::clone(&kept), Arc::clone(&serve));
                thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { scheme, port, requests }
    }

    /// Returns its base URL.
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.port)
    }

    pub fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all spans so far.
    pub fn spans(&self) -> Vec<Seen> {
        let requests = self.requests();
        let resources = requests.iter().flat_map(|request| list(&request.message["resourceSpans"]));
        let seen = resources.flat_map(|resource| {
            let about = texts(&resource["resource"]["attributes"]);
            let spans =
                list(&resource["scopeSpans"]).iter().flat_map(|scope| list(&scope["spans"]));
            spans.map(move |span| Seen { span: span.clone(), resource: about.clone() })
        });
        seen.collect()
    }

    /// Waits until it has received `count` spans of this name, and returns them.
    pub fn has(&self, name: &str, count: usize) -> Vec<Seen> {
        eventually(&format!("{count} spans {name:?}"), WAIT_TIMEOUT, || {
            let mut spans = self.spans();
            spans.retain(|seen| seen.name() == name);
            (spans.len() >= count).then_some(spans)
        })
    }
}

impl Seen {
    pub fn attributes(&self) -> BTreeMap<String, String> {
        texts(&self.span["attributes"])
    }

    /// Returns a text field.
    #[track_caller]
    pub fn text(&self, field: &str) -> &str {
        self.span[field].as_str().unwrap_or_else(|| panic!("no text {field} in {}", self.span))
    }

    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// Returns when it began and when it ended, in nanoseconds.
    pub fn time(&self) -> [u64; 2] {
        ["startTimeUnixNano", "endTimeUnixNano"]
            .map(|field| self.text(field).parse().expect("a number of nanoseconds"))
    }

    /// Returns its position in its trace, as a `traceparent` with the sampled flag.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.text("traceId"), self.text("spanId"))
    }

    /// Returns its parent's position in the trace, if it has a parent.
    pub fn parent(&self) -> Option<String> {
        let parent = self.span.get("parentSpanId")?.as_str()?;
        Some(format!("00-{}-{parent}-01", self.text("traceId")))
    }

    pub fn is_producer(&self) -> bool {
        self.span["kind"] == 4
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn texts(attributes: &Value) -> BTreeMap<String, String> {
    let text = |attribute: &Value| {
        let name = attribute["key"].as_str().expect("a name").to_owned();
        let value = attribute["value"].as_object().and_then(|value| value.values().next());
        (name, value.and_then(Value::as_str).expect("a text, or a number as one").to_owned())
    };
    list(attributes).iter().map(text).collect()
}

/// Answers requests, one after the other, until the client disconnects.
fn serve(stream: impl Read + Write, kept: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                      content-length: 2\r\n\r\n{}";
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let message = serde_json::from_slice(&body).expect("it is JSON");
    Some(Request { path, headers, message })
}
