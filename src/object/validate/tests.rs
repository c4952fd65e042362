//! What is refused, word for word, and what is accepted.

mod deadlines;
mod entries;
mod envelopes;
mod formats;
mod keep;
mod oauth;
mod paths;
mod together;

use std::fmt::Write;

use super::*;
use crate::parse;
use crate::resource::{OnTruncation, OutputTimestamp, StartFrom};

/// The object as in the architecture, with no optional fields but those shown there.
const SHIPPING: &str = "\
apiVersion: rollcall.dev/v1alpha1
kind: Reconciliation
metadata: { name: shipping }
spec:
  kafka:
    bootstrapServers: kafka:9092
    # tls: {caSecretRef…, certificateSecretRef…}   sasl: {mechanism, secretRef}
    # properties: {…}   passed through, but for those that would break exactly-once (refused)
  expected:
    topic: orders
    key: $.id                # optional check against the record key
    items: $.items[*].id
  observed:
  - topic: manufactured
    key: $.orderId
    item: $.productId
  completed:
    topic: shipping
    keyField: orderId
  overdue:    { topic: shipping-overdue, after: 72h }
  orphans:    { after: 7d }          # optional, as is expire: { after: 90d }
  deadLetter: { topic: shipping-dead-letter }
  memory: 7d
  counting: distinct         # or quantity
  replicas: 2
  # resources, storage, commitInterval, topics: {manage: true, replicationFactor…}, deletionPolicy …
";

/// The smallest valid object.
fn minimal() -> String {
    "apiVersion: rollcall.dev/v1alpha1\nkind: Reconciliation\nmetadata: { name: shipping }\n\
     spec:\n  kafka: { bootstrapServers: kafka }\n  expected: { topic: orders, items: $.items }\n  \
     observed: [{ topic: manufactured, item: $.productId }]\n  completed: { topic: shipping }\n"
        .to_owned()
}

/// Returns the problems of the architecture's object with `from` replaced by `to`.
fn problems_with(from: &str, to: &str) -> Vec<String> {
    assert!(SHIPPING.contains(from), "{from}");
    problems(&SHIPPING.replacen(from, to, 1))
}

/// Returns the problems of the smallest object with `more` fields in its spec.
fn problems_with_more(more: &str) -> Vec<String> {
    let mut text = minimal();
    for line in more.lines() {
        writeln!(text, "  {line}").expect("a String takes every text");
    }
    problems(&text)
}

