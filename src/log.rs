//! Where log lines go and what they look like.
//!
//! Promise: standard error, one line an event, the same fields in both formats. Ban: no content of
//! a record is ever logged, unless `spec.logRecords` asks for the demo's story of each key.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use tracing_subscriber::{EnvFilter, fmt};

/// What a log line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for people.
    Text,
    /// One JSON object, with the fields of the event beside `timestamp`, `level` and `message`.
    Json,
}

/// Starts logging, at the level that `RUST_LOG` says, or `info`.
///
/// # Panics
/// When called twice.
pub fn start(format: Format) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let builder = fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        Format::Text => builder.init(),
        Format::Json => {
            builder
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .init();
        }
    }
}

/// Most lines of one kind in [`LIMIT_INTERVAL`].
const LIMIT_LINES: u32 = 8;
const LIMIT_INTERVAL: Duration = Duration::from_secs(10);

/// Bounds how often one kind of trouble is told, so that a log tells of all of them.
#[derive(Debug, Default)]
pub struct Limiter {
    since: Option<Instant>,
    told: u32,
    withheld: u64,
}

impl Limiter {
    /// Returns how many lines were withheld since the last one if another may be told now.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.duration_since(since) >= LIMIT_INTERVAL) {
            (self.since, self.told) = (Some(now), 0);
        }
        if self.told >= LIMIT_LINES {
            self.withheld += 1;
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let told = (0..100).filter(|_| limiter.admit(now).is_some()).count();
        assert_eq!(told, 8);
        assert_eq!(limiter.admit(now + LIMIT_INTERVAL), Some(92));
        assert_eq!(limiter.admit(now + LIMIT_INTERVAL), Some(0));
    }
}
