//! Why a reconciliation's topics cannot be used yet: a name for machines beside the text.

use rdkafka::error::RDKafkaErrorCode;

use super::{flaw::Flaw, token::Refusal};
use crate::shard::Error;

/// Why the topics cannot be used yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Unfit {
    /// In CamelCase, as in a condition of Kubernetes: `TopicsNotCoPartitioned`.
    pub reason: &'static str,
    /// What happened, the remedy, and by its kind whether trying again may help.
    pub error: Error,
}

impl Unfit {
    /// Returns what a refusal by the brokers comes to, `None` for other errors.
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
        // Secrets and certificates are rotated under running programs, so it may work later.
        Some(Self { reason, error: Error::Interrupted(error) })
    }
}

impl From<Flaw> for Unfit {
    fn from(flaw: Flaw) -> Self {
        Self { reason: flaw.name(), error: flaw.into() }
    }
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        let reason = match error {
            Error::Misconfigured(_) => "Misconfigured",
            Error::Fenced(_)
            | Error::Outdated(_)
            | Error::Oversized(_)
            | Error::Corrupt(_)
            | Error::Violated { .. }
            | Error::Interrupted(_) => "BrokerUnreachable",
        };
        Self { reason, error }
    }
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self { reason: refusal.reason(), error: refusal.into() }
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        unfit.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_broker_that_does_not_answer() {
        let refusal = |code| Unfit::refusal(code, "kafka:9092", "text").map(|unfit| unfit.reason);
        assert_eq!(refusal(RDKafkaErrorCode::Authentication), Some("Unauthorized"));
        assert_eq!(refusal(RDKafkaErrorCode::SSL), Some("TlsFailed"));
        assert_eq!(refusal(RDKafkaErrorCode::BrokerTransportFailure), None);
        let unanswered = Unfit::from(Error::Interrupted("no broker answers".to_owned()));
        assert_eq!(unanswered.reason, "BrokerUnreachable");
    }

    #[test]
    fn every_flaw_of_a_topic_has_its_name() {
        let missing = Unfit::from(Flaw::Missing { topic: "orders".to_owned() });
        assert_eq!(missing.reason, "TopicMissing");
        assert!(missing.to_string().contains("orders"), "{missing}");
    }
}
