//! Why a reconciliation's topics cannot be used yet: a name for machines beside the text.

use rdkafka::error::RDKafkaErrorCode;

use super::{flaw::Flaw, token::Refusal};
use rollcall_core::shard::Error;

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

impl Unfit {
    /// Returns what topics with flaws come to, all of them told at once; `None` without any.
    pub(super) fn flaws<'a>(flaws: impl IntoIterator<Item = &'a Flaw>) -> Option<Self> {
        let mut flaws = flaws.into_iter().peekable();
        let reason = flaws.peek()?.name();
        let texts: Vec<String> = flaws.map(ToString::to_string).collect();
        Some(Self { reason, error: Error::Misconfigured(texts.join("; ")) })
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
    use crate::Role;

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
    fn flaws_are_told_all_at_once_under_the_name_of_the_first() {
        let missing = |topic: &str| {
            let (topic, near) = (topic.to_owned(), None);
            Flaw::Missing { topic, role: Role::Observed, near }
        };
        let unfit = Unfit::flaws(&[missing("scan"), missing("pack")]).expect("two flaws");
        assert_eq!(unfit.reason, "TopicMissing");
        assert!(unfit.to_string().contains("scan") && unfit.to_string().contains("pack"));
        assert_eq!(Unfit::flaws(&[]), None);
    }
}
