//! What is a schema, and what is not.

use super::*;

fn refusal(text: &str) -> String {
    Schema::parse(text, &[]).expect_err(text).to_string()
}

#[test]
fn a_name_is_looked_up_in_the_namespace_that_it_is_used_in() {
    let schema = schema(
        r#"{"type":"record","name":"Order","namespace":"shop","fields":[
            {"name":"to","type":{"type":"record","name":"a.Address","fields":[
                {"name":"zip","type":"string"},
                {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["HOME","WORK"]}}]}},
            {"name":"back","type":["null","a.Address"]},
            {"name":"kind","type":"a.Kind"},
            {"name":"next","type":["null","Order"]}]}"#,
    );
    let address = [sized(b"8004"), long(1)].concat();
    let end = [&address[..], &long(0), &long(0), &long(0)].concat();
    let bytes = [&address[..], &long(1), &address, &long(1), &long(1), &end].concat();
    let found = json_of(&schema, &bytes).expect("a value");
    assert_eq!(found["back"]["zip"], "8004");
    assert_eq!((&found["kind"], &found["next"]["kind"]), (&"WORK".into(), &"HOME".into()));
    assert_eq!(found["next"]["next"], serde_json::Value::Null);
}

#[test]
fn references_are_read_before_the_schema_that_uses_them() {
    let address =
        r#"{"type":"record","name":"shop.Address","fields":[{"name":"zip","type":"int"}]}"#;
    let order =
        r#"{"type":"record","name":"shop.Order","fields":[{"name":"to","type":"Address"}]}"#;
    let schema = Schema::parse(order, &[address]).expect("a schema");
    let found = json_of(&schema, &long(8004)).expect("a value");
    assert_eq!(found["to"]["zip"], 8004);
    assert_eq!(
        refusal(order),
        "the type \"shop.Address\" is not defined before it is used; add the schema that defines it"
    );
}

#[test]
fn a_primitive_type_may_be_written_in_three_ways() {
    for text in
        ["\"string\"", "string", r#"{"type":{"type":"string","avro.java.string":"String"}}"#]
    {
        let found = json_of(&schema(text), &sized(b"x")).expect("a value");
        assert_eq!(found, "x", "{text}");
    }
}

#[test]
fn what_is_no_schema_is_refused_with_the_reason() {
    for (text, why) in [
        ("{", "it is not JSON: line 1, column 1"),
        ("7", "a type is a name, an object or a list, not a number"),
        ("[]", "a union needs a type"),
        (r#"["null",["int"]]"#, "a union is directly inside another one"),
        (r#"{"name":"x"}"#, "a type needs \"type\""),
        (r#"{"type":"record","fields":[]}"#, "a record needs a \"name\""),
        (r#"{"type":"record","name":"R"}"#, "a record needs \"fields\""),
        (r#"{"type":"fixed","name":"F","size":-1}"#, "a fixed needs a \"size\" in bytes"),
        (r#"{"type":"enum","name":"E","symbols":[1]}"#, "an enum needs symbols that are text"),
        (r#"{"type":"array"}"#, "an array needs \"items\""),
        (
            r#"["null",{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]"#,
            "the name \"F\" is defined twice",
        ),
    ] {
        assert_eq!(refusal(text), why, "{text}");
    }
}

#[test]
fn a_schema_is_bounded() {
    let deep = format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(500), "}".repeat(500));
    assert!(matches!(Schema::parse(&deep, &[]), Err(SchemaError::NotJson { .. })));
    let wide = format!("[{}\"int\"]", "\"int\",".repeat(100_001));
    assert_eq!(Schema::parse(&wide, &[]), Err(SchemaError::TooLarge));
    let long = format!("\"{}\"", "x".repeat(5 << 20));
    assert_eq!(Schema::parse(&long, &[]), Err(SchemaError::TooLarge));
}

/// Otherwise the names of the types inside would add up to the product of both numbers.
#[test]
fn a_namespace_of_any_length_is_refused() {
    let namespace = "n".repeat(10_000);
    let schema =
        format!(r#"{{"type":"enum","name":"E","namespace":"{namespace}","symbols":["A"]}}"#);
    assert!(refusal(&schema).contains("a name of more than 4096 bytes"));
}
