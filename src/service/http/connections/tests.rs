//! Servers with badly behaved clients: idle, slow, too many, or using another host name.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Ipv6Addr, TcpStream},
    thread,
};

use axum::routing::get;
use tokio::runtime::Runtime;

use super::*;
use crate::http::{listen, runtime};

const LONG: Duration = Duration::from_secs(20);
const LIMITS: Limits = Limits {
    connections: 16,
    request: Duration::from_millis(300),
    work: LONG,
    reading: Patience { stalled: Duration::from_millis(300), whole: Duration::from_millis(900) },
};
const LARGE: usize = 7 << 20;

fn router() -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/large", get(|| async { "x".repeat(LARGE) }))
        .route("/too-large", get(|| async { "x".repeat(9 << 20) }))
        .route("/never", get(std::future::pending::<&str>))
}

/// A server that ends when this is dropped.
struct Served {
    address: SocketAddr,
    server: JoinHandle<()>,
    _runtime: Runtime,
}

fn serving_on(any: &str, limits: Limits) -> Served {
    let runtime = runtime().expect("a thread");
    let (address, server) = runtime.block_on(async {
        let any = any.parse().expect("an address");
        let listener = listen(any).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let hosts = Hosts::new((Ipv4Addr::LOCALHOST, 0).into(), &[]);
        (address, serve_within(limits, listener, router(), hosts))
    });
    Served { address, server, _runtime: runtime }
}

fn serving(limits: Limits) -> Served {
    serving_on("127.0.0.1:0", limits)
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("a time-out above 0");
    stream
}

fn asking(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = connected(address);
    stream.write_all(request.as_bytes()).expect("it is read");
    stream
}

/// Returns everything received until the other side closes the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let began = Instant::now();
    // Some connections end with a reset.
    let _ = stream.read_to_end(&mut bytes);
    assert!(began.elapsed() < LONG, "the connection ends");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn ask(address: SocketAddr, host: &str, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    rest(asking(address, &request))
}

fn assert_answers_probes(address: SocketAddr) {
    let answer = ask(address, "127.0.0.1", "/healthz");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_thousand_idle_connections_keep_no_probe_out() {
    let served = serving(Limits { request: LONG, ..LIMITS });
    let mut idle = Vec::new();
    for n in 0..1_000 {
        // The system's own limit may be small here; a rejected client has closed its connection.
        if n % 250 == 0 {
            idle.clear();
        }
        idle.push(connected(served.address));
        if n % 50 == 0 {
            assert_answers_probes(served.address);
        }
    }
    assert_answers_probes(served.address);
}

#[test]
fn requests_that_take_for_ever_keep_no_probe_out() {
    let served = serving(LIMITS);
    let never = |_| asking(served.address, "GET /never HTTP/1.1\r\nhost: [::1]\r\n\r\n");
    let busy: Vec<TcpStream> = (0..40).map(never).collect();
    assert_answers_probes(served.address);
    let refused = ask(served.address, "localhost", "/never");
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("\"Busy\""), "{refused}");
    drop(busy);
}

#[test]
fn whoever_does_not_ask_or_asks_byte_by_byte_is_not_waited_for() {
    let served = serving(LIMITS);
    assert_eq!(rest(connected(served.address)), "");
    let told = rest(asking(served.address, "GET /healthz HTTP/1.1\r\nx: "));
    assert!(!told.contains("200 OK"), "{told}");
    let kept = asking(served.address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(rest(kept).starts_with("HTTP/1.1 200"), "answered, and closed when idle");
}

#[test]
fn whoever_does_not_read_an_answer_is_not_waited_for() {
    let served = serving(LIMITS);
    let request = "GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let idle = asking(served.address, request);
    let mut slow = asking(served.address, request);
    // Sending a byte now and then does not help.
    for _ in 0..25 {
        let _ = slow.read(&mut [0]);
        thread::sleep(Duration::from_millis(100));
    }
    for stream in [idle, slow] {
        let got = rest(stream).len();
        assert!(got < LARGE, "{got} bytes of an answer that was not read");
    }
    let whole = ask(served.address, "localhost", "/large");
    assert!(whole.len() > LARGE, "{}", whole.len());
    assert!(whole.contains(&format!("content-length: {LARGE}\r\n")));
}

#[test]
fn answers_are_bounded_one_by_one_and_together() {
    let served = serving(Limits { reading: Limits::default().reading, ..LIMITS });
    let refused = ask(served.address, "localhost", "/too-large");
    assert!(refused.starts_with("HTTP/1.1 500") && refused.contains("TooLarge"), "{refused}");
    let request = "GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let unread: Vec<TcpStream> = (0..12).map(|_| asking(served.address, request)).collect();
    let refused = unread.iter().filter(|stream| {
        let (mut stream, mut head) = (*stream, [0_u8; 12]);
        stream.read_exact(&mut head).expect("an answer");
        &head == b"HTTP/1.1 503"
    });
    // 64 MiB are nine such answers.
    assert!(refused.count() >= 1);
}

#[test]
fn a_name_that_is_nobodys_here_is_refused_with_the_remedy() {
    let served = serving(LIMITS);
    let refused = ask(served.address, "evil.example", "/large");
    assert!(refused.starts_with("HTTP/1.1 421") && refused.contains("--allowed-host"), "{refused}");
    assert!(ask(served.address, "evil.example", "/healthz").starts_with("HTTP/1.1 200"));
    let answer = ask(served.address, "localhost:8080", "/healthz");
    for header in ["x-content-type-options: nosniff\r\n", "cache-control: no-store\r\n"] {
        assert!(answer.contains(header), "{answer}");
    }
}

#[test]
fn the_end_of_a_server_is_the_end_of_its_connections() {
    let served = serving(Limits { request: LONG, ..LIMITS });
    let mut stream = asking(served.address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.read_exact(&mut [0]).expect("an answer begins");
    served.server.abort();
    rest(stream);
}

#[test]
fn every_address_is_listened_on() {
    let served = serving_on("[::]:0", LIMITS);
    assert_answers_probes((Ipv4Addr::LOCALHOST, served.address.port()).into());
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert_answers_probes((Ipv6Addr::LOCALHOST, served.address.port()).into());
    }
}
