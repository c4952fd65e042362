//! Settings of the Kafka client that an object may not override, each with the reason.
//!
//! Promise: a setting that passes is known to librdkafka, has a valid value, and does not affect
//! exactly-once, sharding or fencing.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use super::names::Refusal;

/// Settings that are refused for the same reason.
struct Group {
    names: &'static [&'static str],
    reason: &'static str,
    remedy: &'static str,
}

const REFUSED: &[Group] = &[
    Group {
        names: &[
            "enable.idempotence",
            "acks",
            "request.required.acks",
            "transactional.id",
            "transaction.timeout.ms",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "retries",
            "message.send.max.retries",
            "message.timeout.ms",
            "delivery.timeout.ms",
            "enable.gapless.guarantee",
            "queuing.strategy",
            "delivery.report.only.error",
        ],
        reason: "would break exactly-once: transactions depend on it",
        remedy: "remove it; Rollcall sets it",
    },
    Group {
        names: &["isolation.level"],
        reason: "would break exactly-once: records of aborted transactions would be read",
        remedy: "remove it; Rollcall reads committed records only",
    },
    Group {
        names: &[
            "enable.auto.commit",
            "auto.commit.enable",
            "auto.commit.interval.ms",
            "enable.auto.offset.store",
            "offset.store.method",
            "offset.store.path",
            "offset.store.sync.interval.ms",
        ],
        reason: "would break exactly-once: offsets are committed with the state, in one \
                 transaction",
        remedy: "remove it; see spec.commitInterval",
    },
    Group {
        names: &["auto.offset.reset"],
        reason: "would break exactly-once: lost offsets would go unnoticed",
        remedy: "use spec.startFrom and spec.onTruncation",
    },
    Group {
        names: &["partitioner"],
        reason: "would send a key's records to another partition than its state",
        remedy: "remove it; Rollcall partitions its outputs as Java producers do, and \
                 spec.partitioner says how the inputs are partitioned",
    },
    Group {
        names: &[
            "partition.assignment.strategy",
            "group.protocol.type",
            "group.remote.assignor",
            "enable.partition.eof",
        ],
        reason: "is how Rollcall assigns and restores partitions",
        remedy: "remove it; Rollcall sets it",
    },
    Group {
        names: &["group.id"],
        reason: "has a field of its own",
        remedy: "use spec.kafka.groupId",
    },
    Group {
        names: &["group.instance.id"],
        reason: "differs between workers",
        remedy: "remove it; a worker takes it from --instance-id",
    },
    Group {
        names: &["group.protocol"],
        reason: "has a field of its own",
        remedy: "use spec.kafka.groupProtocol",
    },
    Group {
        names: &["bootstrap.servers", "metadata.broker.list"],
        reason: "has a field of its own",
        remedy: "use spec.kafka.bootstrapServers",
    },
    Group {
        names: &["security.protocol"],
        reason: "follows from other fields",
        remedy: "use spec.kafka.tls and spec.kafka.sasl",
    },
    Group {
        names: &["ssl.ca.location", "ssl.certificate.location", "ssl.key.location"],
        reason: "has a field of its own",
        remedy: "use spec.kafka.tls",
    },
    Group {
        names: &["sasl.mechanism", "sasl.mechanisms", "sasl.username"],
        reason: "has a field of its own",
        remedy: "use spec.kafka.sasl",
    },
    Group {
        names: &[
            "sasl.password",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.oauthbearer.config",
        ],
        reason: "would put a secret into the object, for everyone to read",
        remedy: "use spec.kafka.sasl with a Secret, a file or an environment variable",
    },
    Group {
        names: &[
            "enable.sasl.oauthbearer.unsecure.jwt",
            "sasl.oauthbearer.method",
            "sasl.oauthbearer.client.id",
            "sasl.oauthbearer.scope",
            "sasl.oauthbearer.extensions",
            "sasl.oauthbearer.token.endpoint.url",
            "https.ca.location",
            "https.ca.pem",
        ],
        reason: "has a field of its own",
        remedy: "use spec.kafka.sasl.oauth",
    },
    Group {
        names: &["ssl.key.password", "ssl.key.pem", "ssl.keystore.password"],
        reason: "would put a secret into the object, for everyone to read",
        remedy: "use spec.kafka.tls with a Secret, a file or an environment variable",
    },
    Group {
        names: &["allow.auto.create.topics"],
        reason: "would make topics whose partitions do not match",
        remedy: "use spec.topics.manage",
    },
    Group {
        names: &["topic.blacklist"],
        reason: "could hide the very topics that are read and written",
        remedy: "remove it",
    },
    Group {
        names: &["api.version.request", "api.version.fallback.ms", "broker.version.fallback"],
        reason: "could turn off the requests that transactions need",
        remedy: "remove it; every broker since Kafka 0.10 tells what it supports",
    },
    Group {
        names: &["plugin.library.paths", "interceptors"],
        reason: "would load code into the worker",
        remedy: "remove it",
    },
    Group {
        names: &["test.mock.num.brokers", "test.mock.broker.rtt"],
        reason: "would replace the Kafka cluster by a simulated one",
        remedy: "remove it",
    },
    Group {
        names: &["enabled_events", "log.queue", "internal.termination.signal", "opaque"],
        reason: "is for the program that embeds the Kafka client",
        remedy: "remove it",
    },
];

