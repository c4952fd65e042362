//! Rules about formats and the schema registry.

use super::*;

#[test]
fn the_rules_of_the_definition_refuse_what_validation_refuses_of_formats() {
    for (from, to, message) in [
        (
            "topic: orders",
            "topic: orders\n    format: avro\n    avro: {}",
            "give schema or schemaFile",
        ),
        (
            "memory: 7d",
            "memory: 7d\n  registry: { urls: ['http://r'], usernameEnv: A }",
            "one source of the user name",
        ),
        (
            "memory: 7d",
            "memory: 7d\n  registry: { urls: ['http://r'], tokenEnv: A, secretRef: { name: s } }",
            "give one of secretRef",
        ),
        (
            "memory: 7d",
            "memory: 7d\n  registry: { urls: ['http://r'], caFile: a, caSecretRef: { name: s } }",
            "caSecretRef or caFile",
        ),
        (
            "  expected: # which products an order needs\n",
            "  partitioner: unchecked\n  expected:\n    recordKey: { json: $.a, avro: $.a }\n",
            "give one of json, avro",
        ),
    ] {
        let found = refusals_with(from, to, None);
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        assert!(found[0].contains(message), "{to}: {found:?}");
        assert!(parse(&DEMO.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn the_format_of_an_input_and_the_registry_may_change() {
    let avro = DEMO.replacen("topic: orders", "topic: orders\n    format: avro", 1);
    let avro = avro.replacen("memory: 7d", "memory: 7d\n  registry: { urls: ['http://r'] }", 1);
    assert!(parse(&avro).is_ok(), "{avro}");
    assert_eq!(refusals(&avro, Some(DEMO)), [""; 0]);
    assert_eq!(refusals(DEMO, Some(&avro)), [""; 0]);
}

#[test]
fn entries_that_would_read_a_topic_in_two_ways_or_never_meet_are_refused() {
    let differ = "item: $.a\n    where: [{ path: $.a, in: [a] }]\n  \
                  - { topic: manufactured, item: $.id, envelope: connect }";
    for (from, to, message) in [
        ("topic: orders", "topic: orders\n    recordKey: { json: $.id }", "the same recordKey"),
        ("item: $.productId", differ, "need the same envelope"),
    ] {
        assert_refused(from, to, message);
    }
}

#[test]
fn record_keys_of_all_formats_are_compared() {
    let of = |expected: &str, observed: &str| {
        DEMO.replacen("topic: orders", &format!("topic: orders\n    recordKey: {expected}"), 1)
            .replacen(
                "topic: manufactured",
                &format!("topic: manufactured\n    recordKey: {observed}"),
                1,
            )
    };
    let formats = ["json", "avro", "protobuf", "jsonSchema"];
    for (expected, observed) in formats.into_iter().flat_map(|a| formats.map(|b| (a, b))) {
        let same = of(&format!("{{ {expected}: $.id }}"), &format!("{{ {observed}: $.id }}"));
        let other = of(&format!("{{ {expected}: $.id }}"), &format!("{{ {observed}: $.no }}"));
        assert_eq!(refusals(&same, None).is_empty(), expected == observed, "{same}");
        assert_eq!(refusals(&other, None).len(), 1, "{other}");
    }
}
