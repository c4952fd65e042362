//! Values in Protobuf.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::formats::{ORDER, named, read};
use super::*;
use crate::codec::protobuf::Schema;
use crate::codec::protobuf::tests::{field, file, message, number, sized, varint};
use crate::codec::schemas::{Lookup, SchemaId};
use crate::record::Header;

/// `google.protobuf.Value`, which has any JSON inside, and integers besides.
pub(super) static ANY: LazyLock<Schema> = LazyLock::new(|| {
    let value = message(
        "Value",
        &[
            sized(8, &[]),
            [1, 2, 3, 4, 5, 6, 7]
                .into_iter()
                .zip([".google.protobuf.NullValue", "1", "9", "8", "Struct", "ListValue", "18"])
                .flat_map(|(at, of)| field(&format!("f{at}"), at, 1, of))
                .collect(),
        ],
    );
    let entry = message(
        "Entry",
        &[field("key", 1, 1, "9"), field("value", 2, 1, "Value"), sized(7, &number(7, 1))],
    );
    let object = message("Struct", &[field("fields", 1, 3, "Entry"), sized(3, &entry)]);
    let list = message("ListValue", &[field("values", 1, 3, "Value")]);
    let null = [sized(1, b"NullValue"), sized(2, &sized(1, b"NULL"))].concat();
    let messages = file("proto3", &[value, object, list]);
    let file = [sized(2, b"google.protobuf"), messages[3..].to_vec(), sized(5, &null)].concat();
    Schema::compile(&file, &[]).expect("a schema")
});

pub(super) fn encode(json: &Value) -> Vec<u8> {
    match json {
        Value::Null => number(1, 0),
        Value::Bool(value) => number(4, u64::from(*value)),
        Value::Number(of) => match of.as_i64() {
            Some(of) => number(7, ((of << 1) ^ (of >> 63)).cast_unsigned()),
            None => {
                let of = of.as_f64().unwrap_or_default();
                [varint(2 << 3 | 1), of.to_le_bytes().to_vec()].concat()
            }
        },
        Value::String(text) => sized(3, text.as_bytes()),
        Value::Object(members) => {
            let entry = |(name, value): (&String, &Value)| {
                sized(1, &[sized(1, name.as_bytes()), sized(2, &encode(value))].concat())
            };
            sized(5, &members.iter().flat_map(entry).collect::<Vec<_>>())
        }
        Value::Array(elements) => {
            let element = |value: &Value| sized(1, &encode(value));
            sized(6, &elements.iter().flat_map(element).collect::<Vec<_>>())
        }
    }
}

/// A message with the field `id`, number 1, an int64.
pub(super) fn key_schema() -> crate::codec::schemas::Schema {
    let key = message("Key", &[field("id", 1, 1, "3")]);
    Schema::compile(&file("proto3", &[key]), &[]).expect("a schema").into()
}

fn given(schema: &Schema) -> Format {
    Format::Protobuf(Source::Given(schema.clone().into()))
}

/// What a decoder makes of a value as JSON, after it was compared with the same value in Protobuf.
fn alike(input: &Decoder, json: &str) -> String {
    let bytes = encode(&serde_json::from_str(json).expect("a document"));
    let found = read(input, json.as_bytes(), None);
    let in_protobuf = input.clone().reading(given(&ANY));
    assert_eq!(read(&in_protobuf, &bytes, None), found, "{json}");
    found
}

