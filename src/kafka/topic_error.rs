//! Why a reconciliation's topics cannot be used yet: a machine-readable name and a text.

use rdkafka::error::RDKafkaErrorCode;

use super::{token::Refusal, topic_problem::TopicProblem};
use rollcall_core::shard::Error;

/// Why the topics cannot be used yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TopicError {
    /// In CamelCase, as in a Kubernetes condition: `TopicsNotCoPartitioned`.
    pub reason: &'static str,
    /// What happened and the remedy; its variant says whether a retry may help.
    pub error: Error,
}

impl TopicError {
    /// Returns the error for a rejection by the brokers, `None` for other errors.
    pub(super) fn refusal(code: RDKafkaErrorCode, servers: &str, text: &str) -> Option<Self> {
        let (reason, error) = match code {
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => (
                "Unauthorized",
                format!(
                    "the brokers at {servers} refuse our credentials: {text}: check \
                     spec.kafka.sasl and its Secret"
                ),
            ),
            RDKafkaErrorCode::SSL => (
                "TlsFailed",
                format!(
                    "no TLS connection to {servers}: {text}: check spec.kafka.tls, the CA and the \
                     certificates"
                ),
            ),
            _ => return None,
        };
        // Secrets and certificates are rotated while programs run, so it may work later.
        Some(Self { reason, error: Error::Interrupted(error) })
    }
}

impl TopicError {
    /// Returns one error for all topics with problems; `None` if there are none.
    pub(super) fn problems<'a>(
        problems: impl IntoIterator<Item = &'a TopicProblem>,
    ) -> Option<Self> {
        let mut problems = problems.into_iter().peekable();
        let reason = problems.peek()?.name();
        let texts: Vec<String> = problems.map(ToString::to_string).collect();
        Some(Self { reason, error: Error::Misconfigured(texts.join("; ")) })
    }
}

impl From<Error> for TopicError {
    fn from(error: Error) -> Self {
        let reason = match error {
            Error::Misconfigured(_) => "Misconfigured",
            Error::Fenced(_)
            | Error::Outdated(_)
            | Error::Aborted(_)
            | Error::Oversized(_)
            | Error::Corrupt(_)
            | Error::Violated { .. }
            | Error::Interrupted(_) => "BrokerUnreachable",
        };
        Self { reason, error }
    }
}

impl From<Refusal> for TopicError {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.reason(), error: refusal.into() }
    }
}

impl From<TopicError> for Error {
    fn from(unfit: TopicError) -> Self {
        unfit.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn a_refusal_is_told_from_a_broker_that_does_not_answer() {
        let refusal =
            |code| TopicError::refusal(code, "kafka:9092", "text").map(|unfit| unfit.reason);
        assert_eq!(refusal(RDKafkaErrorCode::Authentication), Some("Unauthorized"));
        assert_eq!(refusal(RDKafkaErrorCode::SSL), Some("TlsFailed"));
        assert_eq!(refusal(RDKafkaErrorCode::BrokerTransportFailure), None);
        let unanswered = TopicError::from(Error::Interrupted("no broker answers".to_owned()));
        assert_eq!(unanswered.reason, "BrokerUnreachable");
    }

    #[test]
    fn flaws_are_told_all_at_once_under_the_name_of_the_first() {
        let missing = |topic: &str| {
            let (topic, near) = (topic.to_owned(), None);
            TopicProblem::Missing { topic, role: Role::Observed, near }
        };
        let unfit =
            TopicError::problems(&[missing("scan"), missing("pack")]).expect("two problems");
        assert_eq!(unfit.reason, "TopicMissing");
        assert!(unfit.to_string().contains("scan") && unfit.to_string().contains("pack"));
        assert_eq!(TopicError::problems(&[]), None);
    }
}
