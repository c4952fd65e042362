//! Output records, byte by byte.

mod fields;
mod outcomes;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::matching::{Awaits, Counting, Items, Kept, OverdueReason};

fn outputs(facts: Facts) -> Outputs {
    let settings = OutputSettings {
        reconciliation: "shipping".to_owned(),
        key_field: "orderId".to_owned(),
        facts,
        fields: Fields::default(),
        stamp: Stamp::default(),
        dead_letter_bytes_max: 20,
    };
    Outputs::new(settings, &rules()).expect("settings that fit")
}

/// Rules without outcomes.
fn rules() -> Rules {
    Rules {
        counting: Counting::Distinct,
        allow_empty: false,
        failed: None,
        reports_cancelled: false,
        overdue_after_ms: None,
        orphans_after_ms: None,
        expire_after_ms: None,
        memory_ms: 0,
        row_bytes_max: 1_000_000,
        list_bytes_max: None,
    }
}

const EXPECTED_AT: i64 = 1_683_581_858_571;

static IN_TIME: LazyLock<Emitted> = LazyLock::new(|| Emitted::Completion {
    late: false,
    expected_at: EXPECTED_AT,
    items: [("1", 1, 1)].into_iter().collect(),
    kept: Kept::NOTHING,
});
static LATE: LazyLock<Emitted> = LazyLock::new(|| match IN_TIME.clone() {
    Emitted::Completion { expected_at, items, kept, .. } => {
        Emitted::Completion { late: true, expected_at, items, kept }
    }
    other => other,
});

fn value_of(output: &Output) -> &str {
    std::str::from_utf8(output.value.as_deref().expect("a value")).expect("JSON is text")
}

fn parsed(output: &Output) -> Value {
    serde_json::from_str(value_of(output)).expect("a JSON value")
}

