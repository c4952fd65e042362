//! Wrapped records: change events, CloudEvents and JSON of Connect.

use super::*;
use crate::matching::ItemOutcome;
use crate::record::Header;

const CREATED: &str = r#"{"before":null,"after":{"id":"o-1","items":[{"id":1},{"id":2}]},
    "source":{"table":"orders","snapshot":"false"},"op":"c","ts_ms":7}"#;
const ITEM: &str = r#"{"before":{"order":"o-1","item":1,"n":1},
    "after":{"order":"o-1","item":2,"n":2},"source":{"table":"items"},"op":"u"}"#;
const DELETED: &str = r#"{"before":{"id":"o-1","order":"o-1","item":1,"state":"OLD","items":null},
    "after":null,"source":{"table":"orders"},"op":"d"}"#;

/// Returns the change event with its schema.
fn with_schema(event: &str) -> String {
    format!(r#"{{"schema":{{"type":"struct","fields":[{{"field":"op"}}]}},"payload":{event}}}"#)
}

fn is(at: &str, texts: &[&str]) -> Condition {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    Condition { of: Subject::Path(path(at)), test: Test::In(texts) }
}

fn orders_in(envelope: Envelope) -> Entry {
    let (key, items) = (Some(path("$.id")), at("$.items[*].id"));
    Entry { envelope: Some(envelope), ..ExpectedPaths { key, items, quantity: None }.into() }
}

fn items_in(envelope: Envelope, outcome: Option<OutcomeAt>) -> Entry {
    let (key, item) = (Some(path("$.order")), item_at("$.item"));
    let paths = ObservedPaths { key, item, quantity: None, id: None, outcome };
    Entry { envelope: Some(envelope), ..paths.into() }
}

fn topic(entries: &[Entry]) -> Decoder {
    Decoder::new(entries, Counting::Distinct, Limits::default()).expect("paths that fit")
}

/// Returns what a record is, in words.
fn told(topic: &Decoder, value: Option<&str>, headers: &[(&str, &str)]) -> Result<String, Reason> {
    let headers: Vec<Header> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())))
        .collect();
    let value = value.map(str::as_bytes);
    let record = super::super::Input { key: Some(b"o-1"), value, headers: Some(&headers) };
    let mut scratch = Scratch::default();
    let decoded = topic.decode(record, &mut scratch)?;
    Ok(match decoded {
        Decoded::Skipped => "skipped".to_owned(),
        Decoded::Waits(_) => "waits".to_owned(),
        Decoded::Event { entry, event, kept } => {
            let event = match event {
                Event::Expectation(Expectation { items, .. }) => {
                    let items: Vec<&str> = items.iter().map(|item| item.text).collect();
                    format!("expects {}", items.join(" "))
                }
                Event::Observation { item, outcome: ItemOutcome::Arrived, .. } => {
                    format!("has {item}")
                }
                Event::Observation { item, outcome, .. } => format!("{item} {outcome:?}"),
                Event::Cancellation => "cancelled".to_owned(),
                Event::Tick => unreachable!("a decoder makes no ticks"),
            };
            format!("{entry}: {event}{}{kept}", if kept.is_empty() { "" } else { " keeps " })
        }
    })
}

fn says(text: &str) -> Result<String, Reason> {
    Ok(text.to_owned())
}