/// Checks that the Kafka client knows the setting and that the object may set it.
///
/// # Errors
/// Why it may not, and what to do instead.
pub fn check(name: &str, value: &str) -> Result<(), Refusal> {
    if let Some(group) = REFUSED.iter().find(|group| group.names.contains(&name)) {
        return Err((format!("{name} {}", group.reason), group.remedy.to_owned()));
    }
    // The client itself knows best which settings exist and what they take.
    match ClientConfig::new().set(name, value).create_native_config() {
        Err(KafkaError::ClientConfig(_, problem, _, _)) => Err((
            problem,
            "see CONFIGURATION.md of librdkafka; its names differ from the Java client's in places"
                .to_owned(),
        )),
        Err(other) => Err((other.to_string(), "remove it".to_owned())),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    #[test]
    fn settings_that_tune_pass() {
        for (name, value) in [
            ("client.id", "shipping"),
            ("linger.ms", "5"),
            ("compression.type", "zstd"),
            ("message.max.bytes", "2000000"),
            ("session.timeout.ms", "20000"),
            ("ssl.endpoint.identification.algorithm", "none"),
        ] {
            assert_eq!(check(name, value), Ok(()), "{name}");
        }
    }

    #[test]
    fn settings_that_would_break_exactly_once_are_refused_with_the_reason() {
        assert_eq!(
            check("enable.idempotence", "false"),
            Err((
                "enable.idempotence would break exactly-once: transactions depend on it".to_owned(),
                "remove it; Rollcall sets it".to_owned()
            ))
        );
        assert!(check("isolation.level", "read_committed").is_err());
        assert!(check("auto.offset.reset", "latest").is_err());
    }

    #[test]
    fn the_client_itself_judges_names_and_values() {
        let (message, _) = check("linger.mss", "5").expect_err("no such setting");
        assert_eq!(message, "No such configuration property: \"linger.mss\"");
        let (message, _) = check("linger.ms", "soon").expect_err("no number");
        assert!(message.contains("Invalid value"), "{message}");
        let (message, _) = check("sasl.jaas.config", "x").expect_err("a setting of Java's");
        assert!(message.contains("JAAS"), "{message}");
    }

    #[test]
    fn every_refused_name_is_one_that_the_client_knows() {
        for name in REFUSED.iter().flat_map(|group| group.names) {
            let known = ClientConfig::new().set(*name, "1").create_native_config();
            assert!(
                !matches!(
                    known,
                    Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..))
                ),
                "{name} is unknown"
            );
        }
    }
}
