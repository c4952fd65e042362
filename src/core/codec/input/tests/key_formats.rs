//! Record keys in other formats than JSON, of which a part is the key.

use std::sync::atomic::{AtomicBool, Ordering};

use super::formats::{avro, named};
use super::*;
use crate::codec::schemas::{Lookup, SchemaId};
use crate::record::Header;

/// An observed topic whose keys are at a path of record keys in Avro.
fn topic(at: &str, find: fn(SchemaId) -> Lookup) -> Decoder {
    let item = item_at("$.item");
    let paths = ObservedPaths { key: None, item, quantity: None, id: None, outcome: None };
    let entry = Entry { record_key: Some(path(at)), ..paths.into() };
    decoder(entry, Counting::Distinct).expect("a fit").reading_keys(named(find))
}

const STRUCT: &str = r#"{"tenant":"a","id":5}"#;
const TEXT: &str = r#""o-1""#;

fn find(id: SchemaId) -> Lookup {
    match id {
        SchemaId::Number(7) | SchemaId::Guid(7) => Lookup::Known(avro(STRUCT).0),
        SchemaId::Number(8) => Lookup::Known(avro(TEXT).0),
        SchemaId::Number(9) => Lookup::Pending,
        SchemaId::Number(10) => Lookup::Unavailable("no answer".into()),
        _ => Lookup::Unknown,
    }
}

fn record<'a>(key: &'a [u8], headers: Option<&'a dyn Headers>) -> super::super::Input<'a> {
    super::super::Input { key: Some(key), value: Some(br#"{"item":7}"#), headers }
}

/// Returns the key of a record, or what becomes of it.
fn key(topic: &Decoder, key: &[u8], headers: Option<&dyn Headers>) -> String {
    let record = record(key, headers);
    let mut scratch = Scratch::default();
    match topic.decode(record, &mut scratch) {
        Ok(Decoded::Event { .. }) => {
            topic.read_key(record, &mut scratch).text().expect("it was decoded").to_owned()
        }
        Ok(other) => format!("{other:?}"),
        Err(reason) => format!("{}: {reason}", reason.name()),
    }
}

fn with_id(id: u32, bytes: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), bytes].concat()
}

#[test]
fn the_key_is_a_part_of_a_record_key_in_avro_or_all_of_it() {
    let (of_struct, of_text) = (topic("$.id", find), topic("$", find));
    let (in_avro, text) = (avro(STRUCT).1, avro(TEXT).1);
    assert_eq!(key(&of_struct, &with_id(7, &in_avro), None), "5");
    assert_eq!(key(&of_text, &with_id(8, &text), None), "o-1");
    // The id in the header of keys; that of the value says nothing of the key.
    let id = |name: &str, id| (name.to_owned(), Some(with_id(id, &[])));
    let headers: Vec<Header> = vec![id(SCHEMA_ID_HEADER, 9), id(KEY_SCHEMA_ID_HEADER, 7)];
    assert_eq!(key(&of_struct, &in_avro, Some(&headers)), "5");
}

#[test]
fn a_record_key_in_avro_that_has_no_key_is_refused_and_says_why() {
    let topic = topic("$.id", find);
    for (record_key, said) in [
        (with_id(1, b""), "the schema registry does not have schema 1"),
        (with_id(7, b"\x02"), "the record key cannot be read by schema 7: "),
        (b"o-1".to_vec(), "no serializer of a schema registry has written this record key"),
        (with_id(8, &avro(TEXT).1), "found a string at $ of the record's key"),
    ] {
        let found = key(&topic, &record_key, None);
        assert!(found.starts_with("bad-record-key: ") && found.contains(said), "{found}");
    }
    assert_eq!(key(&topic, b"", None), "null-key: the record's key is empty, which counts as none");
}

#[test]
fn a_record_waits_for_the_schema_of_its_record_key_unless_it_is_skipped() {
    let waiting = topic("$.id", find);
    assert_eq!(key(&waiting, &with_id(9, b""), None), "Waits(None)");
    assert_eq!(key(&waiting, &with_id(10, b""), None), "Waits(Some(\"no answer\"))");
    let tombstone = super::super::Input { value: None, ..record(b"\0\0\0\0\x09", None) };
    let mut scratch = Scratch::default();
    assert_eq!(waiting.decode(tombstone, &mut scratch), Ok(Decoded::Waits(None)));

    let subject = Subject::Path(path("$.item"));
    let conditions = vec![Condition { of: subject, test: Test::In(vec!["8".to_owned()]) }];
    let paths = ObservedPaths {
        key: None,
        item: item_at("$.item"),
        quantity: None,
        id: None,
        outcome: None,
    };
    let entry = Entry { record_key: Some(path("$.id")), conditions, ..paths.into() };
    let skipping = decoder(entry, Counting::Distinct).expect("a fit").reading_keys(named(find));
    assert_eq!(key(&skipping, &with_id(9, b""), None), "Skipped");
}

/// Otherwise a shard would take in a record whose row it has not looked up.
#[test]
fn a_schema_that_comes_after_the_key_was_read_changes_nothing() {
    static IS_THERE: AtomicBool = AtomicBool::new(false);
    let topic = topic("$.id", |id| match IS_THERE.load(Ordering::Relaxed) {
        true => find(id),
        false => Lookup::Pending,
    });
    let record_key = with_id(7, &avro(STRUCT).1);
    let record = record(&record_key, None);
    let mut scratch = Scratch::default();
    let read = topic.read_key(record, &mut scratch);
    IS_THERE.store(true, Ordering::Relaxed);
    assert_eq!(read.text(), None);
    let decoded = topic.decode_with(record, Some(&read), &mut scratch);
    assert_eq!(decoded, Ok(Decoded::Waits(None)));
    assert!(matches!(topic.decode(record, &mut scratch), Ok(Decoded::Event { .. })));
}

#[test]
fn record_keys_in_protobuf_and_in_json_with_a_schema_are_read_likewise() {
    let Format::Avro(source) = named(|_| Lookup::Known(super::protobuf::key_schema())) else {
        panic!("it is Avro")
    };
    let topic = topic("$.id", find);
    let in_protobuf = topic.clone().reading_keys(Format::Protobuf(source));
    // The message's index 0, then field 1 with 5.
    assert_eq!(key(&in_protobuf, &with_id(7, &[0, 0x08, 5]), None), "5");
    let in_json = topic.reading_keys(Format::JsonSchema);
    assert_eq!(key(&in_json, &with_id(9, br#"{"id":"5"}"#), None), "5");
    let refused = key(&in_json, br#"{"id":"5"}"#, None);
    assert!(refused.starts_with("bad-record-key"), "{refused}");
}