#[test]
fn a_change_event_is_read_from_what_is_there_after_it_with_or_without_its_schema() {
    let orders = topic(&[orders_in(Envelope::Debezium)]);
    let items = topic(&[items_in(Envelope::Debezium, None)]);
    for wrapped in [str::to_owned, with_schema] {
        assert_eq!(told(&orders, Some(&wrapped(CREATED)), &[]), says("0: expects 1 2"));
        assert_eq!(told(&items, Some(&wrapped(ITEM)), &[]), says("0: has 2"));
        let snapshot = wrapped(&CREATED.replace(r#""op":"c""#, r#""op":"r""#));
        assert_eq!(told(&orders, Some(&snapshot), &[]), says("0: expects 1 2"));
    }
}

#[test]
fn a_deletion_cancels_what_was_expected_and_the_null_behind_it_is_skipped() {
    let orders = topic(&[orders_in(Envelope::Debezium)]);
    assert_eq!(told(&orders, Some(DELETED), &[]), says("0: cancelled"));
    assert_eq!(told(&orders, Some(&with_schema(DELETED)), &[]), says("0: cancelled"));
    assert_eq!(told(&orders, None, &[]), says("skipped"));
    let other = DELETED.replace("o-1", "o-2");
    let mismatch = Reason::KeyMismatch { path: "$.id".into() };
    assert_eq!(told(&orders, Some(&other), &[]), Err(mismatch));
}

#[test]
fn a_deletion_is_no_observation_unless_the_operation_is_its_outcome() {
    let items = topic(&[items_in(Envelope::Debezium, None)]);
    assert_eq!(told(&items, Some(DELETED), &[]), Err(Reason::Deleted));
    assert_eq!(Reason::Deleted.name(), "tombstone");
    assert_eq!(told(&items, None, &[]), says("skipped"));
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let outcome = OutcomeAt {
        path: path("$envelope.op"),
        arrived: texts(&["c", "r"]),
        failed: Vec::new(),
        withdrawn: texts(&["d"]),
    };
    let entry = items_in(Envelope::Debezium, Some(outcome));
    let keep = vec![Keep { name: "n".to_owned(), path: path("$.state") }];
    let items = topic(&[Entry { keep, ..entry }]);
    assert_eq!(told(&items, Some(DELETED), &[]), says(r#"0: 1 Withdrawn keeps "n":"OLD""#));
    // An update is not listed.
    assert_eq!(told(&items, Some(ITEM), &[]), says("skipped"));
    let not =
        Condition { of: Subject::Path(path("$envelope.op")), test: Test::NotIn(texts(&["d"])) };
    let entry = items_in(Envelope::Debezium, None);
    let items = topic(&[Entry { conditions: vec![not], ..entry }]);
    assert_eq!(told(&items, Some(DELETED), &[]), says("skipped"));
}

#[test]
fn conditions_see_the_envelope_and_of_a_deletion_what_was_there() {
    let orders = Entry {
        conditions: vec![is("$envelope.source.table", &["orders"]), is("$.state", &["OLD"])],
        ..orders_in(Envelope::Debezium)
    };
    let others = Entry {
        conditions: vec![is("$envelope.source.table", &["items"])],
        keep: vec![
            Keep { name: "all".to_owned(), path: path("$") },
            Keep { name: "op".to_owned(), path: path("$envelope.op") },
        ],
        ..items_in(Envelope::Debezium, None)
    };
    let both = topic(&[orders, others]);
    for wrapped in [str::to_owned, with_schema] {
        assert_eq!(told(&both, Some(&wrapped(CREATED)), &[]), says("skipped"), "of no state");
        assert_eq!(told(&both, Some(&wrapped(DELETED)), &[]), says("0: cancelled"));
        let kept = r#"1: has 2 keeps "all":{"order":"o-1","item":2,"n":2},"op":"u""#;
        assert_eq!(told(&both, Some(&wrapped(ITEM)), &[]), says(kept));
    }
}

#[test]
fn what_is_about_no_row_is_skipped_and_anything_else_is_no_change_event() {
    let orders = topic(&[orders_in(Envelope::Debezium)]);
    for op in ["t", "m"] {
        let event = format!(r#"{{"source":{{}},"op":"{op}","ts_ms":1}}"#);
        assert_eq!(told(&orders, Some(&event), &[]), says("skipped"));
        // These have no key.
        let record =
            super::super::Input { key: None, value: Some(event.as_bytes()), headers: None };
        let mut scratch = Scratch::default();
        assert_eq!(orders.decode(record, &mut scratch), Ok(Decoded::Skipped));
        assert!(orders.is_about_nothing(record));
    }
    let refused = Err(NotWrapped::NoChange.into());
    for value in ["{}", "[]", "7", "null", r#"{"op":1}"#, r#"{"op":"x"}"#, r#"{"id":"o-1"}"#] {
        assert_eq!(told(&orders, Some(value), &[]), refused, "{value}");
    }
    assert!(matches!(told(&orders, Some("{"), &[]), Err(Reason::MalformedJson { .. })));
}

#[test]
fn a_place_is_named_as_the_object_names_it() {
    let orders = topic(&[orders_in(Envelope::Debezium)]);
    for wrapped in [str::to_owned, with_schema] {
        let told = |event: &str| told(&orders, Some(&wrapped(event)), &[]);
        let event = |after: &str| format!(r#"{{"after":{after},"op":"c"}}"#);
        assert_eq!(told(r#"{"op":"c"}"#), missing("$envelope.after"));
        assert_eq!(told(&event("null")), wrong("$envelope.after", Found::Null, "an object"));
        let text = event(r#""{\"id\":1}""#);
        assert_eq!(told(&text), wrong("$envelope.after", Found::String, "an object"));
        assert_eq!(told(&event(r#"{"id":"o-1"}"#)), missing("$.items"));
        let list = event(r#"{"id":"o-1","items":[{"id":1},{}]}"#);
        assert_eq!(told(&list), missing("$.items[1].id"));
        assert_eq!(told(r#"{"op":"d","before":null}"#), {
            wrong("$envelope.before", Found::Null, "an object")
        });
    }
}

const JSON_EVENT: &[(&str, &str)] =
    &[("content-type", "Application/CloudEvents+JSON; charset=UTF-8")];
const BINARY: &[(&str, &str)] =
    &[("content-type", "application/json"), ("ce_specversion", "1.0"), ("ce_type", "made")];

#[test]
fn a_cloud_event_is_read_in_the_mode_that_its_headers_say() {
    let made = Entry {
        conditions: vec![is("$envelope.type", &["made"])],
        keep: vec![Keep { name: "type".to_owned(), path: path("$envelope.type") }],
        ..items_in(Envelope::CloudEvents, None)
    };
    let made = topic(&[made]);
    let data = r#"{"order":"o-1","item":3}"#;
    let event = |kind: &str| format!(r#"{{"specversion":"1.0","type":"{kind}","data":{data}}}"#);
    let expected = says(r#"0: has 3 keeps "type":"made""#);
    assert_eq!(told(&made, Some(&event("made")), JSON_EVENT), expected);
    assert_eq!(told(&made, Some(data), BINARY), expected);
    assert_eq!(told(&made, Some(&event("sent")), JSON_EVENT), says("skipped"));
    let sent = [BINARY, &[("ce_type", "sent")]].concat();
    assert_eq!(told(&made, Some(data), &sent), says("skipped"));
}

#[test]
fn a_null_is_a_tombstone_and_what_is_no_json_event_is_refused() {
    let orders = topic(&[orders_in(Envelope::CloudEvents)]);
    assert_eq!(told(&orders, None, BINARY), says("0: cancelled"));
    let version = r#"{"specversion":"1.0""#;
    let data = r#"{"id":"o-1","items":[]}"#;
    for (value, headers, why) in [
        (data.to_owned(), &[][..], NotWrapped::NoEvent),
        (data.to_owned(), &[("content-type", "application/json")], NotWrapped::NoEvent),
        (data.to_owned(), JSON_EVENT, NotWrapped::NoVersion),
        (format!(r#"{version},"data_base64":"aGk="}}"#), JSON_EVENT, NotWrapped::Bytes),
        (
            data.to_owned(),
            &[("content-type", "application/cloudevents+avro")],
            NotWrapped::OtherFormat,
        ),
        (
            data.to_owned(),
            &[("content-type", "application/cloudevents-batch+json")],
            NotWrapped::OtherFormat,
        ),
    ] {
        assert_eq!(told(&orders, Some(&value), headers), Err(why.into()), "{value} {headers:?}");
    }
    let without_data = format!("{version}}}");
    assert_eq!(told(&orders, Some(&without_data), JSON_EVENT), missing("$envelope.data"));
}

#[test]
fn an_attribute_that_is_missing_is_named_in_both_modes() {
    let entry = items_in(Envelope::CloudEvents, None);
    let paths = ObservedPaths {
        key: None,
        item: item_at("$envelope.subject"),
        quantity: None,
        id: None,
        outcome: None,
    };
    let made = topic(&[Entry { paths: Paths::Observed(paths), ..entry }]);
    let event = r#"{"specversion":"1.0","data":{}}"#;
    assert_eq!(told(&made, Some(event), JSON_EVENT), missing("$envelope.subject"));
    assert_eq!(told(&made, Some("{}"), BINARY), missing("$envelope.subject"));
    let subject = [BINARY, &[("ce_subject", "9")]].concat();
    assert_eq!(told(&made, Some("{}"), &subject), says("0: has 9"));
}

#[test]
fn json_of_connect_is_read_from_its_payload_and_a_null_there_is_a_tombstone() {
    let orders = topic(&[orders_in(Envelope::Connect)]);
    let connect =
        |payload: &str| format!(r#"{{"schema":{{"type":"struct"}},"payload":{payload}}}"#);
    let order = r#"{"id":"o-1","items":[{"id":1}]}"#;
    assert_eq!(told(&orders, Some(&connect(order)), &[]), says("0: expects 1"));
    assert_eq!(told(&orders, Some(&connect("null")), &[]), says("0: cancelled"));
    assert_eq!(told(&orders, None, &[]), says("0: cancelled"));
    for value in [order, "[]", "1"] {
        assert_eq!(told(&orders, Some(value), &[]), Err(NotWrapped::NoPayload.into()));
    }
    let fixed = ExpectedPaths { key: None, items: Items::Fixed(vec!["a".into()]), quantity: None };
    let fixed = Entry { envelope: Some(Envelope::Connect), ..fixed.into() };
    let fixed = topic(&[fixed]);
    assert_eq!(told(&fixed, Some(&connect("{}")), &[]), says("0: expects a"));
    assert_eq!(told(&fixed, Some(&connect("null")), &[]), says("0: cancelled"));
    assert_eq!(told(&fixed, Some("{}"), &[]), Err(NotWrapped::NoPayload.into()));
}

#[test]
fn the_entries_of_a_topic_are_wrapped_alike() {
    let entries = [orders_in(Envelope::Connect), items_in(Envelope::Debezium, None)];
    let refused = Decoder::new(&entries, Counting::Distinct, Limits::default());
    assert_eq!(refused.err(), Some(InputError::EnvelopesDiffer));
}
