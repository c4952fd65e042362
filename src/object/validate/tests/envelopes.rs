//! What the records of a topic are wrapped in.

use super::*;
use crate::registry::{InputFormat, MessageAt, SchemaAt};

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

#[test]
fn all_inputs_have_the_same_record_keys_unless_partitions_are_not_checked() {
    let (id, other) = (", recordKey: {json: $.id}", ", recordKey: {json: $.order}");
    let settings = crate::parse(&object(id, id, id)).expect("a valid object");
    assert_eq!(settings.keys_are(), rollcall_core::shard::KeysAre::Parts);
    let record_key = settings.expected.entry.record_key.as_ref().map(ToString::to_string);
    assert_eq!(record_key.as_deref(), Some("$.id"));
    let found = problems(&object(id, other, other));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(
        "spec.observed[0].recordKey: is json: $.order, and spec.expected has json: $.id, so \
         records of a key would not meet\n    have all producers write the same record keys"
    ));
    let unchecked = object(id, other, other) + "  partitioner: unchecked\n";
    assert_eq!(problems(&unchecked), [""; 0]);
    let found = problems(&(object(id, other, "") + "  partitioner: unchecked\n"));
    assert!(found.len() == 1 && found[0].contains("for the same topic"), "{found:?}");
    let found = problems(&object("", "", id));
    assert!(found.len() == 1 && found[0].starts_with("spec.observed[1].recordKey"), "{found:?}");
    for (key, place) in [
        ("{json: \"$[*]\"}", "spec.expected.recordKey.json: "),
        ("{json: $envelope.id}", "spec.expected.recordKey.json: "),
        ("{}", "spec.expected.recordKey: says nothing"),
        ("{json: $.id, avro: $.id}", "spec.expected.recordKey: is given in two ways"),
        ("{avro: $.id}", "spec.expected.recordKey.avro: is given, and nothing says where"),
    ] {
        let key = format!(", recordKey: {key}");
        let found = problems(&(object(&key, "", "") + "  partitioner: unchecked\n"));
        assert!(found.len() == 1 && found[0].starts_with(place), "{found:?}");
    }
}

#[test]
fn record_keys_in_other_formats_are_read_with_the_registry() {
    for (key, format) in [
        ("avro", InputFormat::Avro(SchemaAt::Registry)),
        ("protobuf", InputFormat::Protobuf(MessageAt::Registry)),
        ("jsonSchema", InputFormat::JsonSchema),
    ] {
        let key = format!(", recordKey: {{{key}: $.id}}");
        let registry = "  registry: { urls: ['http://registry:8081'] }\n";
        let settings = parse(&(object(&key, &key, &key) + registry)).expect("a valid object");
        assert_eq!(settings.asks_registry(), format != InputFormat::JsonSchema);
        assert_eq!(settings.input_formats("orders"), (&InputFormat::Json, &format));
        let unread = settings.formats(None).map_err(|error| error.to_string());
        let expected = "spec.expected.recordKey: the schemas of orders are in the schema registry";
        assert_eq!(unread.is_ok(), format == InputFormat::JsonSchema);
        assert!(unread.err().is_none_or(|error| error.starts_with(expected)));
    }
}
