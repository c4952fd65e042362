//! Exchanges with tiny servers that do what real ones rarely do.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    thread,
};

use openssl::{
    asn1::Asn1Time,
    hash::MessageDigest,
    pkey::{PKey, Private},
    ssl::SslAcceptor,
    x509::extension::SubjectAlternativeName,
};

use super::*;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const BYTES_MAX: usize = 100;
const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

fn listen(host: IpAddr) -> Option<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((host, 0)).ok()?;
    let address = listener.local_addr().expect("a bound listener has an address");
    Some((listener, address))
}

fn listen_locally() -> (TcpListener, String) {
    let (listener, address) = listen(Ipv4Addr::LOCALHOST.into()).expect("loopback has a port");
    (listener, format!("http://{address}/"))
}

/// Reads a request without a body; false at the end of the connection.
fn read_request(stream: &mut impl BufRead) -> bool {
    let lines = stream.lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).count() > 0
}

fn answer(stream: impl Read + Write, text: &str) {
    let mut stream = BufReader::new(stream);
    if read_request(&mut stream) {
        // The client may have closed the connection after reading enough.
        let _ = stream.get_mut().write_all(text.as_bytes());
    }
}

/// Sends a request to a server that gives one answer.
async fn asked(text: &'static str) -> Result<Answer, Failure> {
    let (listener, url) = listen_locally();
    thread::spawn(move || answer(listener.accept().expect("somebody asks").0, text));
    Client::plain(REQUEST_TIMEOUT, BYTES_MAX).get(&url).await
}

#[tokio::test]
async fn an_answer_is_a_status_and_what_was_said() {
    let answer = |status, body: &'static str| Ok(Answer { status, body: body.into() });
    assert_eq!(asked(HELLO).await, answer(StatusCode::OK, "hello"));
    let unwell = "HTTP/1.0 503 Service Unavailable\r\n\r\nno\n";
    assert_eq!(asked(unwell).await, answer(StatusCode::SERVICE_UNAVAILABLE, "no\n"));
    let elsewhere = "HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(asked(elsewhere).await, answer(StatusCode::FOUND, ""));
}

#[tokio::test]
async fn an_answer_is_not_larger_than_it_may_be() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n\
                   0123456789012345678901234567890123456789012345678901234567890123456789\
                   0123456789012345678901234567890";
    assert_eq!(asked(endless).await, Err(Failure::TooLarge(BYTES_MAX)));
}

#[tokio::test]
async fn what_speaks_no_http_is_told_apart() {
    let failure = asked("220 mail ready\r\n").await.expect_err("that is no HTTP");
    assert!(matches!(failure, Failure::NotHttp(_)), "{failure:?}");
    assert!(failure.to_string().starts_with("that is no answer of an HTTP server: "), "{failure}");
}

#[tokio::test]
async fn nobody_there_is_told_with_the_cause() {
    let (listener, url) = listen_locally();
    drop(listener);
    let failure =
        Client::plain(REQUEST_TIMEOUT, BYTES_MAX).get(&url).await.expect_err("nobody listens");
    let told = failure.to_string();
    assert!(told.starts_with("nothing listens there, the connection is refused"), "{told}");
    assert!(matches!(failure, Failure::Unreachable(_)) && !told.contains("os error"), "{told}");
}

#[test]
fn what_does_not_answer_is_not_waited_for() {
    // Connections are accepted by the kernel only.
    let (_listener, url) = listen_locally();
    let patience = Duration::from_millis(50);
    let client = Client::plain(patience, BYTES_MAX);
    assert_eq!(wait(client.get(&url)), Err(Failure::TimedOut(patience)));
}

#[tokio::test]
async fn a_connection_ends_with_its_answer() {
    let (listener, url) = listen_locally();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody asks");
        stream.set_read_timeout(Some(REQUEST_TIMEOUT)).expect("it is a time");
        let mut stream = BufReader::new(stream);
        assert!(read_request(&mut stream));
        stream.get_mut().write_all(HELLO.as_bytes()).expect("somebody reads");
        assert_eq!(stream.read(&mut [0]).expect("the connection ends"), 0);
    });
    let client = Client::plain(REQUEST_TIMEOUT, BYTES_MAX);
    client.get(&url).await.expect("the server answers");
    let ended = tokio::task::spawn_blocking(|| server.join()).await.expect("it is waited for");
    ended.expect("the connection ends though the client lives");
}

