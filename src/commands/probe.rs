//! `rollcall probe`: asks a probe's address, where an image has no curl to do so.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

/// Enough for a busy machine, and less than what asks gives this program.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No answer of a probe is longer.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Ask a worker or the operator how it is; fails unless the answer is 200
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to ask, such as http://localhost:8080/readyz
    url: String,
}

/// Prints the answer.
pub fn run(args: Args) -> ExitCode {
    let Args { url } = args;
    match ask(&url) {
        Ok((200, body)) => {
            println!("{}", body.trim_end());
            ExitCode::SUCCESS
        }
        Ok((status, body)) => {
            eprintln!("error: {url} answers {status}: {}", body.trim_end());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {url}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the status and what was said with it.
fn ask(url: &str) -> io::Result<(u16, String)> {
    let (host, path) = parts(url).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "write it as http://host:port/path")
    })?;
    let mut stream = connect(host)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let status = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("that is no answer of an HTTP server"))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}

/// Returns host with port, and path.
fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (_, port) = host.rsplit_once(':')?;
    port.parse::<u16>().ok().map(|_| (host, path))
}

/// Connects to the first address that answers.
fn connect(host: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Returns the address of a server that gives one answer.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the probe connects");
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            (&stream).write_all(answer.as_bytes()).expect("the probe reads");
        });
        format!("http://{address}/readyz")
    }

    #[test]
    fn the_answer_is_its_status_and_what_was_said() {
        let url = server("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nno\n");
        assert_eq!(ask(&url).expect("the server answers"), (503, "no\n".to_owned()));
        let url = server("HTTP/1.0 200 OK\r\n\r\nok\n");
        assert_eq!(ask(&url).expect("the server answers"), (200, "ok\n".to_owned()));
    }

    #[test]
    fn what_is_no_http_server_is_an_error() {
        let error = ask(&server("220 mail ready\r\n")).expect_err("that is no HTTP");
        assert_eq!(error.to_string(), "that is no answer of an HTTP server");
    }

    #[test]
    fn nobody_there_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        drop(listener);
        let error = ask(&format!("http://{address}/")).expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_address_needs_a_scheme_and_a_port() {
        assert_eq!(parts("http://[::1]:8080/readyz"), Some(("[::1]:8080", "/readyz")));
        assert_eq!(parts("http://rollcall:8080"), Some(("rollcall:8080", "/")));
        for wrong in ["rollcall:8080/readyz", "https://rollcall:8080/", "http://rollcall/readyz"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}
