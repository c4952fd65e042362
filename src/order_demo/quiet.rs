//! What the Kafka client logs by itself.
//!
//! While a broker is unreachable the client logs every attempt of every connection, and the
//! services report once what they do about it. So the client's log has level debug, and only
//! problems that do not go away when the broker returns, such as a refused login, are warnings.

use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tracing::{debug, warn};

/// A client without further callbacks.
#[derive(Default)]
pub(super) struct Quiet {
    complaint: Mutex<Option<String>>,
}

impl Quiet {
    /// Returns what the client last reported about a failed connection, to be reported together
    /// with the resulting failure. The client reports it when it is polled.
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

/// Every context's method of this name must call this.
pub(super) fn log(facility: &str, message: &str) {
    debug!(target: "librdkafka", facility, "{message}");
}

/// Every context's method of this name must call this.
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
