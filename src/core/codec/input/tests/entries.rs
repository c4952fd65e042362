//! Which entry of its topic a record belongs to, and what it says there.

use super::*;
use crate::matching::ItemOutcome;
use crate::record::Header;

/// A record with the key `o-1` and these headers, as `name=value`.
fn read(input: &Decoder, value: Option<&str>, headers: &[&str]) -> String {
    let headers: Vec<Header> = headers
        .iter()
        .map(|header| header.split_once('=').map_or((*header, None), |(n, v)| (n, Some(v))))
        .map(|(name, value)| (name.to_owned(), value.map(|value| value.as_bytes().to_vec())))
        .collect();
    let value = value.map(str::as_bytes);
    let record = super::Input { key: Some(b"o-1"), value, headers: Some(&headers) };
    match input.decode(record, &mut Scratch::default()) {
        Ok(Decoded::Skipped) => "skipped".to_owned(),
        Ok(Decoded::Event {
            entry, event: Event::Expectation(Expectation { items, .. }), ..
        }) => {
            let needs: Vec<_> =
                items.iter().map(|item| format!("{}x{}", item.text, item.need)).collect();
            format!("{entry}: expects {}", needs.join(" "))
        }
        Ok(Decoded::Event {
            entry,
            event: Event::Observation { item, quantity, outcome, id: None },
            ..
        }) => match outcome {
            ItemOutcome::Arrived => format!("{entry}: {item} x {quantity}"),
            other => format!("{entry}: {item} {other:?}"),
        },
        Ok(Decoded::Event { entry, event, .. }) => format!("{entry}: {event:?}"),
        Ok(Decoded::Waits(_)) => "waits".to_owned(),
        Err(reason) => reason.name().to_owned(),
    }
}

fn of_path(at: &str, test: Test) -> Condition {
    Condition { of: Subject::Path(path(at)), test }
}

fn of_header(name: &str, test: Test) -> Condition {
    Condition { of: Subject::Header(name.to_owned()), test }
}

