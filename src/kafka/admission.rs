//! Why a group rejects or removes a worker: each error code of the member's client is classified
//! here once, with the reason that users see and the remedy.
//!
//! docs/operations.md shows this table; a test compares the two.

use std::fmt;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::contact;

/// A class of answers by which a group's coordinator rejects a member.
#[derive(Debug)]
pub struct Class {
    pub codes: &'static [Code],
    /// In CamelCase, as in a Kubernetes condition.
    pub reason: &'static str,
    /// The meaning, to follow "the group …: ".
    pub means: &'static str,
    pub remedy: &'static str,
}

/// Another process uses the same instance id.
pub const INSTANCE_ID_TAKEN: Class = Class {
    codes: &[Code::FencedInstanceId, Code::UnreleasedInstanceId],
    reason: "InstanceIdTaken",
    means: "another process runs under the same instance id",
    remedy: "give each its own --instance-id",
};

/// All classes except [`UNKNOWN`].
pub const CLASSES: &[Class] = &[
    INSTANCE_ID_TAKEN,
    Class {
        codes: &[Code::InconsistentGroupProtocol, Code::GroupIdNotFound],
        reason: "GroupProtocolMismatch",
        means: "the group has members of another kind: of another program, or under the other \
                groupProtocol",
        remedy: "give the reconciliation a spec.kafka.groupId of its own; to change groupProtocol, \
                 stop all workers first",
    },
    Class {
        codes: &[Code::InvalidSessionTimeout],
        reason: "SessionTimeoutRefused",
        means: "the brokers do not take our session timeout",
        remedy: "set session.timeout.ms in spec.kafka.properties to between the brokers' \
                 group.min.session.timeout.ms and group.max.session.timeout.ms",
    },
    Class {
        codes: &[Code::GroupAuthorizationFailed],
        reason: "GroupUnauthorized",
        means: "our user may not read the group",
        remedy: "grant Read and Describe on the group",
    },
    Class {
        codes: &[Code::TopicAuthorizationFailed],
        reason: "TopicUnauthorized",
        means: "our user may not see the expected topic",
        remedy: "grant Read and Describe on the topic",
    },
    Class {
        codes: &[Code::GroupMaxSizeReached],
        reason: "GroupFull",
        means: "the group has as many members as the brokers allow",
        remedy: "run fewer workers, or raise the brokers' group.max.size or \
                 group.consumer.max.size",
    },
    Class {
        codes: &[Code::UnsupportedFeature, Code::UnsupportedVersion, Code::InvalidRequest],
        reason: "GroupProtocolUnsupported",
        means: "the brokers do not know groupProtocol: consumer (KIP-848)",
        remedy: "set spec.kafka.groupProtocol to classic, or run brokers of Kafka 4.0 or later \
                 that have it turned on (group.coordinator.rebalance.protocols)",
    },
    Class {
        codes: &[Code::UnsupportedAssignor],
        reason: "AssignorUnsupported",
        means: "the brokers do not offer the assignor uniform",
        remedy: "add uniform to the brokers' group.consumer.assignors",
    },
    Class {
        codes: &[Code::UnknownTopicOrPartition, Code::UnknownTopic],
        reason: "TopicMissing",
        means: "the expected topic is not there",
        remedy: "create it again, with as many partitions as the other inputs",
    },
    Class {
        codes: &[Code::PollExceeded],
        reason: "MemberStalled",
        means: "this process did not get to speak to the group for a minute",
        remedy: "give it more CPU",
    },
];

/// For codes in no other class: the message is the coordinator's own text.
pub const UNKNOWN: Class = Class {
    codes: &[],
    reason: "NotAMember",
    means: "the group does not have this worker as a member",
    remedy: "see the words of the brokers, and their logs",
};

/// An answer by which the group has rejected this member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: Code,
    /// librdkafka's message.
    pub text: String,
}

impl Refused {
    /// Returns the rejection that an error of the member's client stands for; `None` for an error
    /// on the way to a broker.
    pub(super) fn of(code: Code, text: &str) -> Option<Self> {
        let elsewhere = contact::is_connection(code)
            || matches!(code, Code::AllBrokersDown | Code::PartitionEOF | Code::NoError);
        (!elsewhere).then(|| Self { code, text: text.to_owned() })
    }

    pub fn class(&self) -> &'static Class {
        CLASSES.iter().find(|class| class.codes.contains(&self.code)).unwrap_or(&UNKNOWN)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Class { means, remedy, .. } = self.class();
        write!(f, "{means}: {remedy} ({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_code_is_classed_twice() {
        let mut seen = BTreeSet::new();
        for code in CLASSES.iter().flat_map(|class| class.codes) {
            assert!(seen.insert(format!("{code:?}")), "{code:?} twice");
        }
    }

    #[test]
    fn the_documentation_has_each_class_as_it_is_here() {
        let documented = include_str!("../../docs/operations.md");
        for Class { codes, reason, means, remedy } in CLASSES.iter().chain([&UNKNOWN]) {
            let codes: Vec<_> = codes.iter().map(|code| format!("{code:?}")).collect();
            let codes = if codes.is_empty() { "any other".to_owned() } else { codes.join(", ") };
            let row = format!("| `{reason}` | {codes} | {means} | {remedy} |");
            assert!(documented.contains(&row), "docs/operations.md lacks:\n{row}");
        }
    }

    #[test]
    fn what_happens_on_the_way_to_a_broker_is_no_word_of_the_group() {
        let refused = |code| Refused::of(code, "text").map(|refused| refused.class().reason);
        assert_eq!(refused(Code::InvalidSessionTimeout), Some("SessionTimeoutRefused"));
        assert_eq!(refused(Code::InvalidMessage), Some("NotAMember"));
        for code in [Code::BrokerTransportFailure, Code::Authentication, Code::AllBrokersDown] {
            assert_eq!(refused(code), None, "{code:?}");
        }
    }
}
