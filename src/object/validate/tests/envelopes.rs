//! What the records of a topic are wrapped in.

use super::*;

/// Returns an object with these fields of the expected and of both observed entries.
fn object(expected: &str, first: &str, second: &str) -> String {
    format!(
        "apiVersion: rollcall.dev/v1alpha1
kind: Reconciliation
metadata: {{ name: shop }}
spec:
  kafka: {{ bootstrapServers: kafka:9092 }}
  expected: {{topic: orders, items: '$.items[*].id'{expected}}}
  observed:
  - {{topic: shop, item: $.item, where: [{{header: table, in: [lines]}}]{first}}}
  - {{topic: shop, item: $.parcel{second}}}
  completed: {{ topic: done }}
"
    )
}

#[test]
fn a_topic_has_one_envelope_and_paths_lead_into_it() {
    use rollcall_core::codec::input::Envelope;
    let both = ", envelope: debezium";
    let text = object(", envelope: cloudevents, keep: {at: $envelope.time}", both, both);
    let settings = crate::parse(&text).expect("a valid object");
    assert_eq!(settings.expected.entry.envelope, Some(Envelope::CloudEvents));
    let envelopes = settings.observed.iter().map(|observed| observed.entry.envelope);
    assert!(envelopes.eq([Some(Envelope::Debezium); 2]));
    assert_eq!(
        problems(&object("", both, ", envelope: connect")),
        ["spec.observed[1].envelope: is connect, and spec.observed[0] has debezium for the same \
          topic\n    write the same for both: what the records of the topic are wrapped in"]
    );
    assert_eq!(
        problems(&object("", both, "")),
        ["spec.observed[1].envelope: is none, and spec.observed[0] has debezium for the same \
          topic\n    write the same for both: what the records of the topic are wrapped in"]
    );
}

#[test]
fn a_path_into_an_envelope_needs_one() {
    for (field, place) in [
        ("key: $envelope.id", "spec.expected.key"),
        ("where: [{path: $envelope.op, in: [c]}]", "spec.expected.where"),
        ("keep: {op: $envelope.op}", "spec.expected.keep"),
    ] {
        let found = problems(&object(&format!(", {field}"), "", ""));
        let expected = format!("{place}: \"$envelope.");
        assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
        assert!(found[0].contains("write spec.expected.envelope: debezium"), "{found:?}");
    }
    let found = problems(&object(", envelope: avro", "", ""));
    assert!(found.len() == 1 && found[0].contains("cloudevents"), "{found:?}");
}