#[test]
fn a_value_in_protobuf_says_what_it_says_in_json() {
    for value in [
        ORDER,
        r#"{"id":"o-1","items":null}"#,
        r#"{"items":[{"id":1},{"n":2}]}"#,
        r#"{"id":"o-1","items":[{"id":1.5}]}"#,
        r#"{"id":true,"items":[]}"#,
        r#"[1]"#,
        r#"7"#,
    ] {
        alike(orders(), value);
    }
    let found = alike(orders(), r#"{"id":"o-1","items":[{"id":-7}]}"#);
    assert!(found.contains("\"-7\""), "{found}");
}

/// An order of a package `p`, whose items are inside of it: `order_id`, and `lines` of `item_id`.
fn order() -> Schema {
    let item = message("Item", &[field("item_id", 1, 1, "4"), field("n", 2, 1, "5")]);
    let order = message(
        "Order",
        &[field("order_id", 1, 1, "9"), field("lines", 2, 3, "Item"), sized(3, &item)],
    );
    Schema::compile(&file("proto3", &[message("Other", &[]), order]), &[]).expect("a schema")
}

fn order_value() -> Vec<u8> {
    let line = |id| sized(2, &number(1, id));
    [line(1), sized(1, b"o-1"), line(u64::MAX)].concat()
}

fn orders_at(key: &str, items: &str, kept: &str) -> Decoder {
    let paths = ExpectedPaths { key: Some(path(key)), items: at(items), quantity: None };
    let keep = vec![Keep { name: "kept".to_owned(), path: path(kept) }];
    let entry = Entry { keep, ..paths.into() };
    decoder(entry, Counting::Distinct).expect("paths that fit")
}

#[test]
fn a_field_has_its_name_in_json_and_its_own() {
    let schema = order().only("p.Order").expect("a message");
    let found = |key, items| {
        let input = orders_at(key, items, "$").reading(given(&schema));
        read(&input, &order_value(), None)
    };
    let expected = found("$.orderId", "$.lines[*].itemId");
    assert!(expected.contains("\"18446744073709551615\""), "{expected}");
    let kept = r#"{\"orderId\":\"o-1\",\"lines\":[{\"itemId\":1,\"n\":0},"#;
    assert!(expected.contains(kept), "{expected}");
    assert_eq!(found("$.order_id", "$.lines[*].item_id"), expected);
    assert_eq!(found("$.orderId", "$.lines[*].item_id"), expected);
    let missing = found("$.order_id", "$.lines[*].itemid");
    assert!(missing.contains("there is nothing at $.lines[0].itemid"), "{missing}");
}

fn find(id: SchemaId) -> Lookup {
    match id {
        SchemaId::Number(7) | SchemaId::Guid(7) => Lookup::Known(order().into()),
        SchemaId::Number(8) => {
            let avro = crate::codec::avro::Schema::parse("\"int\"", &[]).expect("a schema");
            Lookup::Known(avro.into())
        }
        SchemaId::Number(9) => Lookup::Pending,
        _ => Lookup::Unknown,
    }
}

fn by_registry() -> Decoder {
    let Format::Avro(source) = named(find) else { panic!("it is Avro") };
    orders_at("$.orderId", "$.lines[*].itemId", "$.lines").reading(Format::Protobuf(source))
}

#[test]
fn the_message_is_named_behind_the_id_before_the_value_or_in_a_header() {
    let (input, value) = (by_registry(), order_value());
    let schema = order().only("p.Order").expect("a message");
    let expected = read(&input.clone().reading(given(&schema)), &value, None);
    let guid = [&[1][..], &7_u128.to_be_bytes(), &[2, 2]].concat();
    for prefix in [&[0, 0, 0, 0, 7, 2, 2][..], &guid] {
        assert_eq!(read(&input, &[prefix, &value].concat(), None), expected);
        let headers: Vec<Header> = vec![(SCHEMA_ID_HEADER.to_owned(), Some(prefix.to_vec()))];
        assert_eq!(read(&input, &value, Some(&headers)), expected);
    }
    let first = read(&input, &[&[0, 0, 0, 0, 7, 0][..], &value].concat(), None);
    assert!(first.starts_with("missing-field"), "it is another message: {first}");
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    let (input, value) = (by_registry(), order_value());
    let refused = |prefix: &[u8], value: &[u8]| read(&input, &[prefix, value].concat(), None);
    let not_the_schema = "not-the-schema: the value cannot be read by schema";
    for (prefix, value, why) in [
        (&[0, 0, 0, 0, 7, 2, 2][..], &value[..2], " 7: it ends too early, at byte 2"),
        (&[0, 0, 0, 0, 7, 2, 9], &value, " 7: the message indexes lead to no message"),
        (&[0, 0, 0, 0, 7, 2, 4], &value, " 7: the message indexes lead to no message"),
        (&[0, 0, 0, 0, 7], &[], " 7: the message indexes lead to no message"),
        (&[0, 0, 0, 0, 8, 0], &value, " 8: it is a schema of Avro, not of Protobuf"),
    ] {
        let found = refused(prefix, value);
        assert!(found.starts_with(&format!("{not_the_schema}{why}")), "{found}");
    }
    assert!(refused(&[0, 0, 0, 0, 1, 0], &value).starts_with("unknown-schema"));
    assert!(refused(&[], &value).starts_with("no-schema-id"));
    assert_eq!(refused(&[0, 0, 0, 0, 9, 0], &value), "Waits(None)");
    let headers: Vec<Header> = vec![(SCHEMA_ID_HEADER.to_owned(), Some(vec![0, 0, 0, 0, 7, 0, 0]))];
    assert!(read(&input, &value, Some(&headers)).starts_with("no-schema-id"));
    let in_avro =
        input.reading(named(|_| Lookup::Known(Arc::new(order()).as_ref().clone().into())));
    let found = read(&in_avro, &[0, 0, 0, 0, 7], None);
    assert!(found.ends_with("it is a schema of Protobuf, not of Avro"), "{found}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_value_in_protobuf_says_what_it_says_in_json(
        document in super::property::any_document(),
    ) {
        let whole: Value = serde_json::from_str(&document).expect("a document");
        let whole = whole.to_string();
        let keep = |name: &str, at: &str| Keep { name: name.to_owned(), path: path(at) };
        for items in ["$.items[*].id", "$[*]", "$.items[*].items[*]", "$.x.id", "$[1].id", "$"] {
            let items = ExpectedPaths { key: None, items: at(items), quantity: None };
            alike(&decoder(items, Counting::Distinct).expect("paths that fit"), &whole);
        }
        let entry = Entry {
            keep: vec![keep("x", "$.x"), keep("all", "$"), keep("n", "$.items.n")],
            ..ExpectedPaths { key: Some(path("$.id")), items: at("$.x"), quantity: None }.into()
        };
        alike(&decoder(entry, Counting::Distinct).expect("paths that fit"), &whole);
    }

    #[test]
    fn any_bytes_are_a_record_or_a_dead_letter(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
    ) {
        let found = read(&by_registry(), &[&[0, 0, 0, 0, 7, 2, 2], &bytes[..]].concat(), None);
        proptest::prop_assert!(!found.is_empty());
    }
}
