//! The reaction to an error of a broker or the client: each code is classified once, here.
//!
//! Promise: an error that cannot go away by itself is never treated as an interruption. The table
//! is repeated in `docs/operations.md`, word for word.

use rdkafka::error::RDKafkaErrorCode as Code;

use rollcall_core::shard::Error;

/// The reaction to a failed commit or a failed opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// It may work later: open the shard again, with growing pauses.
    Again,
    /// It was too much at once: open the shard again and commit less at a time.
    Smaller,
    /// The group has moved on: commit the same again under the next assignment.
    Moved,
    /// A newer owner has the shard, unless the transaction was simply too old.
    Fenced,
    /// It cannot work until somebody changes something: stop the shard and say what.
    Stopped,
}

impl Class {
    /// Returns what Rollcall does, for the docs.
    #[cfg(test)]
    fn words(self) -> &'static str {
        match self {
            Self::Again => "try again",
            Self::Smaller => "smaller",
            Self::Moved => "commit again",
            Self::Fenced => "fenced",
            Self::Stopped => "stopped",
        }
    }
}

/// Codes with the same meaning.
struct Rule {
    codes: &'static [Code],
    class: Class,
    /// The meaning; `{topic}` stands for the topic concerned.
    means: &'static str,
    /// What somebody can do; empty if nothing has to be done.
    remedy: &'static str,
}

const ACLS: &str = "grant what is missing of the permissions in docs/operations.md";

