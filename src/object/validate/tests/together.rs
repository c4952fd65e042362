//! Fields that are valid on their own but not together.

use super::*;

#[test]
fn a_row_fits_into_a_kafka_message() {
    assert_eq!(
        problems_with_more("limits: { rowBytes: 1Mi }"),
        ["spec.limits.rowBytes: with the key it does not fit into a Kafka message of 1000000 \
          bytes\n    make it smaller, or set spec.kafka.properties message.max.bytes: \"1053696\" \
          and the brokers' message.max.bytes to as much"]
    );
    let raised = minimal()
        .replace("kafka }", "kafka, properties: { message.max.bytes: '1053696' } }")
        + "  limits: { rowBytes: 1Mi }\n";
    assert_eq!(problems(&raised), [""; 0]);
}

#[test]
fn what_is_right_by_itself_goes_together() {
    assert_eq!(
        problems_with_more("topics: { createInputs: true, manage: false }"),
        ["spec.topics.createInputs: is true, while spec.topics.manage is false and no topic is \
          made\n    set spec.topics.manage: true, or remove createInputs and create the inputs \
          yourself"]
    );
    let large = minimal()
        .replace("kafka }", "kafka, properties: { message.max.bytes: '3000000' } }")
        + "  limits: { rowBytes: 2Mi }\n  topics: { changelog: { segmentBytes: 1Mi } }\n";
    let found = problems(&large);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("spec.topics.changelog.segmentBytes: is smaller"), "{found:?}");
    for (properties, problem) in [
        ("queue.buffering.max.kbytes: '100'", "less than one record may have"),
        ("heartbeat.interval.ms: '9000'", "more than a third of session.timeout.ms (10000)"),
        ("session.timeout.ms: '500'", "more than a third of session.timeout.ms (500)"),
    ] {
        let found = problems_with_kafka(&format!("properties: {{ {properties} }}"));
        assert_eq!(found.len(), 1, "{properties}: {found:?}");
        assert!(found[0].contains(problem), "{found:?}");
    }
}
