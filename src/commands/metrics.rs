//! `rollcall metrics`: prints the reference of all metrics.

use std::io::Write;
use std::process::ExitCode;

use rollcall_service::metrics::reference;

/// Print what every metric means, as the Markdown page docs/metrics.md
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints the page.
pub fn run(_: Args) -> ExitCode {
    // The reader may have closed the pipe early, as `head` does.
    match std::io::stdout().write_all(reference::markdown().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