/// The table. Codes that are not in it are retried.
const RULES: &[Rule] = &[
    Rule {
        codes: &[
            Code::BrokerTransportFailure,
            Code::AllBrokersDown,
            Code::Resolve,
            Code::OperationTimedOut,
            Code::RequestTimedOut,
            Code::NetworkException,
            Code::BrokerNotAvailable,
        ],
        class: Class::Again,
        means: "a broker cannot be reached, or does not answer in time",
        remedy: "",
    },
    Rule {
        codes: &[
            Code::LeaderNotAvailable,
            Code::NotLeaderForPartition,
            Code::ReplicaNotAvailable,
            Code::FencedLeaderEpoch,
            Code::UnknownLeaderEpoch,
            Code::KafkaStorageError,
        ],
        class: Class::Again,
        means: "a partition of {topic} moves to another broker",
        remedy: "",
    },
    Rule {
        codes: &[Code::NotEnoughReplicas, Code::NotEnoughReplicasAfterAppend],
        class: Class::Again,
        means: "{topic} has fewer copies in sync than its min.insync.replicas",
        remedy: "start the brokers that have them, or lower min.insync.replicas",
    },
    Rule {
        codes: &[
            Code::CoordinatorLoadInProgress,
            Code::CoordinatorNotAvailable,
            Code::NotCoordinator,
            Code::ConcurrentTransactions,
            Code::TransactionCoordinatorFenced,
        ],
        class: Class::Again,
        means: "the coordinator is busy, or moves to another broker",
        remedy: "",
    },
    Rule {
        codes: &[
            Code::OutOfOrderSequenceNumber,
            Code::DuplicateSequenceNumber,
            Code::UnknownProducerId,
            Code::InvalidProducerIdMapping,
            Code::InvalidMessage,
            Code::Inconsistent,
            Code::State,
            Code::Retry,
            Code::PurgeQueue,
            Code::PurgeInflight,
            Code::InvalidDifferentRecord,
            Code::ThrottlingQuotaExceeded,
            Code::Fatal,
        ],
        class: Class::Again,
        means: "client and broker have lost track of each other, or one failure follows another",
        remedy: "",
    },
    Rule {
        codes: &[Code::Authentication, Code::SaslAuthenticationFailed, Code::SSL],
        class: Class::Again,
        means: "a broker does not take the login or the certificate",
        remedy: "put spec.kafka.sasl, spec.kafka.tls or what they name right",
    },
    Rule {
        codes: &[Code::MessageTimedOut, Code::TimedOutQueue],
        class: Class::Smaller,
        means: "{topic} did not take the records of a transaction in time",
        remedy: "raise the client's quota, or see what slows the brokers down",
    },
    Rule {
        codes: &[Code::MessageSizeTooLarge, Code::MessageBatchTooLarge, Code::InvalidMessageSize],
        class: Class::Smaller,
        means: "a record or a batch is larger than {topic} takes",
        remedy: "raise max.message.bytes of {topic}, or message.max.bytes in \
                 spec.kafka.properties where it is set",
    },
    Rule {
        codes: &[
            Code::IllegalGeneration,
            Code::UnknownMemberId,
            Code::StaleMemberEpoch,
            Code::FencedMemberEpoch,
            Code::FencedInstanceId,
            Code::RebalanceInProgress,
        ],
        class: Class::Moved,
        means: "the group has a newer generation",
        remedy: "",
    },
    Rule {
        codes: &[Code::Fenced, Code::ProducerFenced, Code::InvalidProducerEpoch],
        class: Class::Fenced,
        means: "a newer owner has the shard; or, of a transaction older than \
                transaction.timeout.ms, the brokers have ended it, and smaller ones follow",
        remedy: "",
    },
    Rule {
        codes: &[Code::InvalidTransactionalState],
        class: Class::Again,
        means: "the brokers know no such transaction; or it was older than transaction.timeout.ms, \
                they have ended it, and smaller ones follow",
        remedy: "",
    },
    Rule {
        codes: &[
            Code::UnknownTopicOrPartition,
            Code::UnknownTopic,
            Code::UnknownPartition,
            Code::UnknownTopicId,
            Code::InvalidTopic,
        ],
        class: Class::Stopped,
        means: "{topic} does not exist: it was deleted",
        remedy: "create it again, with as many partitions as before",
    },
    Rule {
        codes: &[Code::InvalidTimestamp],
        class: Class::Stopped,
        means: "{topic} refuses the time that a record bears",
        remedy: "raise message.timestamp.before.max.ms and message.timestamp.after.max.ms of \
                 {topic}",
    },
    Rule {
        codes: &[Code::InvalidRecord],
        class: Class::Stopped,
        means: "{topic} refuses a record, as a compacted topic does one without a key",
        remedy: "set cleanup.policy=delete for {topic}, and leave out what else checks its records",
    },
    Rule {
        codes: &[Code::UnsupportedCompressionType],
        class: Class::Stopped,
        means: "{topic} does not take the compression",
        remedy: "set another compression.type in spec.kafka.properties",
    },
    Rule {
        codes: &[
            Code::UnsupportedForMessageFormat,
            Code::UnsupportedVersion,
            Code::UnsupportedFeature,
        ],
        class: Class::Stopped,
        means: "the brokers, or the message format of {topic}, are too old for transactions",
        remedy: "upgrade them, or remove message.format.version from {topic}",
    },
    Rule {
        codes: &[Code::PolicyViolation, Code::InvalidConfig, Code::InvalidRequest],
        class: Class::Stopped,
        means: "a policy of the brokers forbids what is written to {topic}",
        remedy: "ask whoever runs the brokers for an exception",
    },
    Rule {
        codes: &[Code::InvalidRequiredAcks],
        class: Class::Stopped,
        means: "the brokers do not take acks=all, which transactions need",
        remedy: "let them take it",
    },
    Rule {
        codes: &[Code::OffsetMetadataTooLarge, Code::InvalidCommitOffsetSize],
        class: Class::Stopped,
        means: "the brokers do not take what is committed beside the offsets",
        remedy: "set offset.metadata.max.bytes of the brokers to 4096 at least, their default",
    },
    Rule {
        codes: &[Code::InvalidTransactionTimeout],
        class: Class::Stopped,
        means: "transaction.max.timeout.ms of the brokers is less than the 10 s that a transaction \
                may last here",
        remedy: "set transaction.max.timeout.ms of the brokers to 10000 at least; their default is \
                 900000",
    },
    Rule {
        codes: &[Code::TopicAuthorizationFailed],
        class: Class::Stopped,
        means: "not authorized to write to {topic}",
        remedy: ACLS,
    },
    Rule {
        codes: &[Code::GroupAuthorizationFailed],
        class: Class::Stopped,
        means: "not authorized for the consumer group",
        remedy: ACLS,
    },
    Rule {
        codes: &[Code::TransactionalIdAuthorizationFailed, Code::ClusterAuthorizationFailed],
        class: Class::Stopped,
        means: "not authorized for transactions under this group's name",
        remedy: ACLS,
    },
];

