//! Why the operator could not do its work on an object for now. It retries with growing pauses.

/// A failure that goes away by itself or is fixed outside of the object.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the API server did not {what}: {}", brief(.source))]
    Api { what: String, source: Box<kube::Error> },
    #[error(
        "not allowed to {what}: grant it to the operator's service account, as the chart does: \
         {message}"
    )]
    Forbidden { what: String, message: String },
    #[error("{kind} {name} is still there from an earlier object of this name: waiting")]
    Leftover { kind: String, name: String },
    #[error("another operator has become the leader: leaving the object to it")]
    Deposed,
    #[error("kafka: {0}")]
    Kafka(#[from] rollcall_core::shard::Error),
    #[error("no end within {seconds} s: trying again")]
    TimedOut { seconds: u64 },
    #[error("the operator has a bug: {0}: please report it with the object")]
    Panicked(String),
    #[error("cannot start: {0}")]
    Start(String),
}

impl From<rollcall_service::http::Error> for Error {
    fn from(error: rollcall_service::http::Error) -> Self {
        Self::Start(error.to_string())
    }
}

/// The result of the operator's own work.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Returns what failed, as a label of metrics and a reason of conditions and Events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Api { source, .. } if conflicts(source) => "Conflict",
            Self::Api { .. } => "ApiError",
            Self::Forbidden { .. } => "Forbidden",
            Self::Leftover { .. } => "WaitingForCleanup",
            Self::Deposed => "Deposed",
            Self::Kafka(_) => "KafkaError",
            Self::TimedOut { .. } => "TimedOut",
            Self::Panicked(_) => "Panicked",
            Self::Start(_) => "StartFailed",
        }
    }
}

/// Returns the API server's message without the other fields that the client adds.
fn brief(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        error => error.to_string(),
    }
}

fn conflicts(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Adds what was being done when the API server refused.
pub trait Doing<T> {
    /// # Errors
    /// Those of the request, with `what` was being done.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, kube::Error> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| match error {
            kube::Error::Api(status) if status.code == 403 => {
                Error::Forbidden { what: what(), message: status.message }
            }
            error => Error::Api { what: what(), source: Box::new(error) },
        })
    }
}
