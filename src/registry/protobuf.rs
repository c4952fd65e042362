//! Schemas of Protobuf, as registries send them: the text of a `.proto` file, or its descriptor in
//! base64, as some serializers register it and some registries keep it.

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, MessageOptions, UninterpretedOption};

use rollcall_core::{
    codec::{base64, protobuf::Schema},
    text::escape::printable,
};

/// Types that files use without a reference to them.
const KNOWN: [&str; 3] = [
    include_str!("known/google_protobuf.proto"),
    include_str!("known/google_type.proto"),
    include_str!("known/confluent_type.proto"),
];

const MAP_ENTRY: &str = "map_entry";

/// Compiles a schema; `references` are those that it imports, directly or not.
///
/// # Errors
/// What is wrong with one of them.
pub fn compile(schema: &str, references: &[String]) -> Result<Schema, String> {
    let known = KNOWN.iter().copied();
    let imports = references.iter().map(String::as_str).chain(known).map(descriptor);
    let imports = imports.collect::<Result<Vec<_>, _>>()?;
    let imports: Vec<&[u8]> = imports.iter().map(Vec::as_slice).collect();
    Schema::compile(&descriptor(schema)?, &imports).map_err(|error| error.to_string())
}

/// Returns the descriptor of a file. No text of one consists of the digits of base64 alone.
fn descriptor(schema: &str) -> Result<Vec<u8>, String> {
    if let Ok(descriptor) = base64::decode(schema) {
        return Ok(descriptor);
    }
    let parsed = protox_parse::parse("the schema", schema);
    let mut file = parsed.map_err(|error| printable(&error.to_string()).into_owned())?;
    file.message_type.iter_mut().for_each(order);
    let file = FileDescriptorProto { source_code_info: None, ..file };
    Ok(file.encode_to_vec())
}

/// Orders the messages inside of one as their indexes count them. Registries write the entries of
/// maps, which a descriptor has as messages, out as messages, and those count; what `map<>` stands
/// for does not, as it is no message of the text.
fn order(message: &mut DescriptorProto) {
    message
        .nested_type
        .sort_by_key(|inside| inside.options.as_ref().is_some_and(MessageOptions::map_entry));
    for inside in &mut message.nested_type {
        order(inside);
        if let Some(options) = &mut inside.options
            && options.uninterpreted_option.iter().any(says_map_entry)
        {
            options.map_entry = Some(true);
        }
    }
}

