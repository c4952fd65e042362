//! One file for each subcommand: what it takes and what it starts. Nothing is decided here.

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
pub mod topics;
pub mod validate;
pub mod watch;
pub mod worker;

use std::{fmt::Display, process::ExitCode};

use crate::escape::printable_lines;
use crate::order_demo::{Error, Result};
use crate::shard;

/// Returns how a demo service exits, and says why on standard error.
fn finish(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) | Err(Error::Stopped) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says on standard error why a command failed: brokers, workers and files have a say in that.
fn failed(error: &dyn Display) -> ExitCode {
    complain(error);
    ExitCode::FAILURE
}

/// Says on standard error what is wrong.
fn complain(error: &dyn Display) {
    eprintln!("error: {}", printable_lines(&error.to_string()));
}

/// Runs what asks Kafka and ends.
fn ask<T>(question: impl Future<Output = shard::Result<T>>) -> shard::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime
        .map_err(|error| shard::Error::Misconfigured(format!("cannot start: {error}")))?
        .block_on(question)
}

/// Returns the host's name, which in a pod is the pod's.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
