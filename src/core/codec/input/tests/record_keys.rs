//! Keys that are parts of record keys.

use super::*;

fn topic(at: &str) -> Decoder {
    let (key, item) = (Some(path("$.order")), item_at("$.item"));
    let paths = ObservedPaths { key, item, quantity: None, id: None, outcome: None };
    let entry = Entry { record_key: Some(path(at)), ..paths.into() };
    decoder(entry, Counting::Distinct).expect("a fit")
}

fn decoded(topic: &Decoder, key: &str, value: &str) -> Result<String, Reason> {
    let mut scratch = Scratch::default();
    let (bytes, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
    let event = decode(topic, bytes, value, &mut scratch)?;
    let Event::Observation { item, .. } = event else { panic!("not an observation: {event:?}") };
    let item = item.to_owned();
    let record = super::super::Input { key: bytes, value, headers: None };
    let key = topic.read_key(record, &mut scratch);
    Ok(format!("{} has {item}", key.text().expect("it was decoded")))
}

#[test]
fn the_key_is_a_part_of_the_record_key() {
    let bare = topic("$.id");
    assert!(bare.reads_record_keys() && !manufactured().reads_record_keys());
    for (key, order) in [(r#"{"id":5}"#, "5"), (r#"{ "a":1, "id":"5" }"#, r#""5""#)] {
        let value = format!(r#"{{"order":{order},"item":7}}"#);
        assert_eq!(decoded(&bare, key, &value), Ok("5 has 7".to_owned()));
    }
    let key = r#"{"schema":{"type":"struct"},"payload":{"id":"ü\n"}}"#;
    let value = r#"{"order":"ü\n","item":7}"#;
    assert_eq!(decoded(&topic("$.payload.id"), key, value), Ok("ü\n has 7".to_owned()));
    assert_eq!(decoded(&topic("$"), "5", r#"{"order":5,"item":7}"#), Ok("5 has 7".to_owned()));
    let other = Err(Reason::KeyMismatch { path: "$.order".into() });
    assert_eq!(decoded(&bare, r#"{"id":5}"#, r#"{"order":6,"item":7}"#), other);
}

#[test]
fn a_record_key_without_the_key_is_refused_and_says_why() {
    let topic = topic("$.id");
    let at = || "$.id".into();
    for (key, reason) in [
        ("{}", KeyFlaw::Missing(at()).into()),
        ("o-1", KeyFlaw::NotJson.into()),
        (r#"{"id":5"#, KeyFlaw::NotJson.into()),
        ("5", KeyFlaw::Wrong("$".into(), Found::Integer).into()),
        (r#"{"id":null}"#, KeyFlaw::Wrong(at(), Found::Null).into()),
        (r#"{"id":{"a":1}}"#, KeyFlaw::Wrong(at(), Found::Object).into()),
        (r#"{"id":1.5}"#, KeyFlaw::Wrong(at(), Found::Number).into()),
        (r#"{"id":""}"#, Reason::EmptyKey),
        ("", Reason::EmptyKey),
        (r#"{"id":"\u0000"}"#, Reason::NotUtf8 { part: Part::Key, valid_bytes: 0 }),
    ] {
        assert_eq!(decoded(&topic, key, r#"{"order":5,"item":7}"#), Err(reason), "{key}");
    }
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(1025));
    let refused = decoded(&topic, &long, "{}");
    assert_eq!(refused, Err(Reason::KeyTooLong { bytes: 1025, bytes_max: 1024 }));
    let mut scratch = Scratch::default();
    let binary = decode(&topic, Some(&[0, 0, 0, 0, 1, 0x0a]), Some(b"{}"), &mut scratch);
    assert_eq!(binary, Err(KeyFlaw::NotJson.into()));
    assert_eq!(decode(&topic, None, Some(b"{}"), &mut scratch), Err(Reason::NullKey));
}

#[test]
fn the_entries_of_a_topic_have_one_record_key() {
    let entry = |at| Entry {
        record_key: at,
        ..ObservedPaths {
            key: None,
            item: item_at("$.item"),
            quantity: None,
            id: None,
            outcome: None,
        }
        .into()
    };
    let entries = [entry(Some(path("$.id"))), entry(None)];
    let refused = Decoder::new(&entries, Counting::Distinct, Limits::default());
    assert_eq!(refused.err(), Some(InputError::RecordKeysDiffer));
    let several = [entry(Some(path("$[*]")))];
    let refused = Decoder::new(&several, Counting::Distinct, Limits::default());
    assert!(matches!(refused, Err(InputError::NotSingular { role: Role::RecordKey, .. })));
}