fn header<'o>(output: &'o Output, name: &str) -> Option<&'o str> {
    output.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_completion_is_exactly_the_keys_field() {
    let output = outputs(Facts::LateHeader).emitted(b"o-1", &IN_TIME, Time::of(77));
    assert_eq!(value_of(&output), r#"{"orderId":"o-1"}"#);
    assert_eq!((output.sink, output.timestamp_ms), (Sink::Completed, 77));
    assert_eq!(output.key.as_deref(), Some(&b"o-1"[..]));
    assert_eq!(output.headers, [source_timestamp("77")]);
}

fn source_timestamp(text: &str) -> (&'static str, String) {
    ("rollcall-source-timestamp", text.to_owned())
}

#[test]
fn a_late_completion_says_so() {
    let output = outputs(Facts::LateHeader).emitted(b"o-1", &LATE, Time::of(77));
    assert_eq!(value_of(&output), r#"{"orderId":"o-1"}"#);
    assert_eq!(output.headers, [source_timestamp("77"), ("rollcall-late", "true".to_owned())]);
}

#[test]
fn facts_come_as_headers_or_in_the_value_where_that_is_asked_for() {
    let output = outputs(Facts::Headers).emitted(b"o-1", &LATE, Time::of(77));
    assert_eq!(header(&output, "rollcall-expected-at"), Some("1683581858571"));
    assert_eq!(header(&output, "rollcall-late"), Some("true"));
    let output = outputs(Facts::Value).emitted(b"o-1", &IN_TIME, Time::of(77));
    let expected = r#"{"orderId":"o-1","expectedAt":"2023-05-08T21:37:38.571Z","late":false}"#;
    assert_eq!(value_of(&output), expected);
    assert_eq!(output.headers, [source_timestamp("77")]);
}

#[test]
fn outputs_bear_the_time_of_their_commit_and_name_that_of_their_record() {
    let outputs = outputs(Facts::default());
    let time = Time { at_ms: 50, source_ms: 1_683_581_858_571_000 };
    let dead = outputs.dead_letter(&Source { time, ..source(None, None) }, &Reason::NullKey);
    let mut all = [outputs.emitted(b"o-1", &IN_TIME, time), dead];
    outputs.stamp(&mut all, 90);
    for output in &all {
        assert_eq!(output.timestamp_ms, 90);
        assert_eq!(header(output, "rollcall-source-timestamp"), Some("1683581858571000"));
    }
}

#[test]
fn outputs_bear_the_time_of_their_record_where_that_is_asked_for_and_never_a_later_one() {
    let mut outputs = outputs(Facts::default());
    outputs.settings.stamp = Stamp::Source;
    let at = |at_ms| outputs.emitted(b"o-1", &IN_TIME, Time { at_ms, source_ms: -1 });
    let mut all = [at(50), at(95)];
    outputs.stamp(&mut all, 90);
    assert_eq!(all.each_ref().map(|output| output.timestamp_ms), [50, 90]);
    assert!(all.iter().all(|output| output.headers.is_empty()), "as before there was a choice");
}

#[test]
fn names_and_keys_are_escaped() {
    let settings = OutputSettings {
        reconciliation: String::new(),
        key_field: "the \"key\"".to_owned(),
        facts: Facts::default(),
        fields: Fields::default(),
        stamp: Stamp::default(),
        dead_letter_bytes_max: 0,
    };
    let outputs = Outputs::new(settings, &rules()).expect("settings that fit");
    let output = outputs.emitted("ü\"\\\n".as_bytes(), &IN_TIME, Time::of(0));
    assert_eq!(value_of(&output), r#"{"the \"key\"":"ü\"\\\n"}"#);
    assert_eq!(parsed(&output), json!({"the \"key\"": "ü\"\\\n"}));
}

#[test]
fn a_key_field_that_would_come_twice_is_refused() {
    for name in RESERVED_FIELDS {
        let settings = OutputSettings {
            reconciliation: String::new(),
            key_field: name.to_owned(),
            facts: Facts::default(),
            fields: Fields::default(),
            stamp: Stamp::default(),
            dead_letter_bytes_max: 0,
        };
        let refusal = Outputs::new(settings, &rules()).expect_err("a reserved name");
        assert_eq!(refusal, OutputError::ReservedKeyField(name.to_owned()));
    }
}

fn overdue(reason: OverdueReason, since: Timestamp, items: Items) -> Output {
    let (awaits, kept) = (Awaits::Items, Kept::NOTHING);
    let emitted = Emitted::Overdue { reason, since, items, awaits, kept };
    outputs(Facts::default()).emitted(b"o-1", &emitted, Time::of(5))
}

#[test]
fn an_overdue_record_says_what_is_missing() {
    let items = [("1", 1, 1), ("2", 3, 1), ("99", 0, 2), ("3", 1, 0)].into_iter().collect();
    let output = overdue(OverdueReason::Overdue, 1_683_581_858_571, items);
    let expected = concat!(
        r#"{"orderId":"o-1","reason":"overdue","since":"2023-05-08T21:37:38.571Z","#,
        r#""expectedTotal":3,"missingTotal":2,"#,
        r#""missing":[{"item":"2","missing":2,"needed":3},{"item":"3","missing":1,"needed":1}],"#,
        r#""unexpectedTotal":1,"unexpected":[{"item":"99","observed":2}]}"#,
    );
    assert_eq!(value_of(&output), expected);
    assert_eq!((output.sink, output.timestamp_ms), (Sink::Overdue, 5));
    assert_eq!(output.key.as_deref(), Some(&b"o-1"[..]));
    assert_eq!(output.headers, [source_timestamp("5")]);
}

#[test]
fn an_orphan_lists_what_was_observed_without_being_expected() {
    let items = [("a\"b", 0, 1)].into_iter().collect();
    let value = parsed(&overdue(OverdueReason::Orphan, 0, items));
    assert_eq!(value["reason"], "orphan");
    assert_eq!(value["since"], "1970-01-01T00:00:00Z");
    assert_eq!((&value["expectedTotal"], &value["missing"]), (&json!(0), &json!([])));
    assert_eq!(value["unexpected"], json!([{"item": "a\"b", "observed": 1}]));
    let expired = parsed(&overdue(OverdueReason::Expired, 0, Items::default()));
    assert_eq!(expired["reason"], "expired");
}

#[test]
fn an_overdue_record_stays_small_and_tells_the_total() {
    let items: Items = (0..1000).map(|index| (format!("item-{index}"), 1, 0)).fold(
        Items::default(),
        |mut all, item| {
            all.push(&item.0, item.1, item.2);
            all
        },
    );
    let value = parsed(&overdue(OverdueReason::Overdue, 0, items));
    assert_eq!(value["missingTotal"], 1000);
    assert_eq!(value["missing"].as_array().map(Vec::len), Some(LISTED_MAX));

    // Control characters take six bytes each.
    let mut items = Items::default();
    for index in 0..1000 {
        let text = format!("{index:03}{}", "\u{1}".repeat(252));
        items.push(&text, index % 2, 1 - index % 2);
    }
    let output = overdue(OverdueReason::Overdue, 0, items);
    assert!(value_of(&output).len() < LISTED_BYTES_MAX + 2_000, "{}", value_of(&output).len());
    assert_eq!(parsed(&output)["missingTotal"], 500);
}

#[test]
fn a_list_ends_with_the_entry_that_exceeds_the_size() {
    // Each takes 1,500 bytes and more, so that the size ends the list before the count does.
    let mut items = Items::default();
    for index in 0..1000 {
        items.push(&format!("{index:03}{}", "\u{1}".repeat(252)), index % 2, 1 - index % 2);
    }
    let output = overdue(OverdueReason::Overdue, 0, items);
    let (value, fields) = (value_of(&output), parsed(&output));
    let listed = fields["missing"].as_array().map_or(0, Vec::len);
    assert!(listed > 10 && listed < LISTED_MAX, "{listed}");
    let last_at = value.rfind("{\"item\"").expect("an entry");
    let end_at = value.find("],\"unexpectedTotal\"").expect("the end of the list");
    assert!(last_at - 1 <= LISTED_BYTES_MAX, "{last_at}: there was room");
    assert!(end_at > LISTED_BYTES_MAX, "{end_at}: there is room for another");
    assert_eq!((&fields["unexpectedTotal"], &fields["unexpected"]), (&json!(500), &json!([])));
}

#[test]
fn an_instant_outside_of_the_calendar_is_its_end() {
    let value = parsed(&overdue(OverdueReason::Overdue, Timestamp::MAX, Items::default()));
    assert!(value["since"].as_str().is_some_and(|since| since.starts_with("9999-12-")), "{value}");
    let value = parsed(&overdue(OverdueReason::Overdue, Timestamp::MIN, Items::default()));
    assert!(value["since"].as_str().is_some_and(|since| since.starts_with("-009999-")), "{value}");
}

fn source<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> Source<'a> {
    Source {
        topic: "orders",
        partition: 3,
        offset: 42,
        time: Time { at_ms: 99, source_ms: -1 },
        key,
        value,
        headers: None,
    }
}

#[test]
fn a_dead_letter_is_the_record_as_it_was_with_the_reason() {
    let source = source(Some(b"\xff"), Some(b"not json"));
    let reason = Reason::MalformedJson { line: 1, column: 2 };
    let output = outputs(Facts::default()).dead_letter(&source, &reason);
    assert_eq!((output.sink, output.timestamp_ms), (Sink::DeadLetter, 99));
    assert_eq!(output.key.as_deref(), Some(&b"\xff"[..]));
    assert_eq!(output.value.as_deref(), Some(&b"not json"[..]));
    let expected = [
        ("rollcall-reason", "malformed-json"),
        ("rollcall-detail", "the value is not a JSON document: line 1, column 2"),
        ("rollcall-source-topic", "orders"),
        ("rollcall-source-partition", "3"),
        ("rollcall-source-offset", "42"),
        ("rollcall-source-timestamp", "-1"),
        ("rollcall-reconciliation", "shipping"),
    ];
    let headers: Vec<_> =
        output.headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(headers, expected);
}

#[test]
fn a_dead_letter_keeps_null_apart_from_empty() {
    let outputs = outputs(Facts::default());
    let output = outputs.dead_letter(&source(None, None), &Reason::NullKey);
    assert_eq!((output.key, output.value), (None, None));
    let output = outputs.dead_letter(&source(Some(b""), Some(b"")), &Reason::NoItems);
    assert_eq!((output.key, output.value), (Some(vec![]), Some(vec![])));
}

#[test]
fn a_dead_letter_that_is_too_large_is_cut_and_says_so() {
    let outputs = outputs(Facts::default());
    let output =
        outputs.dead_letter(&source(Some(b"0123456789"), Some(b"0123456789")), &Reason::NoItems);
    assert_eq!(header(&output, "rollcall-truncated"), None);
    let output =
        outputs.dead_letter(&source(Some(b"0123456789"), Some(b"0123456789x")), &Reason::NoItems);
    assert_eq!(output.value.as_deref(), Some(&b"0123456789"[..]));
    assert_eq!(header(&output, "rollcall-truncated"), Some("11"));
    assert_eq!(header(&output, "rollcall-truncated-key"), None);
    let output = outputs.dead_letter(&source(Some(&[b'k'; 30]), Some(b"v")), &Reason::NoItems);
    assert_eq!(header(&output, "rollcall-truncated-key"), Some("30"));
    assert_eq!(header(&output, "rollcall-truncated"), Some("1"));
    assert_eq!(output.key.map(|key| key.len()), Some(20));
    assert_eq!(output.value, Some(vec![]));
}

fn header_list(headers: &[(&str, &str)]) -> Vec<Header> {
    let header =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).as_bytes().to_vec()));
    headers.iter().map(header).collect()
}

