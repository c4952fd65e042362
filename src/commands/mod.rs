//! One file for each subcommand: its arguments and what it starts. Nothing is decided here.

pub mod console;
pub mod crd;
pub mod inspect;
pub mod manufactured;
pub mod manufacturer;
pub mod metrics;
pub mod operator;
pub mod order;
pub mod probe;
pub mod reset;
pub mod simulate;
pub mod test;
pub mod topics;
pub mod validate;
pub mod watch;
pub mod worker;

use std::{
    fmt::Display,
    io::{ErrorKind, Write},
    process::ExitCode,
};

use rollcall_core::shard;
use rollcall_core::text::{escape::printable_lines, plain::sentence};
use rollcall_order_demo::Error;

/// Returns the exit code of a demo service, and prints its error to standard error.
fn finish(result: rollcall_order_demo::Result<()>) -> ExitCode {
    match result {
        Ok(()) | Err(Error::Stopped) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Prints to standard error why a command failed; the text may come from brokers, workers or files.
fn failed(error: &dyn Display) -> ExitCode {
    complain(error);
    ExitCode::FAILURE
}

/// Prints a whole answer to standard output, and returns the exit code, unless that fails.
fn exit_with(text: &str, code: ExitCode) -> ExitCode {
    match print(text) {
        Ok(()) => code,
        Err(problem) => failed(&problem),
    }
}

/// Writes to standard output. The reader may have closed the pipe early, as `head` does, which is
/// no error and ends nothing halfway.
///
/// # Errors
/// Why it cannot be written, such as a full disk.
fn print(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {}", sentence(&error)))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints an error to standard error.
fn complain(error: &dyn Display) {
    eprintln!("error: {}", printable_lines(&error.to_string()));
}

/// Runs a question to Kafka to its end.
fn ask<T>(question: impl Future<Output = shard::Result<T>>) -> shard::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime
        .map_err(|error| shard::Error::Misconfigured(format!("cannot start: {error}")))?
        .block_on(question)
}

/// Returns the host and port of a worker, which may also be given as a URL copied from a browser.
///
/// # Errors
/// What to write instead.
fn server(text: &str) -> Result<String, String> {
    let told = text.trim();
    if told.starts_with("https://") {
        return Err(
            "workers answer http, not https: write http://host:port or host:port, and let \
             a proxy before them answer https where that is needed"
                .to_owned(),
        );
    }
    let address = told.strip_prefix("http://").unwrap_or(told);
    let address = address.strip_suffix('/').unwrap_or(address);
    let is_told = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    match address.rsplit_once(':') {
        _ if address.contains('/') => {
            Err(format!("\"{address}\" is more than an address: write host:port, without a path"))
        }
        Some((host, port)) if !host.is_empty() && is_told(port) => Ok(address.to_owned()),
        _ => Err(format!(
            "\"{address}\" names no port: write host:port, with the port that the worker has as \
             --http, such as localhost:8080"
        )),
    }
}

/// Returns the host's name; in a pod this is the pod's name.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::server;

    #[test]
    fn a_worker_may_be_named_as_in_a_browser() {
        for text in ["a:8080", "http://a:8080", "http://a:8080/", "a:8080/", " http://a:8080/ "] {
            assert_eq!(server(text).as_deref(), Ok("a:8080"), "{text}");
        }
        assert_eq!(server("http://[::1]:8080/").as_deref(), Ok("[::1]:8080"));
        for (text, problem) in [
            ("https://a:8080", "not https"),
            ("http://a", "names no port"),
            ("localhost", "names no port"),
            ("a:http", "names no port"),
            (":8080", "names no port"),
            ("http://a:8080/v1/status", "without a path"),
        ] {
            let refused = server(text).expect_err(text);
            assert!(refused.contains(problem), "{text}: {refused}");
        }
    }
}