/// Returns the problems of the smallest object with `more` in `spec.kafka`.
fn problems_with_kafka(more: &str) -> Vec<String> {
    problems(
        &minimal().replace(
            "{ bootstrapServers: kafka }",
            &format!("{{ bootstrapServers: kafka, {more} }}"),
        ),
    )
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_object_of_the_architecture_is_valid_as_written() {
    let settings = parse(SHIPPING).expect("a valid object");
    assert_eq!(settings.name, "shipping");
    assert_eq!(settings.kafka.bootstrap_servers, "kafka:9092");
    assert_eq!(settings.group_id(), "shipping");
    assert_eq!(settings.changelog_topic(), "shipping-changelog");
    assert_eq!(settings.inputs(), ["orders", "manufactured"]);
    assert_eq!(settings.outputs(), ["shipping", "shipping-overdue", "shipping-dead-letter"]);
    assert_eq!(settings.completed.key_field, "orderId");
    assert_eq!(settings.replicas, 2);
    assert_eq!(
        settings.rules(),
        rollcall_core::matching::Rules {
            counting: Counting::Distinct,
            allow_empty: false,
            failed: None,
            reports_cancelled: false,
            overdue_after_ms: Some(259_200_000),
            orphans_after_ms: Some(604_800_000),
            expire_after_ms: None,
            memory_ms: 604_800_000,
            row_bytes_max: 524_288,
            list_bytes_max: None,
        }
    );
    assert_eq!(
        settings.deadlines_fingerprint(),
        "overdue=259200000 orphans=604800000 expire=- memory=604800000"
    );
}

#[test]
fn what_is_left_out_has_its_documented_default() {
    let settings = parse(&minimal()).expect("a valid object");
    assert_eq!(settings.overdue_topic, "shipping-overdue");
    assert_eq!(settings.dead_letter_topic, "shipping-dead-letter");
    assert_eq!(settings.completed.key_field, "key");
    assert_eq!(settings.deadlines.overdue_after, None);
    assert_eq!(settings.deadlines.orphans_after.as_secs(), 7 * 86_400);
    assert_eq!(settings.commit_interval.as_millis(), 100);
    assert_eq!(settings.start_from, StartFrom::Earliest);
    assert_eq!(settings.on_truncation, OnTruncation::Stop);
    assert_eq!(settings.output_timestamp, OutputTimestamp::Commit);
    assert_eq!(settings.replicas, 1);
    assert_eq!(settings.memory_budget_bytes, None);
    let TopicCreation { manage, create_inputs, partitions, replication_factor, .. } =
        settings.topics;
    assert_eq!((manage, create_inputs), (true, false));
    assert_eq!((partitions, replication_factor), (None, None));
    assert_eq!(
        settings.limits,
        Limits {
            row_bytes_max: 524_288,
            items_per_expectation_max: 10_000,
            key_bytes_max: 1024,
            timestamp_min_ms: 946_684_800_000,
            timestamp_ahead_max: std::time::Duration::from_secs(86_400),
        }
    );
    assert!(!settings.log_records && !settings.paused);
}

#[test]
fn a_group_of_its_own_names_changelog_and_transactions() {
    let text = minimal().replace("kafka }", "kafka, groupId: shipping.v2 }");
    let settings = parse(&text).expect("a valid object");
    assert_eq!(settings.changelog_topic(), "shipping.v2-changelog");
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = SHIPPING
        .replace("memory: 7d", "memory: 7 days\n  memmory: 7d")
        .replace("item: $.productId", "item: productId")
        .replace("topic: shipping-overdue", "topic: orders")
        .replace("name: shipping", "name: Shipping");
    assert_eq!(
        problems(&text),
        [
            "spec.memmory: is an unknown field\n    did you mean memory? If not, remove it; known \
             are: completed, expected, kafka, observed, cancelled, commitBudget, commitInterval, \
             console, counting, deadLetter, deletionPolicy, expire, failed, limits, logRecords, \
             memory, memoryBudget, networkPolicy, onTruncation, orphans, outputTimestamp, \
             overdue, partitioner, paused, pod, registry, replicas, resources, startFrom, storage, \
             topics, tracing",
            "metadata.name: \"Shipping\" cannot name a Reconciliation\n    use at most 52 \
             characters of a-z, 0-9 and -, beginning with a letter and not ending with -, such as \
             shipping",
            "spec.observed[0].item: \"productId\" is not a JSON path that Rollcall reads, from \
             column 1 on\n    a path starts with $, as in $.id",
            "spec.memory: \"7 days\" is not a duration\n    \
             write 7d",
            "spec.overdue.topic: \"orders\" is also spec.expected.topic\n    \
             use every topic for one purpose",
        ]
    );
}

#[test]
fn topics_are_legal_and_serve_one_purpose() {
    assert_eq!(
        problems_with("topic: shipping-dead-letter", "topic: shipping/dead"),
        ["spec.deadLetter.topic: \"shipping/dead\" is not a valid topic name\n    \
          use 1 to 249 characters of a-z, A-Z, 0-9, ., _ and -"]
    );
    assert_eq!(
        problems_with("topic: shipping-overdue", "topic: shipping-changelog"),
        ["spec.overdue.topic: \"shipping-changelog\" is also the changelog\n    \
          use every topic for one purpose"]
    );
    assert_eq!(
        problems_with("topic: shipping-overdue", "topic: shipping_dead.letter")
            .iter()
            .chain(&problems_with_more("deadLetter: { topic: a.b }\noverdue: { topic: a_b }"))
            .collect::<Vec<_>>(),
        ["spec.deadLetter.topic: \"a.b\" differs from \"a_b\", spec.overdue.topic, only in . and \
          _\n    choose another name; Kafka refuses to have both"]
    );
    assert_eq!(
        problems_with("topic: manufactured", "topic: __consumer_offsets")[0].lines().next(),
        Some(
            "spec.observed[0].topic: \"__consumer_offsets\" begins with __ like Kafka's internal \
             topics"
        )
    );
}

#[test]
fn at_least_one_topic_is_observed() {
    let text = minimal().replace("[{ topic: manufactured, item: $.productId }]", "[]");
    assert_eq!(
        problems(&text),
        ["spec.observed: is empty\n    name at least one topic of observations"]
    );
}

#[test]
fn the_key_field_is_none_that_output_records_have_already() {
    assert_eq!(
        problems_with("keyField: orderId", "keyField: late"),
        ["spec.completed.keyField: \"late\" is the name of another field of output records\n    \
          choose another one, such as key"]
    );
    assert!(problems_with("keyField: orderId", "keyField: ''")[0].contains("is empty"));
}

#[test]
fn durations_and_amounts_keep_their_bounds() {
    assert_eq!(
        problems_with_more(
            "commitInterval: 11s\ncommitBudget: 0\nmemory: 10ms\nreplicas: -1\nmemoryBudget: 1Mi"
        ),
        [
            "spec.memory: 10ms is too small\n    write 1s or more",
            "spec.commitInterval: 11s is too large\n    write 10s or less",
            "spec.commitBudget: 0 is too small\n    write 1 or more",
            "spec.memoryBudget: 1Mi is too small\n    write 16Mi or more",
            "spec.replicas: -1 is too small\n    write 0 or more",
        ]
    );
    assert_eq!(
        problems_with_more("limits: { rowBytes: 512KiB, itemsPerExpectation: 0 }"),
        [
            "spec.limits.rowBytes: \"512KiB\" is not an amount of bytes\n    \
             write 512Ki",
            "spec.limits.itemsPerExpectation: 0 is too small\n    write 1 or more",
        ]
    );
    assert_eq!(problems_with_more("limits: { rowBytes: 65536 }"), [""; 0]);
    assert_eq!(
        problems_with_more("limits: { timestampMin: \"2000-01-01\", timestampAhead: 0s }"),
        [
            "spec.limits.timestampMin: \"2000-01-01\" is not an instant\n    \
             write 2000-01-01T00:00:00Z",
            "spec.limits.timestampAhead: 0s is too small\n    write 1s or more",
        ]
    );
    assert_eq!(
        problems_with_more("limits: { timestampMin: \"1969-12-31T23:59:59Z\" }"),
        ["spec.limits.timestampMin: 1969-12-31T23:59:59Z is too small\n    \
          write 1970-01-01T00:00:00Z or more"]
    );
    assert_eq!(
        problems_with_more(
            "topics: { partitions: 0, replicationFactor: 101, \
             changelog: { deleteRetention: 1s, segmentBytes: 1 } }\nstorage: { size: 1Ki }"
        ),
        [
            "spec.topics.partitions: 0 is too small\n    write 1 or more",
            "spec.topics.replicationFactor: 101 is too large\n    write 100 or less",
            "spec.topics.changelog.deleteRetention: 1s is too small\n    write 1h or more",
            "spec.topics.changelog.segmentBytes: 1 is too small\n    write 1Mi or more",
            "spec.storage.size: 1Ki is too small\n    write 64Mi or more",
        ]
    );
}

#[test]
fn expiry_comes_after_overdue() {
    assert_eq!(
        problems_with("orphans: ", "expire: { after: 72h }\n  orphans: "),
        ["spec.expire.after: is not longer than spec.overdue.after, so no key would ever be \
          overdue\n    make it longer, or remove spec.overdue.after"]
    );
    assert_eq!(problems_with("orphans: ", "expire: { after: 73h }\n  orphans: "), [""; 0]);
}

#[test]
fn settings_that_would_break_exactly_once_are_refused_by_name() {
    assert_eq!(
        problems_with_kafka("properties: { linger.ms: '5', enable.idempotence: 'false' }"),
        ["spec.kafka.properties[\"enable.idempotence\"]: enable.idempotence would break \
          exactly-once: transactions depend on it\n    remove it; Rollcall sets it"]
    );
}

#[test]
fn brokers_are_given_as_host_and_port() {
    for servers in ["kafka:9092", "kafka", "a:1,b:2", "a:1, b:2", "'[::1]:9092'", "10.0.0.1:9092"] {
        let text = SHIPPING.replace(
            "Servers: kafka:9092",
            &format!("Servers: \"{}\"", servers.trim_matches('\'')),
        );
        assert_eq!(problems(&text), [""; 0], "{servers}");
    }
    for servers in ["", "kafka:", "kafka:0", "kafka:port", ":9092", "a:1,,b:2", "::1:9092", "a b:1"]
    {
        let found = problems(&SHIPPING.replace("kafka:9092", &format!("\"{servers}\"")));
        assert_eq!(found.len(), 1, "{servers}: {found:?}");
        assert!(found[0].contains("is not host:port"), "{found:?}");
    }
    assert_eq!(
        problems_with("kafka:9092", "SASL_SSL://kafka:9092"),
        ["spec.kafka.bootstrapServers: \"SASL_SSL://kafka:9092\" has a scheme\n    \
          write host:port; whether it is encrypted follows from spec.kafka.tls"]
    );
}

#[test]
fn what_the_coordinator_sets_is_refused_under_its_protocol() {
    assert!(problems_with_kafka("groupProtocol: consumer").is_empty());
    let session = "groupProtocol: consumer, properties: {session.timeout.ms: \"9000\"}";
    assert_eq!(
        problems_with_kafka(session),
        ["spec.kafka.properties[\"session.timeout.ms\"]: is the brokers' to set under \
          groupProtocol: consumer\n    remove it; see group.consumer.* in the brokers' \
          configuration"]
    );
}

#[test]
fn every_secret_has_one_source() {
    for (kafka, problem) in [
        ("tls: { caFile: a, caSecretRef: { name: s } }", "names the certificate authority twice"),
        ("tls: { certificateFile: a }", "certificateFile and keyFile belong together"),
        ("tls: { keyFile: a, certificateSecretRef: { name: s } }", "certificate twice"),
        ("tls: { keyPasswordEnv: A, keyPasswordFile: a }", "both keyPasswordEnv and"),
        ("sasl: { mechanism: PLAIN }", "does not say where user name and password are"),
        ("sasl: { mechanism: PLAIN, usernameEnv: A }", "does not say where"),
        ("sasl: { mechanism: PLAIN, usernameEnv: A, secretRef: { name: s } }", "login twice"),
        (
            "sasl: { mechanism: PLAIN, secretRef: { name: s }, oauth: { tokenEndpoint: \
             'https://a/', secretRef: { name: c } } }",
            "is of no use to the mechanism PLAIN",
        ),
        ("groupId: 'a b'", "not a valid consumer group name"),
    ] {
        let found = problems_with_kafka(kafka);
        assert_eq!(found.len(), 1, "{kafka}: {found:?}");
        assert!(found[0].contains(problem), "{found:?}");
    }
    assert_eq!(
        problems_with_kafka("sasl: { mechanism: PLAIN, usernameEnv: $USER, passwordFile: p }"),
        ["spec.kafka.sasl.usernameEnv: \"$USER\" cannot name an environment variable\n    \
          write its bare name, of letters, digits and _"]
    );
}

#[test]
fn what_a_collector_is_told_is_checked() {
    let told =
        problems_with_more("tracing: { endpoint: collector:4317, headersEnv: A, headersFile: /b }");
    let [endpoint, headers] = &told[..] else { panic!("{told:?}") };
    assert!(endpoint.starts_with("spec.tracing.endpoint: \"collector:4317\""), "{endpoint}");
    assert!(
        headers.starts_with("spec.tracing: gives both headersEnv and headersFile"),
        "{headers}"
    );
    let told = problems_with_more("tracing: { headersSecretRef: { name: s }, headersFile: /b }");
    assert!(told.len() == 1 && told[0].contains("names the headers twice"), "{told:?}");
    for fits in ["{}", "{ endpoint: 'http://[::1]:4318/base' }", "{ endpoint: 'https://c' }"] {
        assert_eq!(problems_with_more(&format!("tracing: {fits}")), [""; 0], "{fits}");
    }
}
