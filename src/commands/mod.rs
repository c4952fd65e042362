//! One file for each subcommand: what it takes and what it starts. Nothing is decided here.

pub mod crd;
pub mod inspect;
pub mod manufactured;
pub mod manufacturer;
pub mod order;
pub mod simulate;
pub mod validate;
pub mod watch;
pub mod worker;

use std::process::ExitCode;

use crate::order_demo::{Error, Result};

/// Returns how a demo service exits, and says why on standard error.
fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) | Err(Error::Stopped) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
