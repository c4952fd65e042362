//! Errors, named by the reaction they demand.

/// A failure of a demo service, named by the reaction that it demands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may work later: start over, with backoff.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// It cannot work until someone fixes it.
    #[error("{0}")]
    Misconfigured(String),
    /// The service was asked to stop, or its output was closed.
    #[error("stopped")]
    Stopped,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps a transient failure of the Kafka client; `what` says what was being done.
    pub(super) fn kafka(what: &str, error: &rdkafka::error::KafkaError) -> Self {
        Self::Interrupted(format!("{what}: {error}"))
    }
}

impl From<std::io::Error> for Error {
    /// I/O outside of Kafka happens only while a service is set up.
    fn from(error: std::io::Error) -> Self {
        Self::Misconfigured(rollcall_core::text::plain::sentence(&error))
    }
}