fn one_of(texts: &[&str]) -> Test {
    Test::In(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn none_of(texts: &[&str]) -> Test {
    Test::NotIn(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn fixed(items: &[&str]) -> ExpectedPaths {
    let items = Items::Fixed(items.iter().map(|item| (*item).to_owned()).collect());
    ExpectedPaths { key: None, items, quantity: None }
}

fn arrived(item: &str) -> ObservedPaths {
    ObservedPaths { key: None, item: item_at(item), quantity: None, id: None, outcome: None }
}

fn topic(entries: &[Entry]) -> Decoder {
    Decoder::new(entries, Counting::Distinct, Limits::default()).expect("paths that fit")
}

/// Orders and the checks of orders in one topic.
fn orders_and_checks() -> Decoder {
    let created = vec![of_path("$.state", one_of(&["CREATED", "2", "true"]))];
    topic(&[
        Entry { conditions: created, ..fixed(&["fraud", "stock"]).into() },
        Entry {
            conditions: vec![
                of_header("event-type", none_of(&["heartbeat"])),
                of_path("$.check", Test::Exists(true)),
            ],
            ..arrived("$.check").into()
        },
    ])
}

#[test]
fn a_record_belongs_to_the_first_entry_whose_conditions_hold() {
    let input = orders_and_checks();
    for (value, says) in [
        (r#"{"state":"CREATED"}"#, "0: expects fraudx1 stockx1"),
        (r#"{"state":"CREATED","check":"fraud"}"#, "0: expects fraudx1 stockx1"),
        (r#"{"state":2}"#, "0: expects fraudx1 stockx1"),
        (r#"{"state":true}"#, "0: expects fraudx1 stockx1"),
        (r#"{"state":"CANCELLED","state":"CREATED"}"#, "0: expects fraudx1 stockx1"),
        (r#"{"check":"fraud"}"#, "1: fraud x 1"),
        (r#"{"check":"fraud","state":{}}"#, "1: fraud x 1"),
        (r#"{"check":7,"state":"CREATED","state":null}"#, "1: 7 x 1"),
        (r#"{"check":null}"#, "skipped"),
        (r#"{"check":{}}"#, "wrong-type"),
        (r#"{"state":"CANCELLED"}"#, "skipped"),
        ("[]", "skipped"),
        ("7", "skipped"),
        (r#"{"check":"fraud""#, "malformed-json"),
        (r#"{"state":"CREATED"} x"#, "malformed-json"),
    ] {
        assert_eq!(read(&input, Some(value), &[]), says, "{value}");
    }
}

#[test]
fn headers_decide_before_the_value_is_read() {
    let input = topic(&[Entry {
        conditions: vec![
            of_header("event-type", none_of(&["heartbeat"])),
            of_header("version", one_of(&["2"])),
            of_header("draft", Test::Exists(false)),
        ],
        ..arrived("$.check").into()
    }]);
    for (headers, says) in [
        (&["version=2"][..], "malformed-json"),
        (&["version=2", "event-type=check"], "malformed-json"),
        (&["version=1", "version=2"], "malformed-json"),
        (&["version=2", "draft"], "malformed-json"),
        (&["version=2", "version=1"], "skipped"),
        (&["version=2", "version"], "skipped"),
        (&["version=2", "event-type=heartbeat"], "skipped"),
        (&["version=2", "draft="], "skipped"),
        (&["Version=2"], "skipped"),
        (&[], "skipped"),
    ] {
        assert_eq!(read(&input, Some("{"), headers), says, "{headers:?}");
    }
    let binary: Vec<Header> = vec![("version".to_owned(), Some(vec![0xff]))];
    let record = super::Input { key: None, value: Some(b"{"), headers: Some(&binary) };
    assert_eq!(input.decode(record, &mut Scratch::default()), Ok(Decoded::Skipped));
}

#[test]
fn every_test_says_what_missing_null_and_other_values_are() {
    let values = ["{}", r#"{"a":null}"#, r#"{"a":"x"}"#, r#"{"a":1.5}"#, r#"{"a":[]}"#, "[1]"];
    for (test, holds) in [
        (one_of(&["x"]), [false, false, true, false, false, false]),
        (none_of(&["x"]), [true, true, false, true, true, true]),
        (Test::Exists(true), [false, false, true, true, true, false]),
        (Test::Exists(false), [true, true, false, false, false, true]),
    ] {
        let conditions = vec![of_path("$.a", test.clone())];
        let input = topic(&[Entry { conditions, ..fixed(&["1"]).into() }]);
        let found = values.map(|value| read(&input, Some(value), &[]) != "skipped");
        assert_eq!(found, holds, "{test:?}");
    }
}

#[test]
fn a_tombstone_cancels_whatever_the_expectations_are_told_apart_by() {
    let input = orders_and_checks();
    assert_eq!(read(&input, None, &[]), "0: Cancellation");
    let by_header = of_header("type", one_of(&["order"]));
    let input = topic(&[
        Entry { conditions: vec![by_header], ..fixed(&["1"]).into() },
        Entry { conditions: vec![of_path("$.a", Test::Exists(true))], ..arrived("$.a").into() },
    ]);
    assert_eq!(read(&input, None, &["type=order"]), "0: Cancellation");
    assert_eq!(read(&input, None, &["type=check"]), "skipped");
    assert_eq!(read(&topic(&[arrived("$.a").into()]), None, &[]), "tombstone");
}

#[test]
fn a_record_that_no_entry_takes_is_no_dead_letter_whatever_its_key() {
    let input = orders_and_checks();
    for (value, key) in [("{}", None), ("{}", Some(&b""[..])), ("{}", Some(&[0xff])), ("7", None)] {
        let record = super::Input { key, value: Some(value.as_bytes()), headers: None };
        assert_eq!(input.decode(record, &mut Scratch::default()), Ok(Decoded::Skipped));
    }
    let record = super::Input { key: None, value: Some(br#"{"check":1}"#), headers: None };
    assert_eq!(input.decode(record, &mut Scratch::default()), Err(Reason::NullKey));
}

#[test]
fn a_value_that_nothing_is_read_from_may_be_anything() {
    let item = Item::Fixed("paid".to_owned());
    let input = topic(&[ObservedPaths {
        key: None,
        item: item.clone(),
        quantity: None,
        id: None,
        outcome: None,
    }
    .into()]);
    assert_eq!(read(&input, Some("\u{0}no JSON"), &[]), "0: paid x 1");
    assert_eq!(read(&input, None, &[]), "tombstone");
    assert_eq!(
        read(&topic(&[fixed(&["a", "b", "a"]).into()]), Some(""), &[]),
        "0: expects ax1 bx1"
    );
    let key = Some(path("$.id"));
    let input =
        topic(&[ObservedPaths { key, item, quantity: None, id: None, outcome: None }.into()]);
    assert_eq!(read(&input, Some(r#"{"id":"o-1"}"#), &[]), "0: paid x 1");
    assert_eq!(read(&input, Some(r#"{"id":"o-2"}"#), &[]), "key-mismatch");
    assert_eq!(read(&input, Some("no JSON"), &[]), "malformed-json");
}

#[test]
fn a_fixed_item_is_needed_as_often_as_it_is_listed_when_counting_quantity() {
    let entry = fixed(&["a", "b", "a"]).into();
    let input = Decoder::new(&[entry], Counting::Quantity, Limits::default());
    assert_eq!(read(&input.expect("a fit"), Some("{}"), &[]), "0: expects ax2 bx1");
}

#[test]
fn what_cannot_be_compiled_is_refused() {
    let error = |entry: Entry, counting| {
        Decoder::new(&[entry], counting, Limits::default()).expect_err("no fit").to_string()
    };
    let conditions = vec![of_path("$.a[*]", Test::Exists(true))];
    let refused = error(Entry { conditions, ..arrived("$.a").into() }, Counting::Distinct);
    assert!(refused.starts_with("the condition's path $.a[*] must lead to one place"), "{refused}");
    let quantity = Some(path("$.n"));
    let refused = error(ExpectedPaths { quantity, ..fixed(&["a"]) }.into(), Counting::Quantity);
    assert!(refused.starts_with("a quantity path has no effect beside fixed items"), "{refused}");
    let refused = error(fixed(&[&"x".repeat(256)]).into(), Counting::Distinct);
    assert!(refused.ends_with("has 256"), "{refused}");
}

#[test]
fn the_conditions_that_keep_a_record_from_an_entry_are_named() {
    let input = orders_and_checks();
    let unmet = |value: &str, headers: &[Header]| {
        let headers = headers.to_vec();
        let value = Some(value.as_bytes());
        input.unmet(super::Input { key: None, value, headers: Some(&headers) })
    };
    assert_eq!(unmet("{}", &[]), Ok(vec![vec![0], vec![1]]));
    let heartbeat = [("event-type".to_owned(), Some(b"heartbeat".to_vec()))];
    assert_eq!(unmet(r#"{"check":1}"#, &heartbeat), Ok(vec![vec![0], vec![0]]));
    assert_eq!(unmet(r#"{"check":1,"state":2}"#, &[]), Ok(vec![vec![], vec![]]));
    assert!(unmet("{", &[]).is_err());
    let shown = of_path("$.state", one_of(&["CREATED", "2"])).to_string();
    assert_eq!(shown, "$.state in CREATED, 2");
    assert_eq!(of_header("a", Test::Exists(false)).to_string(), "the header a does not exist");
}

#[test]
fn an_outcome_says_what_became_of_an_item_and_skips_what_is_not_listed() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let outcome = OutcomeAt {
        path: path("$.result"),
        arrived: texts(&["PASS", "true"]),
        failed: texts(&["FAIL", "2"]),
        withdrawn: texts(&["REVOKED"]),
    };
    let entry = ObservedPaths {
        key: Some(path("$.id")),
        id: None,
        outcome: Some(outcome),
        ..arrived("$.check")
    };
    let input = topic(&[entry.into()]);
    for (value, says) in [
        (r#"{"id":"o-1","check":"a","result":"PASS"}"#, "0: a x 1"),
        (r#"{"id":"o-1","check":"a","result":true}"#, "0: a x 1"),
        (r#"{"id":"o-1","check":"a","result":"FAIL"}"#, "0: a Failed"),
        (r#"{"id":"o-1","check":"a","result":2}"#, "0: a Failed"),
        (r#"{"id":"o-1","check":"a","result":"PASS","result":"REVOKED"}"#, "0: a Withdrawn"),
        (r#"{"id":"o-1","check":"a","result":"PENDING"}"#, "skipped"),
        (r#"{"id":"o-2","result":"PENDING"}"#, "skipped"),
        (r#"{"id":"o-2","check":"a","result":"PASS"}"#, "key-mismatch"),
        (r#"{"id":"o-1","result":"PASS"}"#, "missing-field"),
        (r#"{"id":"o-1","check":"a"}"#, "missing-field"),
        (r#"{"id":"o-1","check":"a","result":null}"#, "wrong-type"),
        (r#"{"id":"o-1","check":"a","result":1.5}"#, "wrong-type"),
        (r#"{"id":"o-1","check":"a","result":["PASS"]}"#, "wrong-type"),
        ("{", "malformed-json"),
    ] {
        assert_eq!(read(&input, Some(value), &[]), says, "{value}");
    }
    let nobody = super::Input { key: None, value: Some(br#"{"result":"?"}"#), headers: None };
    assert_eq!(input.decode(nobody, &mut Scratch::default()), Ok(Decoded::Skipped));
}

#[test]
fn one_entry_may_read_all_elements_of_a_list_of_which_another_reads_one() {
    let listed = ExpectedPaths { key: None, items: at("$.lines[*].id"), quantity: None };
    let input = topic(&[
        Entry { conditions: vec![of_path("$.lines[1].first", one_of(&["yes"]))], ..listed.into() },
        arrived("$.lines[0].id").into(),
    ]);
    let lines = r#"{"lines":[{"id":"a"},{"id":"b","first":"yes"},{"id":"c"}]}"#;
    assert_eq!(read(&input, Some(lines), &[]), "0: expects ax1 bx1 cx1");
    assert_eq!(read(&input, Some(r#"{"lines":[{"id":"a"},{"id":"b"}]}"#), &[]), "1: a x 1");
    let broken = r#"{"lines":[{"id":"a"},{"first":"yes"}]}"#;
    assert_eq!(read(&input, Some(broken), &[]), "missing-field");
}
