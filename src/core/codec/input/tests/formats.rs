//! Values in other formats than JSON.

#[path = "../../../../sim/avro.rs"]
mod avro_of;

use std::sync::Arc;

use super::*;
use crate::codec::avro;
use crate::codec::schemas::{Lookup, Schema, SchemaId, Schemas};
use crate::record::Header;

/// A registry of which everything is known in advance.
#[derive(Debug)]
struct Registry(fn(SchemaId) -> Lookup);

impl Schemas for Registry {
    fn find(&self, id: SchemaId) -> Lookup {
        (self.0)(id)
    }
}

pub(super) fn named(find: fn(SchemaId) -> Lookup) -> Format {
    Format::Avro(Source::Named(Arc::new(Registry(find))))
}

/// The schema and the bytes of a JSON text.
pub(super) fn avro(json: &str) -> (Schema, Vec<u8>) {
    let (schema, bytes) = avro_of::encode(&serde_json::from_str(json).expect("a document"));
    (avro::Schema::parse(&schema.to_string(), &[]).expect("a schema").into(), bytes)
}

/// What a decoder makes of a record with the key `o-1`, as text.
pub(super) fn read(input: &Decoder, value: &[u8], headers: Option<&dyn Headers>) -> String {
    let record = super::super::Input { key: Some(b"o-1"), value: Some(value), headers };
    match input.decode(record, &mut Scratch::default()) {
        Ok(decoded) => format!("{decoded:?}"),
        Err(reason) => format!("{}: {reason}", reason.name()),
    }
}

/// What a decoder makes of a value as JSON, after it was compared with the same value in Avro.
fn alike(input: &Decoder, json: &str) -> String {
    let (schema, bytes) = avro(json);
    let in_avro = input.clone().reading(Format::Avro(Source::Given(schema)));
    let found = read(input, json.as_bytes(), None);
    assert_eq!(read(&in_avro, &bytes, None), found, "{json}");
    found
}