fn rule(code: Code) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.codes.contains(&code))
}

/// Returns the reaction to an error with this code.
pub(super) fn class(code: Code) -> Class {
    rule(code).map_or(Class::Again, |rule| rule.class)
}

/// Returns whether the error is about the size of a record or a batch.
pub(super) fn is_size(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize
    )
}

/// Returns the error for a single record that is too large, which smaller transactions cannot
/// avoid.
pub(super) fn too_large(topic: Option<&str>, text: &str) -> Error {
    let too_large = error(Code::MessageSizeTooLarge, topic, text);
    match too_large {
        Error::Oversized(says) => Error::Misconfigured(says),
        other => other,
    }
}

/// Returns the error for a code: its meaning and what to do, with the topic concerned if known, and
/// the broker's or the client's own message.
pub(super) fn error(code: Code, topic: Option<&str>, text: &str) -> Error {
    let Some(rule) = rule(code) else { return Error::Interrupted(text.to_owned()) };
    let name = topic.map(|topic| format!("topic {topic}"));
    let name = name.as_deref().unwrap_or("a topic");
    let mut says = format!("{}: {text}", rule.means.replace("{topic}", name));
    if !rule.remedy.is_empty() {
        says.push_str(": ");
        says.push_str(&rule.remedy.replace("{topic}", topic.unwrap_or("the topic")));
    }
    match rule.class {
        Class::Again => Error::Interrupted(says),
        Class::Smaller => Error::Oversized(says),
        // The caller knows whether the transaction was aborted, and how old it was.
        Class::Moved => Error::Outdated(text.to_owned()),
        Class::Fenced => Error::Fenced(text.to_owned()),
        Class::Stopped => Error::Misconfigured(says),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the table as it appears in the docs.
    fn rows() -> Vec<String> {
        let row = |rule: &Rule| {
            let codes: Vec<_> = rule.codes.iter().map(|code| format!("`{code:?}`")).collect();
            let remedy = if rule.remedy.is_empty() { "nothing" } else { rule.remedy };
            let words = rule.class.words();
            let text = format!("| {} | {words} | {} | {remedy} |", codes.join(", "), rule.means);
            text.replace("{topic}", "the topic")
        };
        RULES.iter().map(row).collect()
    }

    #[test]
    fn the_docs_show_this_table() {
        let docs = include_str!("../../docs/operations.md");
        let missing: Vec<_> = rows().into_iter().filter(|row| !docs.contains(row)).collect();
        assert!(missing.is_empty(), "docs/operations.md lacks:\n{}", missing.join("\n"));
        let start = docs.find("| code | Rollcall |").expect("the table's head");
        let table = docs[start..].lines().take_while(|line| line.starts_with('|'));
        assert_eq!(table.count(), rows().len() + 2, "the docs have rows that the code has not");
    }

    #[test]
    fn every_code_is_classed_once() {
        let all: Vec<Code> = RULES.iter().flat_map(|rule| rule.codes).copied().collect();
        for (index, code) in all.iter().enumerate() {
            assert!(!all[..index].contains(code), "{code:?} is classed twice");
        }
    }

    #[test]
    fn what_stops_a_shard_names_topic_setting_and_remedy() {
        let error = error(Code::InvalidTimestamp, Some("shipping"), "too old");
        assert!(matches!(error, Error::Misconfigured(_)), "{error:?}");
        for part in ["topic shipping", "too old", "message.timestamp.before.max.ms"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn records_that_were_dropped_with_others_are_never_taken_for_fenced() {
        assert_eq!(class(Code::PurgeQueue), Class::Again);
        assert_eq!(class(Code::MessageTimedOut), Class::Smaller);
        assert_eq!(class(Code::ProducerFenced), Class::Fenced);
    }
}
