//! Random documents, decoded by paths and, for comparison, parsed as whole values.

mod choice;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::*;
use crate::codec::path::Segment;
use crate::record::Header;

/// JSON texts that often contain what the paths select, sometimes twice, sometimes invalid.
pub fn any_document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop_oneof![
            Just("1"),
            Just("\"1\""),
            Just("-3"),
            Just("\"o-1\""),
            Just("\"\\u00fc\"")
        ],
        1 => prop_oneof![Just("null"), Just("true"), Just("1.5"), Just("0"), Just("\"\"")],
    ]
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 40, 4, |inner| {
        let name = prop_oneof![Just("id"), Just("items"), Just("n"), Just("x")];
        let object = vec((name, inner.clone()), 0..4).prop_map(|members| {
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
            format!("{{{}}}", members.join(","))
        });
        let array = vec(inner, 0..4).prop_map(|elements| format!("[{}]", elements.join(" , ")));
        prop_oneof![3 => object, 2 => array]
    })
}

/// A member of an envelope.
fn any_member() -> impl Strategy<Value = (&'static str, String)> {
    let op = prop_oneof![Just("\"c\""), Just("\"u\""), Just("\"d\""), Just("\"t\""), Just("7")];
    let row = || any_document().prop_map(|value| format!("{{\"id\":1,\"items\":[{value}]}}"));
    let change = (op.clone(), row(), row()).prop_map(|(op, before, after)| {
        format!("{{\"op\":{op},\"before\":{before},\"after\":{after},\"source\":{after}}}")
    });
    let row = || prop_oneof![3 => row(), 1 => any_document()];
    prop_oneof![
        2 => op.prop_map(|op| ("op", op.to_owned())),
        2 => row().prop_map(|row| ("after", row)),
        2 => row().prop_map(|row| ("before", row)),
        2 => row().prop_map(|row| ("data", row)),
        2 => change.prop_map(|change| ("payload", change)),
        1 => any_document().prop_map(|value| ("source", value)),
        1 => any_document().prop_map(|value| ("payload", value)),
        1 => Just(("specversion", "\"1.0\"".to_owned())),
        1 => Just(("data_base64", "\"aGk=\"".to_owned())),
    ]
}

