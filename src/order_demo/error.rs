//! Errors, named by the reaction they demand.

/// What went wrong with a demo service, as the reaction that it demands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may work later: start over with backoff.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// It cannot work until someone mends it.
    #[error("{0}")]
    Misconfigured(String),
    /// Someone asked the service to stop, or closed its output.
    #[error("stopped")]
    Stopped,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps a failure of the Kafka client that may pass; `what` tells what was being done.
    pub(super) fn kafka(what: &str, error: &rdkafka::error::KafkaError) -> Self {
        Self::Interrupted(format!("{what}: {error}"))
    }
}

impl From<std::io::Error> for Error {
    /// Only setting a service up does I/O outside Kafka.
    fn from(error: std::io::Error) -> Self {
        Self::Misconfigured(rollcall_core::text::plain::sentence(&error))
    }
}