#[test]
fn a_value_in_avro_says_what_it_says_in_json() {
    for value in [
        r#"{"id":"o-1","items":[{"id":1},{"id":"two"},{"id":1}]}"#,
        r#"{"id":"o-1","items":null}"#,
        r#"{"items":[{"id":1}]}"#,
        r#"{"id":"o-2","items":[{"id":1}]}"#,
        r#"{"id":"o-1","items":{"id":1}}"#,
        r#"{"id":"o-1","items":[{"id":1},{"n":2}]}"#,
        r#"{"id":"o-1","items":[{"id":1.5}]}"#,
        r#"{"id":true,"items":[]}"#,
        r#"[1]"#,
        r#"7"#,
    ] {
        alike(orders(), value);
    }
    let found = alike(orders(), r#"{"id":"o-1","items":[{"id":-7}]}"#);
    assert!(found.contains("\"-7\""), "{found}");
    for value in [r#"{"orderId":"o-1","productId":7}"#, r#"{"orderId":"o-1","productId":[7]}"#] {
        alike(manufactured(), value);
    }
}

#[test]
fn values_are_kept_as_their_json_text() {
    let keep = |name: &str, at: &str| Keep { name: name.to_owned(), path: path(at) };
    let entry = Entry {
        keep: vec![keep("all", "$"), keep("to", "$.to"), keep("first", "$.items[0]")],
        ..ExpectedPaths { key: None, items: at("$.items[*].id"), quantity: None }.into()
    };
    let input = decoder(entry, Counting::Distinct).expect("paths that fit");
    let value = r#"{"items":[{"id":1},{"id":"a \" b"}],"to":{"n":[1.5,null,true,{}],"x":"ü"}}"#;
    let found = alike(&input, value);
    assert!(found.contains("[1.5,null,true,{}]"), "{found}");
    alike(&input, r#"{"items":[]}"#);
}

#[test]
fn a_few_bytes_do_not_become_a_text_of_any_length() {
    let entry = Entry {
        keep: vec![Keep { name: "all".to_owned(), path: path("$") }],
        ..ExpectedPaths { key: None, items: at("$[*].id"), quantity: None }.into()
    };
    let input = decoder(entry, Counting::Distinct).expect("paths that fit");
    let name = "n".repeat(1 << 20);
    let record =
        format!(r#"{{"type":"record","name":"R","fields":[{{"name":"{name}","type":"null"}}]}}"#);
    let schema = format!(r#"{{"type":"array","items":{record}}}"#);
    let schema = avro::Schema::parse(&schema, &[]).expect("a schema").into();
    let input = input.reading(Format::Avro(Source::Given(schema)));
    // A thousand elements, none of which takes a byte.
    let found = read(&input, &[0xd0, 0x0f, 0], None);
    assert!(found.starts_with("not-the-schema"), "{}", found.len());
}

#[test]
fn a_wrapped_value_in_avro_says_what_it_says_in_json() {
    let paths = ExpectedPaths { key: None, items: at("$.items[*].id"), quantity: None };
    let entry = Entry { envelope: Some(Envelope::Debezium), ..paths.into() };
    let input = decoder(entry, Counting::Distinct).expect("paths that fit");
    let found = alike(&input, r#"{"before":null,"after":{"items":[{"id":7}]},"op":"c"}"#);
    assert!(found.contains("\"7\""), "{found}");
    let found = alike(&input, r#"{"before":{"items":[{"id":7}]},"after":null,"op":"d"}"#);
    assert!(found.contains("Cancellation"), "{found}");
    let found = alike(&input, r#"{"items":[{"id":7}]}"#);
    assert!(found.starts_with("not-the-envelope"), "{found}");
    let input = input.reading(named(|_| Lookup::Pending));
    assert_eq!(read(&input, &[0, 0, 0, 0, 7], None), "Waits(None)");
}

fn orders_by(find: fn(SchemaId) -> Lookup) -> Decoder {
    orders().clone().reading(named(find))
}

fn of_seven(id: SchemaId) -> Lookup {
    match id {
        SchemaId::Number(7) | SchemaId::Guid(7) => Lookup::Known(avro(ORDER).0),
        _ => Lookup::Unknown,
    }
}

pub(super) const ORDER: &str = r#"{"id":"o-1","items":[{"id":1}]}"#;

#[test]
fn the_id_of_the_schema_stands_before_the_value_or_in_a_header() {
    let (input, (_, bytes)) = (orders_by(of_seven), avro(ORDER));
    let found = read(orders(), ORDER.as_bytes(), None);
    let guid = [&[1][..], &7_u128.to_be_bytes()].concat();
    for prefix in [&[0, 0, 0, 0, 7][..], &guid] {
        assert_eq!(read(&input, &[prefix, &bytes].concat(), None), found);
        let headers: Vec<Header> = vec![
            ("other".to_owned(), Some(b"x".to_vec())),
            (SCHEMA_ID_HEADER.to_owned(), Some(prefix.to_vec())),
        ];
        assert_eq!(read(&input, &bytes, Some(&headers)), found);
    }
    let headers: Vec<Header> = vec![(SCHEMA_ID_HEADER.to_owned(), Some(vec![0, 0, 7]))];
    let refused = read(&input, &bytes, Some(&headers));
    assert!(refused.starts_with("no-schema-id: after byte 0 the schema's id is cut"), "{refused}");
}

#[test]
fn a_value_without_an_id_is_refused_with_the_remedy() {
    for input in [orders_by(of_seven), orders().clone().reading(Format::JsonSchema)] {
        for (value, why) in [
            (ORDER.as_bytes(), "it begins with byte 0x7b, not with 0 or 1: no serializer"),
            (&[0, 0, 0][..], "after byte 0 the schema's id is cut: no serializer"),
            (&[1, 2, 3][..], "after byte 1 the schema's id is cut: no serializer"),
            (&[][..], "it is empty: no serializer"),
        ] {
            let refused = read(&input, value, None);
            assert!(refused.starts_with(&format!("no-schema-id: {why}")), "{refused}");
            assert!(refused.ends_with("give the schema in avro or protobuf"), "{refused}");
        }
    }
}

#[test]
fn bytes_that_do_not_fit_the_schema_are_refused() {
    let (input, (schema, bytes)) = (orders_by(of_seven), avro(ORDER));
    let cut = &bytes[..bytes.len() - 1];
    let refused = read(&input, &[&[0, 0, 0, 0, 7], cut].concat(), None);
    assert!(refused.starts_with("not-the-schema: the value cannot be read by schema 7: it ends"));
    let given = orders().clone().reading(Format::Avro(Source::Given(schema)));
    let refused = read(&given, cut, None);
    assert!(
        refused.contains("by the schema that the object gives: it ends too early"),
        "{refused}"
    );
    let unusable = orders_by(|_| Lookup::Unusable("it is a schema of Protobuf".into()));
    let refused = read(&unusable, &[0, 0, 0, 0, 9], None);
    assert_eq!(
        refused,
        "not-the-schema: the value cannot be read by schema 9: it is a schema of Protobuf"
    );
    let refused = read(&input, &[0, 0, 0, 0, 8], None);
    assert!(refused.starts_with("unknown-schema: the schema registry does not have schema 8"));
}

#[test]
fn a_record_waits_for_its_schema() {
    let value = [0, 0, 0, 0, 7];
    assert_eq!(read(&orders_by(|_| Lookup::Pending), &value, None), "Waits(None)");
    let down = orders_by(|_| Lookup::Unavailable("no answer".into()));
    assert_eq!(read(&down, &value, None), "Waits(Some(\"no answer\"))");
}

#[test]
fn a_value_that_is_not_read_needs_no_schema() {
    let items = Items::Fixed(vec!["a".to_owned()]);
    let fixed = ExpectedPaths { key: None, items, quantity: None };
    let input = decoder(fixed, Counting::Distinct).expect("paths that fit");
    let input = input.reading(named(|_| panic!("it is not asked for")));
    assert!(read(&input, b"anything", None).contains("Expectation"));
}

#[test]
fn json_behind_the_id_of_its_schema_is_json() {
    let input = orders().clone().reading(Format::JsonSchema);
    let value = [&[0, 0, 0, 0, 7], ORDER.as_bytes()].concat();
    assert_eq!(read(&input, &value, None), read(orders(), ORDER.as_bytes(), None));
    let refused = read(&input, b"\0\0\0\0\x07{\"id\":", None);
    assert!(refused.starts_with("malformed-json"), "{refused}");
    let headers: Vec<Header> = vec![(SCHEMA_ID_HEADER.to_owned(), Some(vec![0, 0, 0, 0, 7]))];
    let found = read(&input, ORDER.as_bytes(), Some(&headers));
    assert_eq!(found, read(orders(), ORDER.as_bytes(), None));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_value_in_avro_says_what_it_says_in_json(document in super::property::any_document()) {
        let whole: serde_json::Value = serde_json::from_str(&document).expect("a document");
        let whole = whole.to_string();
        let keep = |name: &str, at: &str| Keep { name: name.to_owned(), path: path(at) };
        for items in ["$.items[*].id", "$[*]", "$.items[*].items[*]", "$.x.id", "$[1].id", "$"] {
            let items = ExpectedPaths { key: None, items: at(items), quantity: None };
            let input = decoder(items, Counting::Distinct).expect("paths that fit");
            alike(&input, &whole);
        }
        let entry = Entry {
            keep: vec![keep("x", "$.x"), keep("all", "$"), keep("n", "$.items.n")],
            ..ExpectedPaths { key: Some(path("$.id")), items: at("$.x"), quantity: None }.into()
        };
        alike(&decoder(entry, Counting::Distinct).expect("paths that fit"), &whole);
    }
}
