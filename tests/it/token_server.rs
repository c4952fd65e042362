//! A token endpoint like that of an OAuth 2.0 server, over TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::base64;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use serde_json::{Value, json};

use super::eventually::eventually;
use super::kafka::WAIT_TIMEOUT;

pub const CLIENT_ID: &str = "rollcall";
pub const CLIENT_SECRET: &str = "open+sesame";
const IO_TIMEOUT: Duration = Duration::from_secs(5);

/// Issues unsigned tokens until it is stopped or dropped.
pub struct TokenServer {
    port: u16,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    lifetime_seconds: u64,
    /// Issued instead of a valid token unless it is null.
    token: Value,
    given: usize,
    asked: String,
}

impl TokenServer {
    /// Starts it, with the certificate `broker.crt` and its key in `pki`.
    pub fn start(pki: &Path, port: u16) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())
            .expect("OpenSSL has its defaults");
        let file = |name: &str| pki.join(name);
        acceptor.set_private_key_file(file("broker.key"), SslFiletype::PEM).expect("a key");
        acceptor.set_certificate_chain_file(file("broker.crt")).expect("a certificate");
        let acceptor = acceptor.build();
        let listener = TcpListener::bind(("localhost", port)).expect("the port is free");
        let state =
            State { lifetime_seconds: 3_600, token: Value::Null, given: 0, asked: String::new() };
        let state = Arc::new(Mutex::new(state));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // A client that disconnects, such as one that does not trust the certificate, is no
                // error here.
                let _ = answer(&acceptor, stream, &shared);
            }
        });
        Self { port, state, stop, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/token", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns how many tokens it has issued.
    pub fn given(&self) -> usize {
        self.state().given
    }

    /// Waits until it has issued `count` tokens.
    pub fn await_given(&self, count: usize) {
        eventually(&format!("{count} tokens are given"), WAIT_TIMEOUT, || {
            (self.given() >= count).then_some(())
        });
    }

    /// Returns the last request: its first line and its body.
    pub fn asked(&self) -> String {
        self.state().asked.clone()
    }

    pub fn set_lifetime(&self, seconds: u64) {
        self.state().lifetime_seconds = seconds;
    }

    /// Issues this token from now on; null for valid ones.
    pub fn set_token(&self, token: Value) {
        self.state().token = token;
    }

    /// Stops answering and releases the port.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes it up.
        let _ = TcpStream::connect(("localhost", self.port));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under this lock")
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn answer(
    acceptor: &SslAcceptor,
    stream: TcpStream,
    state: &Mutex<State>,
) -> Result<(), Box<dyn std::error::Error>> {
    stream.set_read_timeout(Some(IO_TIMEOUT))?;
    let mut stream = BufReader::new(acceptor.accept(stream)?);
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse()?;
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                value.clone_into(&mut authorization);
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let mut state = state.lock().expect("nothing panics under this lock");
    state.asked = format!("{}\n{}", first.trim(), String::from_utf8(body)?);
    let expected = format!("{CLIENT_ID}:{}", CLIENT_SECRET.replace('+', "%2B"));
    let (status, body) =
        if authorization == format!("Basic {}", base64::encode_block(expected.as_bytes())) {
            state.given += 1;
            ("200 OK", given(&state))
        } else {
            let said = json!({"error": "invalid_client", "error_description": "who are you?"});
            ("401 Unauthorized", said.to_string())
        };
    let length = body.len();
    write!(
        stream.get_mut(),
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    stream.get_mut().shutdown()?;
    Ok(())
}

fn given(state: &State) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    let claims = json!({
        "sub": CLIENT_ID,
        "iat": now.as_secs(),
        "exp": now.as_secs() + state.lifetime_seconds,
    });
    let token = match &state.token {
        Value::Null => format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims)).into(),
        other => other.clone(),
    };
    json!({"access_token": token, "token_type": "Bearer", "expires_in": state.lifetime_seconds})
        .to_string()
}

/// Encodes a part of a token as base64url.
fn part(value: &Value) -> String {
    let text = base64::encode_block(value.to_string().as_bytes());
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}
