//! `rollcall metrics`: prints the reference of all metrics.

use std::process::ExitCode;

use super::exit_with;
use rollcall_service::metrics::reference;

/// Print what every metric means, as the Markdown page docs/metrics.md
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Prints the page.
pub fn run(_: Args) -> ExitCode {
    exit_with(&reference::markdown(), ExitCode::SUCCESS)
}