fn says_map_entry(option: &UninterpretedOption) -> bool {
    let [name] = &option.name[..] else { return false };
    name.name_part == MAP_ENTRY && option.identifier_value.as_deref() == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::codec::protobuf::{Document, Indexes};
    use serde::Deserialize;
    use serde_json::{Value, json};

    const ORDER: &str = r#"
        syntax = "proto3";
        package shop;
        import "money.proto";
        import "google/protobuf/timestamp.proto";
        message Order {
          string id = 1;
          map<string, int64> counts = 2;
          message Item { string id = 1; Money price = 2; }
          repeated Item items = 3 [deprecated = true, json_name = "lines"];
          google.protobuf.Timestamp at = 4;
        }"#;
    const MONEY: &str = "syntax = \"proto3\"; package shop; message Money { sint32 cents = 1; }";

    fn read(schema: &Schema, indexes: &[u8], bytes: &[u8]) -> Value {
        let (indexes, _) = Indexes::read(indexes).expect("indexes");
        let mut document = Document::new(schema, &indexes, bytes).expect("a message");
        Value::deserialize(&mut document).expect("a value")
    }

    fn refusal(schema: &str) -> String {
        compile(schema, &[]).expect_err(schema)
    }

    #[test]
    fn the_text_of_a_file_is_read_with_what_it_imports() {
        let schema = compile(ORDER, &[MONEY.to_owned()]).expect("a schema");
        let item = b"\x0a\x01x\x12\x02\x08\x05";
        let order = [b"\x1a\x07", &item[..], b"\x22\x02\x08\x01"].concat();
        let item = json!({"id": "x", "price": {"cents": -3}});
        let expected = json!({"id": "", "counts": {}, "lines": [item],
            "at": "1970-01-01T00:00:01Z"});
        assert_eq!(read(&schema, &[0], &order), expected);
    }

    /// What is written as `map<>` is no message of the text, and what is written as a message is.
    #[test]
    fn messages_inside_of_others_count_as_the_text_has_them() {
        let schema = compile(ORDER, &[MONEY.to_owned()]).expect("a schema");
        assert_eq!(read(&schema, &[4, 0, 0], b"\x0a\x01x"), json!({"id": "x"}));
        let written_out = ORDER.replace(
            "map<string, int64> counts = 2;",
            "repeated CountsEntry counts = 2;
             message CountsEntry { option map_entry = true; string key = 1; int64 value = 2; }",
        );
        let schema = compile(&written_out, &[MONEY.to_owned()]).expect("a schema");
        assert_eq!(read(&schema, &[4, 0, 2], b"\x0a\x01x"), json!({"id": "x"}));
        let counts = b"\x12\x05\x0a\x01k\x10\x07";
        assert_eq!(read(&schema, &[0], counts)["counts"], json!({"k": 7}));
    }

    #[test]
    fn a_descriptor_may_come_in_base64() {
        let descriptor = |text: &str| base64::encode(&descriptor(text).expect("a file"));
        let schema = compile(&descriptor(ORDER), &[descriptor(MONEY)]).expect("a schema");
        assert_eq!(read(&schema, &[0], b"\x0a\x01x")["id"], "x");
    }

    #[test]
    fn all_types_that_files_know_without_a_reference_are_there() {
        for (of, bytes, json) in [
            (
                "google.protobuf.Struct",
                &b"\x0a\x07\x0a\x01k\x12\x02\x20\x01"[..],
                json!({"k": true}),
            ),
            ("google.protobuf.ListValue", b"\x0a\x02\x08\x00\x0a\x03\x1a\x01x", json!([null, "x"])),
            ("google.protobuf.Duration", b"\x08\x05", json!("5s")),
            ("google.protobuf.UInt64Value", b"\x08\x05", json!(5)),
            ("google.protobuf.Empty", b"", json!({})),
            ("google.type.DayOfWeek", b"", json!(null)),
            ("google.type.Date", b"\x08\x05", json!({"year": 5, "month": 0, "day": 0})),
            (
                "confluent.type.Decimal",
                b"\x18\x02",
                json!({"value": "", "precision": 0, "scale": 2}),
            ),
        ] {
            let text = format!("syntax = \"proto3\"; message M {{ {of} it = 1; }}");
            let schema = compile(&text, &[]).expect("a schema");
            let value = [b"\x0a", &[bytes.len() as u8][..], bytes].concat();
            match json {
                Value::Null => assert_eq!(read(&schema, &[0], b"\x08\x01")["it"], "MONDAY"),
                json => assert_eq!(read(&schema, &[0], &value)["it"], json, "{of}"),
            }
        }
    }

    #[test]
    fn what_is_no_schema_is_refused_with_the_reason() {
        let found = refusal(ORDER);
        assert!(found.contains("the type \"Money\", which neither"), "{found}");
        for text in ["message {", "syntax = \"proto3\"; message M { int32 a = 0; }", "\0"] {
            let found = refusal(text);
            assert!(!found.is_empty() && found.chars().all(|c| !c.is_control()), "{found}");
        }
        // Nothing of any depth ends in more than a refusal.
        for (open, close) in
            [("message M {", "}"), ("option (a) = {a: {", "}}"), ("option a = {b: [", "]}")]
        {
            let _ = compile(&(open.repeat(50_000) + &close.repeat(50_000)), &[]);
        }
        let nested = "{a: ".repeat(100_000) + "1" + &"}".repeat(100_000);
        let _ = compile(&format!("syntax = \"proto3\"; option (a) = {nested};"), &[]);
    }
}
