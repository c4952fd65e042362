//! Whole values as people read them.

use std::sync::Arc;

use super::formats::{avro, named};
use super::protobuf::{ANY, encode};
use super::*;
use crate::codec::input::{SCHEMA_ID_HEADER, Unread};
use crate::codec::schemas::{Lookup, Schema, SchemaId, Schemas};
use crate::record::Header;

/// The text of a value, or why there is none, behind the id of its schema.
fn shown(format: &Format, value: &[u8], headers: &[Header]) -> String {
    let headers = headers.to_vec();
    let Whole { schema, json } = format.whole(value, Some(&headers));
    let id = schema.map_or_else(String::new, |id| format!("{id}: "));
    match json {
        Ok(json) => format!("{id}{json}"),
        Err(Unread::Useless(reason)) => format!("{id}{}: {reason}", reason.name()),
        Err(Unread::Waits(why)) => format!("{id}waits, {why:?}"),
    }
}

const VALUES: [&str; 5] = [
    r#"{"id":"o-1","items":[{"id":1},{"id":"a \" b"}],"to":{"n":[1.5,null,true,{}],"x":"ü"}}"#,
    r#"{"after":{"id":7},"before":null,"op":"c"}"#,
    "[1,[],[[2]]]",
    "null",
    "-7",
];

#[test]
fn a_whole_value_is_what_would_be_kept_of_it() {
    let keep = vec![Keep { name: "all".to_owned(), path: path("$") }];
    let paths = ExpectedPaths { key: None, items: at("$.items[*].id"), quantity: None };
    let input = decoder(Entry { keep, ..paths.into() }, Counting::Distinct).expect("a path");
    let (schema, bytes) = avro(VALUES[0]);
    let format = Format::Avro(Source::Given(schema));
    let whole = shown(&format, &bytes, &[]);
    let input = input.reading(format);
    let record = super::super::Input { key: Some(b"o-1"), value: Some(&bytes), headers: None };
    let mut scratch = Scratch::default();
    let Ok(Decoded::Event { kept, .. }) = input.decode(record, &mut scratch) else {
        panic!("it is an order")
    };
    assert_eq!(kept, format!(r#""all":{whole}"#));
}

#[test]
fn values_of_all_formats_are_the_same_text() {
    let in_protobuf = Format::Protobuf(Source::Given((*ANY).clone().into()));
    for value in VALUES {
        let (schema, bytes) = avro(value);
        assert_eq!(shown(&Format::Avro(Source::Given(schema)), &bytes, &[]), value);
        let message = encode(&serde_json::from_str(value).expect("a document"));
        assert_eq!(shown(&in_protobuf, &message, &[]), value);
        assert_eq!(shown(&Format::Json, value.as_bytes(), &[]), value);
        let behind_an_id = [&[0, 0, 0, 0, 7], value.as_bytes()].concat();
        assert_eq!(shown(&Format::JsonSchema, &behind_an_id, &[]), format!("7: {value}"));
    }
    // JSON stays as it came.
    assert_eq!(shown(&Format::Json, b" {\"a\" :1.50}", &[]), " {\"a\" :1.50}");
}

#[test]
fn the_id_is_known_whatever_the_registry_says() {
    let known = named(|_| Lookup::Known(avro("\"x\"").0));
    let value = [0, 0, 0, 0, 7, 2, b'x'];
    assert_eq!(shown(&known, &value, &[]), r#"7: "x""#);
    let header = (SCHEMA_ID_HEADER.to_owned(), Some(value[..5].to_vec()));
    assert_eq!(shown(&known, &value[5..], std::slice::from_ref(&header)), r#"7: "x""#);
    let found = shown(&known, &value[..6], &[]);
    let expected = "7: not-the-schema: the value cannot be read by schema 7: it ends too early";
    assert!(found.starts_with(expected), "{found}");
    let unknown = shown(&named(|_| Lookup::Unknown), &value, &[]);
    assert!(unknown.starts_with("7: unknown-schema: "), "{unknown}");
    assert_eq!(shown(&named(|_| Lookup::Pending), &value, &[]), "7: waits, None");
    let away = named(|_| Lookup::Unavailable("it is away".into()));
    assert_eq!(shown(&away, &value, &[]), "7: waits, Some(\"it is away\")");
    let other = shown(&named(|_| Lookup::Known(Schema::Json)), &value, &[]);
    assert!(other.ends_with("it is a schema of JSON, not of Avro"), "{other}");
}

/// A registry that knows the schema of messages.
#[derive(Debug)]
struct Any;

impl Schemas for Any {
    fn find(&self, _: SchemaId) -> Lookup {
        Lookup::Known((*ANY).clone().into())
    }
}

#[test]
fn a_message_is_found_by_its_indexes() {
    let format = Format::Protobuf(Source::Named(Arc::new(Any)));
    let message = encode(&serde_json::json!({"a": 1}));
    let of = |indexes: &[u8]| [&[0, 0, 0, 0, 7][..], indexes, &message].concat();
    assert_eq!(shown(&format, &of(&[0]), &[]), r#"7: {"a":1}"#);
    let found = shown(&format, &of(&[2, 18]), &[]);
    assert!(found.contains("the message indexes lead to no message"), "{found}");
    let cut = of(&[0]);
    let found = shown(&format, &cut[..cut.len() - 1], &[]);
    assert!(found.starts_with("7: not-the-schema: "), "{found}");
}

#[test]
fn what_is_no_value_has_its_reason() {
    for (format, value, expected) in [
        (Format::Json, &b"{\n1"[..], "malformed-json: the value is not a JSON document: line 2"),
        (Format::Json, b"{}{", "malformed-json: "),
        (Format::Json, b"\"\xff\"", "not-utf8: "),
        (Format::Json, b"\x1f\x8b\x08\0", "wrong-encoding: "),
        (Format::JsonSchema, b"{}", "no-schema-id: it begins with byte 0x7b"),
        (Format::JsonSchema, b"\0\0\0\0\x07{", "7: malformed-json: "),
        (named(|_| Lookup::Pending), b"\0\0", "no-schema-id: after byte 0 the schema's id is cut"),
    ] {
        let found = shown(&format, value, &[]);
        assert!(found.starts_with(expected), "{found}");
    }
}
