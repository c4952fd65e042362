//! Reports of clients on their own: errors, at a bounded rate.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    client::ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::brokers::Meter;

/// Minimum time between two log lines about the same kind of problem.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// Logs a client's errors, each kind at most every ten seconds, and records lost brokers.
#[derive(Debug, Default)]
pub struct Context {
    brokers_lost: AtomicBool,
    told: Mutex<Vec<(RDKafkaErrorCode, Instant)>>,
    /// How a broker last rejected us; shared by the clients of one connection.
    refused: Arc<Mutex<Option<(RDKafkaErrorCode, String)>>>,
    /// Records the client's measurements, if the client lives long enough to have any.
    meter: Option<Meter>,
}

impl Context {
    /// Returns the context of a client whose measurements are recorded.
    pub fn metered(meter: Meter) -> Self {
        Self { meter: Some(meter), ..Self::default() }
    }

    /// Returns whether all brokers have been unreachable since the last call.
    pub fn take_brokers_lost(&self) -> bool {
        self.brokers_lost.swap(false, Ordering::Relaxed)
    }

    /// Returns the context of another client that shares this one's rejections.
    pub fn sibling(&self) -> Self {
        Self { refused: Arc::clone(&self.refused), ..Self::default() }
    }

    /// Returns how a broker last rejected us: credentials or TLS.
    pub fn last_refusal(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.refused.lock().expect("nothing panics under this lock").clone()
    }

    fn may_tell(&self, code: RDKafkaErrorCode) -> bool {
        let mut told = self.told.lock().expect("nothing panics under this lock");
        let now = Instant::now();
        told.retain(|(_, at)| now.duration_since(*at) < TELL_INTERVAL);
        let first = told.iter().all(|(other, _)| *other != code);
        if first {
            told.push((code, now));
        }
        first
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(facility, "{message}");
            }
            // Errors also arrive through `error`, with a code by which to limit their rate.
            _ => tracing::debug!(facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        if code == RDKafkaErrorCode::AllBrokersDown {
            self.brokers_lost.store(true, Ordering::Relaxed);
        }
        if matches!(
            code,
            RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::SSL
        ) {
            *self.refused.lock().expect("nothing panics under this lock") =
                Some((code, reason.to_owned()));
        }
        if let Some(meter) = &self.meter {
            meter.contact().failed(code, reason);
        }
        if self.may_tell(code) {
            tracing::warn!(%code, "kafka: {reason}");
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if let Some(meter) = &self.meter {
            meter.note(statistics);
        }
    }
}

impl ConsumerContext for Context {}
