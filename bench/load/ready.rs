//! When a system says that it is ready: 200 of `/readyz` on its port, as a kubelet asks.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use crate::machine::{self, Micros};

/// Between two questions, and so how precise the answer is.
const POLL: Duration = Duration::from_millis(10);
/// How long it must stay ready, so that a yes between two steps of a start does not count.
const STAYS: Micros = 1_000_000;
/// A system that starts accepts connections before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

const QUESTION: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Asks on a separate thread until the system has stayed ready, or until it is dropped.
pub(crate) struct Ready(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// 0 until it is ready.
    at: AtomicI64,
    stop: AtomicBool,
}

impl Ready {
    pub(crate) fn watch(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        std::thread::spawn(move || {
            let mut since = Since::default();
            while !theirs.stop.load(Ordering::Relaxed) {
                if let Some(at) = since.answered(ask(port), machine::now()) {
                    return theirs.at.store(at, Ordering::Relaxed);
                }
                std::thread::sleep(POLL);
            }
        });
        Self(shared)
    }

    /// Returns since when it is ready, once it has stayed so for a second.
    pub(crate) fn at(&self) -> Option<Micros> {
        Some(self.0.at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    /// Also when there is none.
    No,
}

/// Since when all answers have been yes.
#[derive(Default)]
struct Since(Option<Micros>);

impl Since {
    /// Takes in an answer, and returns the time of the first yes if it has stayed at that.
    fn answered(&mut self, answer: Answer, now: Micros) -> Option<Micros> {
        if answer == Answer::No {
            self.0 = None;
            return None;
        }
        let since = *self.0.get_or_insert(now);
        (now - since >= STAYS).then_some(since)
    }
}

fn ask(port: u16) -> Answer {
    match status_line(port) {
        Ok(line) if is_ok(&line) => Answer::Yes,
        _ => Answer::No,
    }
}

/// Returns the start of the status line.
fn status_line(port: u16) -> std::io::Result<[u8; 12]> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(QUESTION)?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    // Read to the end: closing it before would reset the connection.
    stream.read_to_end(&mut Vec::new())?;
    Ok(line)
}

fn is_ok(status_line: &[u8]) -> bool {
    status_line.starts_with(b"HTTP/1.") && status_line.ends_with(b" 200")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_system_is_ready_from_the_first_yes_that_no_no_follows_for_a_second() {
        let mut since = Since::default();
        let mut answered = |answer, ms: Micros| since.answered(answer, ms * 1000);
        assert_eq!(answered(Answer::Yes, 100), None);
        assert_eq!(answered(Answer::No, 110), None);
        assert_eq!(answered(Answer::Yes, 200), None);
        assert_eq!(answered(Answer::Yes, 1_199), None);
        assert_eq!(answered(Answer::Yes, 1_200), Some(200_000));
    }

    #[test]
    fn only_a_200_is_a_yes() {
        assert!(is_ok(b"HTTP/1.1 200"));
        assert!(is_ok(b"HTTP/1.0 200"));
        assert!(!is_ok(b"HTTP/1.1 503"));
        assert!(!is_ok(b""));
    }

    #[test]
    fn the_question_is_what_a_kubelet_asks() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let server = std::thread::spawn(move || {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().expect("it asks");
                let mut request = vec![0; QUESTION.len()];
                stream.read_exact(&mut request).expect("a request");
                assert!(request.starts_with(b"GET /readyz HTTP/1.1\r\n"));
                let reply = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(reply.as_bytes()).expect("it listens");
            }
        });
        assert_eq!([ask(port), ask(port)], [Answer::No, Answer::Yes]);
        server.join().expect("it answered both");
    }
}