#[tokio::test]
async fn a_connection_is_kept_for_those_who_want_it() {
    let (listener, url) = listen_locally();
    // Answers with the number of requests received on the same connection.
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                let mut count = 0;
                while read_request(&mut stream) {
                    count += 1;
                    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{count}");
                    let _ = stream.get_mut().write_all(text.as_bytes());
                }
            });
        }
    });
    let client = Client::plain(REQUEST_TIMEOUT, BYTES_MAX).keeping_connections();
    // The pool gets a connection back a moment after its answer has been read.
    for _ in 0..100 {
        let answer = client.get(&url).await.expect("the server answers");
        if &answer.body[..] == b"2" {
            return;
        }
    }
    panic!("every request has a connection of its own");
}

/// Returns a certificate for `address`, and its key.
fn certificate(address: &str) -> Result<(X509, PKey<Private>), ErrorStack> {
    let key = PKey::generate_ed25519()?;
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_pubkey(&key)?;
    certificate.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    certificate.set_not_after(&*Asn1Time::days_from_now(1)?)?;
    let mut names = SubjectAlternativeName::new();
    let names = names.ip(address).build(&certificate.x509v3_context(None, None))?;
    certificate.append_extension(names)?;
    certificate.sign(&key, MessageDigest::null())?;
    Ok((certificate.build(), key))
}

/// Sends a request to a server at `address` with a certificate for `named`. The client trusts
/// `other`, or else that certificate.
async fn asked_under_tls(
    address: &str,
    named: &str,
    other: Option<&X509>,
) -> Option<Result<Answer, Failure>> {
    let (listener, address) = listen(address.parse().expect("an address"))?;
    let (certificate, key) = certificate(named).expect("OpenSSL makes certificates");
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())
        .expect("OpenSSL has its defaults");
    acceptor.set_certificate(&certificate).expect("it is a certificate");
    acceptor.set_private_key(&key).expect("it is the certificate's");
    let acceptor = acceptor.build();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("somebody asks");
        if let Ok(stream) = acceptor.accept(stream) {
            answer(stream, HELLO);
        }
    });
    let pem = other.unwrap_or(&certificate).to_pem().expect("it is a certificate");
    let trusted = Trusted::Pem(String::from_utf8(pem).expect("PEM is ASCII"));
    let client = Client::new(trusted, REQUEST_TIMEOUT, BYTES_MAX).expect("it is PEM");
    Some(client.get(&format!("https://{address}/")).await)
}

#[tokio::test]
async fn a_certificate_has_to_be_trusted() {
    let (stranger, _) = certificate("127.0.0.1").expect("OpenSSL makes certificates");
    let asked = asked_under_tls("127.0.0.1", "127.0.0.1", Some(&stranger)).await;
    let failure = asked.expect("loopback has a port").expect_err("it is not trusted");
    assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
    let text = failure.to_string();
    assert_eq!(text.matches("certificate verify failed").count(), 1, "{text}");
    assert!(text.ends_with("signed certificate"), "{text}");
}

#[tokio::test]
async fn a_certificate_has_to_be_the_hosts() {
    for (host, other) in [("127.0.0.1", "127.0.0.2"), ("::1", "::2")] {
        // Not every machine has IPv6.
        let Some(answer) = asked_under_tls(host, host, None).await else { continue };
        assert_eq!(&answer.expect("it is the host's").body[..], b"hello");
        let asked = asked_under_tls(host, other, None).await.expect("it had a port before");
        let failure = asked.expect_err("it is not the host's");
        assert!(failure.to_string().contains("certificate verify failed"), "{failure}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_no_network_that_is_down() {
    let (listener, url) = listen_locally();
    thread::spawn(move || answer(listener.accept().expect("somebody asks").0, "no\r\n"));
    let (certificate, _) = certificate("127.0.0.1").expect("OpenSSL makes certificates");
    let pem = String::from_utf8(certificate.to_pem().expect("a certificate")).expect("ASCII");
    let client = Client::new(Trusted::Pem(pem), REQUEST_TIMEOUT, BYTES_MAX).expect("it is PEM");
    let failure = client.get(&url.replace("http:", "https:")).await.expect_err("it has no TLS");
    assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
}

#[test]
fn certificates_have_to_be_some() {
    for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nno PEM\n-----END CERTIFICATE-----\n"] {
        let refused = Client::new(Trusted::Pem(pem.to_owned()), REQUEST_TIMEOUT, BYTES_MAX).err();
        assert!(matches!(refused, Some(Failure::Tls(_))), "{pem}: {refused:?}");
    }
}