/// Returns everything at `path`, or `None` when something on the way has the wrong type.
fn select<'v>(at: &'v Value, path: &[Segment]) -> Option<Vec<&'v Value>> {
    let Some((first, rest)) = path.split_first() else {
        return Some(vec![at]);
    };
    match first {
        Segment::Name(name) => select(at.as_object()?.get(name)?, rest),
        Segment::Index(index) => select(at.as_array()?.get(*index)?, rest),
        Segment::Wildcard if at.is_null() => Some(Vec::new()),
        Segment::Wildcard => {
            let parts: Option<Vec<_>> =
                at.as_array()?.iter().map(|element| select(element, rest)).collect();
            Some(parts?.concat())
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

fn texts(document: &Value, path: &Path) -> Option<Vec<String>> {
    select(document, path.segments())?.into_iter().map(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn walking_finds_what_a_whole_value_holds(document in any_document()) {
        let whole: Value = serde_json::from_str(&document).expect("a generated document");
        for items in ["$.items[*].id", "$[*]", "$.items[*].items[*]", "$.x.id", "$[1].id", "$"] {
            let (input, items) = (listing(items), path(items));
            let found = expectation(&input, &document);
            let distinct = texts(&whole, &items).map(|all| {
                let mut distinct: Vec<(String, u32)> = Vec::new();
                for text in all {
                    if distinct.iter().all(|(known, _)| *known != text) {
                        distinct.push((text, 1));
                    }
                }
                distinct
            });
            prop_assert_eq!(found.ok(), distinct, "{}", items);
        }
    }

    #[test]
    fn the_key_is_found_beside_the_items(document in any_document()) {
        let whole: Value = serde_json::from_str(&document).expect("a generated document");
        let paths = ExpectedPaths {
            key: Some(path("$.id")),
            items: at("$.items[*].id"),
            quantity: Some(path("$.items[*].n")),
        };
        let input = decoder(paths, Counting::Quantity).expect("a fit");
        let key = whole.get("id").and_then(text);
        let items = texts(&whole, &path("$.items[*].id"));
        let numbers = select(&whole, path("$.items[*].n").segments());
        let numbers: Option<Vec<u64>> = numbers.and_then(|numbers| {
            numbers.into_iter().map(|n| n.as_u64().filter(|n| *n > 0)).collect()
        });
        let found = expectation(&input, &document);
        let fits = key.as_deref() == Some("o-1") && items.is_some() && numbers.is_some();
        prop_assert_eq!(found.is_ok(), fits, "{:?}", found);
        if let (Ok(found), Some(items), Some(numbers)) = (found, items, numbers) {
            let total: u64 = found.iter().map(|(_, need)| u64::from(*need)).sum();
            prop_assert_eq!(total, numbers.iter().sum::<u64>());
            prop_assert!(items.iter().all(|item| found.iter().any(|(text, _)| text == item)));
        }
    }

    /// What one pass finds for several entries is what each of them finds on its own.
    #[test]
    fn entries_of_a_topic_do_not_disturb_each_other(document in any_document()) {
        let whole: Value = serde_json::from_str(&document).expect("a generated document");
        let has = |at: &str, wanted: &str| Condition {
            of: Subject::Path(path(at)),
            test: Test::In(vec![wanted.to_owned()]),
        };
        let keep = |at: &str| Keep { name: at.to_owned(), path: path(at) };
        let listed = ExpectedPaths { key: None, items: at("$.items[*].id"), quantity: None };
        let arrived = |at| {
            let item = item_at(at);
            ObservedPaths { key: None, item, quantity: None, id: None, outcome: None }
        };
        let entries = [
            Entry { conditions: vec![has("$.id", "1")], ..listed.clone().into() },
            Entry {
                conditions: vec![has("$.items[0].n", "-3")],
                keep: vec![keep("$.items[0]"), keep("$.id")],
                ..arrived("$.items[1]").into()
            },
            Entry { conditions: vec![has("$.items.x", "o-1")], ..arrived("$.items.id").into() },
            Entry {
                conditions: Vec::new(),
                keep: vec![keep("$"), keep("$.items"), keep("$.x")],
                ..arrived("$.x").into()
            },
        ];
        let together = Decoder::new(&entries, Counting::Distinct, Limits::default());
        let together = together.expect("paths that fit");
        let at_path = |at: &str| {
            let found = select(&whole, path(at).segments())?;
            found.first().copied().and_then(text)
        };
        let chosen = if at_path("$.id").as_deref() == Some("1") {
            0
        } else if at_path("$.items[0].n").as_deref() == Some("-3") {
            1
        } else if at_path("$.items.x").as_deref() == Some("o-1") {
            2
        } else {
            3
        };
        let mut scratch = Scratch::default();
        let record =
            super::Input { key: Some(b"o-1"), value: Some(document.as_bytes()), headers: None };
        let found = together.decode(record, &mut scratch);
        let alone = Entry { conditions: Vec::new(), ..entries[chosen].clone() };
        let alone = decoder(alone, Counting::Distinct).expect("paths that fit");
        let mut scratch = Scratch::default();
        let alone = alone.decode(record, &mut scratch);
        match (found, alone) {
            (
                Ok(Decoded::Event { entry, event, kept }),
                Ok(Decoded::Event { event: same, kept: alone, .. }),
            ) => {
                prop_assert_eq!((entry, event, kept), (chosen, same, alone));
            }
            (Err(found), Err(alone)) => prop_assert_eq!(found, alone),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// What is wrapped decodes to what it decodes to alone.
    #[test]
    fn an_envelope_changes_nothing_of_what_is_in_it(document in any_document()) {
        let of = Subject::Path(path("$.n"));
        let conditions = vec![Condition { of, test: Test::Exists(true) }];
        let keep = |at: &str| Keep { name: at.to_owned(), path: path(at) };
        let listed = ExpectedPaths {
            key: Some(path("$.id")),
            items: at("$.items[*].id"),
            quantity: None,
        };
        let (item, key) = (item_at("$.items[1].x"), None);
        let arrived = ObservedPaths { key, item, quantity: None, id: None, outcome: None };
        let entries = |envelope| [
            Entry { envelope, conditions: conditions.clone(), ..listed.clone().into() },
            Entry { envelope, keep: vec![keep("$.x"), keep("$")], ..arrived.clone().into() },
        ];
        let of = |envelope| {
            Decoder::new(&entries(envelope), Counting::Distinct, Limits::default()).expect("a fit")
        };
        let is_object = document.starts_with('{');
        let event: Vec<Header> =
            vec![("content-type".into(), Some(b"application/cloudevents+json".to_vec()))];
        let binary: Vec<Header> = vec![("ce_specversion".into(), Some(b"1.0".to_vec()))];
        let bare = of(None);
        for (envelope, text, headers) in [
            (Envelope::Debezium, format!("{{\"after\":{document},\"op\":\"u\"}}"), &binary),
            (
                Envelope::Debezium,
                format!("{{\"payload\":{{\"op\":\"c\",\"before\":{document},\
                         \"after\":{document}}}}}"),
                &binary,
            ),
            (Envelope::Connect, format!("{{\"schema\":null,\"payload\":{document}}}"), &binary),
            (
                Envelope::CloudEvents,
                format!("{{\"data\":{document},\"specversion\":\"1.0\"}}"),
                &event,
            ),
            (Envelope::CloudEvents, document.clone(), &binary),
        ] {
            let (mut one, mut other) = (Scratch::default(), Scratch::default());
            let record = |value: &'_ str| -> (Vec<u8>, Vec<Header>) {
                (value.as_bytes().to_vec(), headers.clone())
            };
            let ((value, headers), (inner, _)) = (record(&text), record(&document));
            let wrapped = of(Some(envelope));
            let input = |value| super::Input {
                key: Some(b"o-1"),
                value,
                headers: Some(&headers as &dyn Headers),
            };
            let found = wrapped.decode(input(Some(&value)), &mut one);
            let alone = bare.decode(input(Some(&inner)), &mut other);
            match (&found, &alone) {
                // A null is a tombstone of Connect's.
                _ if envelope == Envelope::Connect && document == "null" => {}
                (Err(found), Err(alone)) if !is_object => {
                    // The place that is no object is the envelope's.
                    prop_assert_eq!(found.name(), alone.name());
                }
                _ => prop_assert_eq!(&found, &alone, "{}", text),
            }
        }
    }

    /// Whatever is around a value, with members that occur twice, are missing or of another type,
    /// the record is an event, skipped, or refused, and always the same.
    #[test]
    fn any_envelope_is_an_event_or_a_reason(members in vec(any_member(), 0..6)) {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!("{{{}}}", members.join(","));
        let outcome = OutcomeAt {
            path: path("$envelope.op"),
            arrived: vec!["c".to_owned()],
            failed: vec!["u".to_owned()],
            withdrawn: vec!["d".to_owned()],
        };
        let key = Some(path("$.id"));
        let listed = ExpectedPaths { key: key.clone(), items: at("$.items[*].id"), quantity: None };
        let (item, outcome) = (item_at("$.items[0].x"), Some(outcome));
        let arrived = ObservedPaths { key, item, quantity: None, id: None, outcome };
        let of = Subject::Path(path("$envelope.source.x"));
        let conditions = vec![Condition { of, test: Test::Exists(true) }];
        let keep = vec![Keep { name: "all".to_owned(), path: path("$") }];
        let headers: Vec<Header> =
            vec![("content-type".into(), Some(b"application/cloudevents+json".to_vec()))];
        for envelope in [Envelope::Debezium, Envelope::Connect, Envelope::CloudEvents] {
            let (envelope, keep) = (Some(envelope), keep.clone());
            let entries = [
                Entry { envelope, conditions: conditions.clone(), ..listed.clone().into() },
                Entry { envelope, keep, ..arrived.clone().into() },
            ];
            let input = Decoder::new(&entries, Counting::Distinct, Limits::default());
            let input = input.expect("paths that fit");
            let (value, headers) = (Some(text.as_bytes()), Some(&headers as &dyn Headers));
            let record = super::Input { key: Some(b"1"), value, headers };
            let (mut one, mut other) = (Scratch::default(), Scratch::default());
            prop_assert_eq!(input.decode(record, &mut one), input.decode(record, &mut other));
            let _ = (input.unmet(record), input.is_about_nothing(record));
        }
    }

    #[test]
    fn any_bytes_are_an_event_or_a_reason(
        key in vec(any::<u8>(), 0..4),
        value in vec(any::<u8>(), 0..40),
    ) {
        let mut scratch = Scratch::default();
        let _ = decode(orders(), Some(&key), Some(&value), &mut scratch);
        let _ = decode(manufactured(), Some(&key), Some(&value), &mut scratch);
    }

    #[test]
    fn a_document_that_is_cut_or_changed_is_json_or_malformed(
        document in any_document(),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = document.into_bytes();
        let at = cut.index(bytes.len());
        bytes[at] = byte;
        for bytes in [&bytes[..], &bytes[..at]] {
            let well_formed = serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
                && std::str::from_utf8(bytes).is_ok();
            let mut scratch = Scratch::default();
            let listing = listing("$.items[*].id");
            let found = decode(&listing, Some(b"o-1"), Some(bytes), &mut scratch).map(|_| ());
            let refused = matches!(
                found,
                Err(Reason::MalformedJson { .. }
                    | Reason::NotUtf8 { .. }
                    | Reason::WrongEncoding(_))
            );
            prop_assert_eq!(refused, !well_formed, "{:?}", found);
        }
    }
}
