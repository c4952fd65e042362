//! `rollcall metrics`: the reference of all metrics, for people.

use std::io::Write;
use std::process::ExitCode;

use rollcall_service::metrics::reference;

/// Print what every metric means, as the Markdown page docs/metrics.md
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints the page.
pub fn run(_: Args) -> ExitCode {
    // Whoever reads through a pipe may stop when it has seen enough.
    match std::io::stdout().write_all(reference::markdown().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
