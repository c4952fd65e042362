//! What the Kafka client reports by itself.
//!
//! While a broker is away it reports every attempt of every connection, and the services say once
//! what they do about it. So its log has level debug, and a warning is only what does not pass with
//! the broker's return, such as a refused login.

use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tracing::{debug, warn};

/// A client without callbacks of its own.
#[derive(Default)]
pub(super) struct Quiet {
    complaint: Mutex<Option<String>>,
}

impl Quiet {
    /// Returns what the client last said about a connection that failed, to be told with the
    /// failure that came of it. The client says it when it is polled.
    pub(super) fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        log(facility, message);
        if facility == "FAIL" {
            let about = message.split_once("]: ").map_or(message, |(_, about)| about);
            *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(about.into());
        }
    }

    fn error(&self, code: KafkaError, reason: &str) {
        error(&code, reason);
    }
}

impl ConsumerContext for Quiet {}

impl ProducerContext for Quiet {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// To be called by every context's method of this name.
pub(super) fn log(facility: &str, message: &str) {
    debug!(target: "librdkafka", facility, "{message}");
}

/// To be called by every context's method of this name.
pub(super) fn error(code: &KafkaError, reason: &str) {
    match code.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut,
        ) => debug!(target: "librdkafka", "{reason}"),
        _ => warn!("{reason}"),
    }
}
