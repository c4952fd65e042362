//! `rollcall probe`: queries a probe, for images that have no curl.

use std::{process::ExitCode, time::Duration};

use hyper::{StatusCode, Uri};

use super::{complain, exit_with};
use rollcall_core::text::escape::printable_lines;
use rollcall_service::http::client::{self, Answer, Client};

/// Enough for a busy machine, and shorter than the timeout of whatever runs this program.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// No probe's answer is longer.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Query a probe of a worker or the operator; fails unless the status is 200
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The probe's URL, such as http://localhost:8080/readyz
    url: String,
}

/// Prints the answer.
pub fn run(args: Args) -> ExitCode {
    let Args { url } = args;
    match ask(&url) {
        Ok(Answer { status, body }) => {
            let said = String::from_utf8_lossy(&body);
            let said = said.trim_end();
            if status == StatusCode::OK {
                return exit_with(&format!("{}\n", printable_lines(said)), ExitCode::SUCCESS);
            }
            complain(&format!("{url} answers {}: {said}", status.as_u16()));
        }
        Err(error) => complain(&format!("{url}: {error}")),
    }
    ExitCode::FAILURE
}

fn ask(url: &str) -> Result<Answer, String> {
    if !is_probe(url) {
        return Err("write it as http://host:port/path".to_owned());
    }
    let client = Client::plain(PROBE_TIMEOUT, ANSWER_BYTES_MAX);
    client::wait(client.get(url)).map_err(|failure| failure.to_string())
}

fn is_probe(url: &str) -> bool {
    let url = url.parse::<Uri>();
    url.is_ok_and(|url| url.scheme_str() == Some("http") && url.port().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_scheme_and_a_port() {
        for right in ["http://[::1]:8080/readyz", "http://rollcall:8080"] {
            assert!(is_probe(right), "{right}");
        }
        for wrong in ["rollcall:8080/readyz", "https://rollcall:8080/", "http://rollcall/readyz"] {
            assert_eq!(ask(wrong), Err("write it as http://host:port/path".to_owned()), "{wrong}");
        }
    }
}