/// Returns the headers of the dead letter of a record with these headers, without Rollcall's own
/// except for those that report a truncation.
fn kept(
    value: &[u8],
    headers: &[Header],
    room: usize,
) -> (Vec<Header>, Vec<(&'static str, String)>) {
    let settings = OutputSettings {
        reconciliation: "shipping".to_owned(),
        key_field: "orderId".to_owned(),
        facts: Facts::default(),
        fields: Fields::default(),
        stamp: Stamp::default(),
        dead_letter_bytes_max: room,
    };
    let headers = headers.to_vec();
    let source = Source { headers: Some(&headers), ..source(None, Some(value)) };
    let output = Outputs::new(settings, &rules())
        .expect("settings that fit")
        .dead_letter(&source, &Reason::NullKey);
    let all: Vec<Header> = output
        .all_headers()
        .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
        .collect();
    let carried = all.len() - output.headers.len();
    let cuts = output.headers.into_iter().filter(|(name, _)| name.contains("truncated"));
    (all[..carried].to_vec(), cuts.collect())
}

#[test]
fn a_dead_letter_keeps_the_headers_of_its_record_before_its_own() {
    let mut headers = header_list(&[("traceparent", "00-1"), ("twice", "1"), ("twice", "2")]);
    headers.push(("null".to_owned(), None));
    headers.push(("binary".to_owned(), Some(vec![0, 0xff])));
    assert_eq!(kept(b"v", &headers, 1_000), (headers, vec![]));
}

#[test]
fn what_an_earlier_dead_letter_said_is_not_taken_for_this_ones() {
    let headers = header_list(&[("rollcall-reason", "malformed-json"), ("a", "1")]);
    assert_eq!(kept(b"v", &headers, 1_000), (header_list(&[("a", "1")]), vec![]));
}

#[test]
fn headers_get_the_room_that_the_payload_leaves_and_a_quarter_at_least() {
    // Each takes 20 bytes.
    let headers = header_list(&[("12345", "67890"); 5]);
    assert_eq!(kept(&[0; 100], &headers, 200), (headers.clone(), vec![]));
    let cut = |left_out: &str| ("rollcall-truncated-headers", left_out.to_owned());
    assert_eq!(kept(&[0; 101], &headers, 200), (headers[..4].to_vec(), vec![cut("1")]));
    let value_cut = ("rollcall-truncated", "200".to_owned());
    assert_eq!(kept(&[0; 200], &headers, 200), (headers[..2].to_vec(), vec![cut("3"), value_cut]));
}
