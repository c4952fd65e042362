//! Bounds on the resources that bad requests can take from a worker and a console.

use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::worker::Worker;

/// Maximum size of a response; the console accepts as much from a worker.
const ANSWER_BYTES_MAX: usize = 8 << 20;

fn console(shop: &Reconciliation, server: &str) -> Worker {
    let file = shop.file();
    let file = file.to_str().expect("the path is UTF-8");
    let console = Worker::serving("console", &["console", "-f", file, "--server", server]);
    console.answers("/healthz", 200, WAIT_TIMEOUT);
    console
}

/// Sends a request and disconnects without waiting for the response.
fn ask_and_leave(console: &Worker, path: &str) {
    let mut stream = TcpStream::connect(console.http()).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", console.http()).expect("it reads");
}

#[test]
fn readers_of_topics_that_nobody_waits_for_take_no_threads() {
    let shop = Reconciliation::new(&Broker::shared(), "readers");
    let console = console(&shop, "127.0.0.1:1");
    let path = format!("/api/topics/{}/records?text=nothing", shop.orders());
    let (before, mut most) = (console.process.threads(), 0);
    for _ in 0..300 {
        ask_and_leave(&console, &path);
        most = most.max(console.process.threads());
    }
    // Two readers at a time, each with a client that has some threads.
    assert!(most < before + 60, "{most} threads after {before}");
    let answered = eventually("somebody who waits is answered", WAIT_TIMEOUT, || {
        console.get(&path).filter(|(status, _)| *status == 200)
    });
    assert!(answered.1.contains("\"complete\":true"), "{}", answered.1);
}

#[test]
fn records_with_headers_beyond_measure_make_no_answer_beyond_measure() {
    let shop = Reconciliation::new(&Broker::shared(), "headers");
    let console = console(&shop, "127.0.0.1:1");
    let names: Vec<String> = (0..20).map(|n| format!("{n}-{}", "\u{1}".repeat(40_000))).collect();
    let headers: Vec<(&str, &str)> = names.iter().map(|name| (&name[..], "x")).collect();
    for n in 0..20 {
        shop.send(&shop.orders(), &format!("k-{n}"), &"\u{2}".repeat(50_000), &headers);
    }
    let path = format!("/api/topics/{}/records?limit=200", shop.orders());
    let page = eventually("all are there", WAIT_TIMEOUT, || {
        let (status, body) = console.get(&path)?;
        assert!(body.len() < ANSWER_BYTES_MAX, "{} bytes", body.len());
        let page: Value = serde_json::from_str(&body).ok().filter(|_| status == 200)?;
        (page["lookedAt"] == 20).then_some(page)
    });
    let record = &page["records"][0];
    assert!(record["valueHex"].as_str().expect("no text").starts_with("0202"), "{record}");
    assert_eq!((&record["valueBytes"], &record["keyHex"]), (&50_000.into(), &Value::Null));
    assert!(record["headersLeftOut"].as_u64() >= Some(10), "{record}");
}
