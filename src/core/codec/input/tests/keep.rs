//! What is kept of a record: values as they came.

use proptest::prelude::*;

use super::*;

fn keep(fields: &[(&str, &str)]) -> Vec<Keep> {
    let keep = |(name, at): &(&str, &str)| Keep { name: (*name).to_owned(), path: path(at) };
    fields.iter().map(keep).collect()
}

fn listing(items: &str) -> Entry {
    ExpectedPaths { key: None, items: at(items), quantity: None }.into()
}

fn arrived(item: &str) -> Entry {
    ObservedPaths { key: None, item: item_at(item), quantity: None, id: None, outcome: None }.into()
}

fn fixed() -> Entry {
    let items = Items::Fixed(vec!["1".to_owned()]);
    ExpectedPaths { key: None, items, quantity: None }.into()
}

/// Returns what an entry keeps of a value.
fn kept_of(entry: &Entry, value: &str) -> Result<String, Reason> {
    let input = decoder(entry.clone(), Counting::Distinct).expect("paths that fit");
    let record =
        super::super::Input { key: Some(b"o-1"), value: Some(value.as_bytes()), headers: None };
    match input.decode(record, &mut Scratch::default())? {
        Decoded::Event { kept, .. } => Ok(kept.to_owned()),
        other => panic!("it is an event: {other:?}"),
    }
}

fn kept(fields: &[(&str, &str)], value: &str) -> String {
    kept_of(&Entry { keep: keep(fields), ..fixed() }, value).expect("a document")
}

#[test]
fn values_are_kept_in_the_order_of_the_object_under_their_names() {
    let fields = [("to", "$.shipTo"), ("a \"b\"", "$.customer.id"), ("all", "$.lines[1]")];
    let value = r#"{"customer":{"id":"c-7"},"lines":[1,{"n":2}],"shipTo":{"street":["x"]}}"#;
    assert_eq!(kept(&fields, value), r#""to":{"street":["x"]},"a \"b\"":"c-7","all":{"n":2}"#);
}

#[test]
fn a_value_stays_as_it_came_but_for_white_space_outside_of_strings() {
    for value in [
        "\"\\u00fc \\\"\\\\ \\n\"",
        "\"ü\\ud83d\\ude00\\ud800\"",
        "1e400",
        "-0",
        "123456789012345678901234567890.000000000000000000001E+99",
        "null",
        "true",
        "[]",
        r#"{"a":1,"a":2}"#,
    ] {
        assert_kept(value, value);
    }
    assert_kept(r#" {"a" : [ 1 , 2.50 ] , "b":" x  y " } "#, r#"{"a":[1,2.50],"b":" x  y "}"#);
    assert_kept("[\n\t[ [ ] , { } ]\r\n]", "[[[],{}]]");
}

/// Asserts what is kept of a value somewhere in the document, and of one that is the document.
fn assert_kept(value: &str, found: &str) {
    let document = format!("{{\"v\" : {value} ,\"w\":1}}");
    assert_eq!(kept(&[("v", "$.v")], &document), format!("\"v\":{found}"));
    assert_eq!(kept(&[("v", "$")], value), format!("\"v\":{found}"));
}

#[test]
fn what_is_not_there_is_left_out() {
    let fields = [("a", "$.a.b"), ("b", "$.l[2]"), ("c", "$.c")];
    for value in [
        r#"{}"#,
        r#"{"a":1,"l":[1,2]}"#,
        r#"{"a":null,"l":{"2":1}}"#,
        r#"{"a":[{"b":1}],"l":"x"}"#,
        r#"{"a":1e999,"l":"\ud800"}"#,
        "[1,2,3]",
        "7",
        " 1e999 ",
        r#""\ud800""#,
    ] {
        assert_eq!(kept(&fields, value), "", "{value}");
    }
    assert_eq!(kept(&fields, r#"{"a":{"b":null},"l":[0,1,2]}"#), r#""a":null,"b":2"#);
}

#[test]
fn of_a_member_that_occurs_twice_the_last_one_is_kept() {
    let fields = [("a", "$.a"), ("b", "$.a.b")];
    assert_eq!(kept(&fields, r#"{"a":{"b":1},"a":{"c":2}}"#), r#""a":{"c":2}"#);
    assert_eq!(kept(&fields, r#"{"a":{"b":1},"a":3}"#), r#""a":3"#);
    assert_eq!(kept(&fields, r#"{"a":3,"a":{"b":1,"b":2}}"#), r#""a":{"b":1,"b":2},"b":2"#);
    let outer = [("b", "$.o.b")];
    assert_eq!(kept(&outer, r#"{"o":{"b":1},"o":{}}"#), "");
    assert_eq!(kept(&outer, r#"{"o":{"b":1},"o":[]}"#), "");
}

#[test]
fn a_value_may_be_kept_and_read_at_once() {
    let fields = [("lines", "$.items"), ("first", "$.items[0]"), ("id", "$.items[0].id")];
    let entry = Entry { keep: keep(&fields), ..listing("$.items[*].id") };
    let value = r#"{"items":[{"id": 1},{"id":"b"}]}"#;
    let input = decoder(entry.clone(), Counting::Distinct).expect("paths that fit");
    let mut scratch = Scratch::default();
    let record =
        super::super::Input { key: Some(b"o-1"), value: Some(value.as_bytes()), headers: None };
    let Ok(Decoded::Event { event: Event::Expectation(Expectation { items, .. }), kept, .. }) =
        input.decode(record, &mut scratch)
    else {
        panic!("it is an expectation");
    };
    assert_eq!(items.iter().map(|item| item.text).collect::<Vec<_>>(), ["1", "b"]);
    assert_eq!(kept, r#""lines":[{"id":1},{"id":"b"}],"first":{"id":1},"id":1"#);
    // Twice: only the last list counts, and only it is kept.
    let twice = r#"{"items":[{"id":7}],"items":[{"id":8},{"id":9}]}"#;
    let last = r#""lines":[{"id":8},{"id":9}],"first":{"id":8},"id":8"#;
    assert_eq!(kept_of(&entry, twice), Ok(last.to_owned()));
}

#[test]
fn what_is_wrong_inside_a_kept_value_is_reported_as_anywhere() {
    let entry = Entry { keep: keep(&[("a", "$.a"), ("all", "$")]), ..arrived("$.a.item") };
    let wrong = |found| {
        Err(Reason::WrongType { path: "$.a.item".into(), found, needed: "an integer or a string" })
    };
    assert_eq!(kept_of(&entry, r#"{"a":{"item":"\ud800"}}"#), wrong(Found::HalfPair));
    assert_eq!(kept_of(&entry, r#"{"b":"x\"","a":{"item":1e999}}"#), wrong(Found::Number));
    assert_eq!(kept_of(&entry, r#"{"a":{"item":true}}"#), wrong(Found::Boolean));
    let missing = Reason::MissingField { path: "$.a.item".into() };
    assert_eq!(kept_of(&entry, r#"{"a":{}}"#), Err(missing));
    for (value, column) in [
        (r#"{"a":{"item":1e999},"b":x}"#, 25),
        (r#"{"a":{"item":1,}}"#, 16),
        (r#"{"a":{"item":01}}"#, 15),
        ("{\"a\":{\"item\":1,\"b\":\"\u{1}\"}}", 20),
        (r#"{"a":{"item":1}"#, 15),
    ] {
        let found = kept_of(&entry, value);
        assert_eq!(found, Err(Reason::MalformedJson { line: 1, column }), "{value}");
    }
}

#[test]
fn a_record_of_another_entry_keeps_what_that_entry_keeps() {
    let is = |text: &str| Condition {
        of: Subject::Path(path("$.type")),
        test: Test::In(vec![text.to_owned()]),
    };
    let entries = [
        Entry { conditions: vec![is("a")], keep: keep(&[("a", "$.v")]), ..fixed() },
        Entry { conditions: vec![is("b")], keep: keep(&[("b", "$")]), ..arrived("$.v.item") },
        Entry { conditions: vec![is("c")], ..arrived("$.v.item") },
    ];
    let input = Decoder::new(&entries, Counting::Distinct, Limits::default()).expect("a fit");
    let mut scratch = Scratch::default();
    for (kind, found) in
        [("a", r#""a":{"item":1}"#), ("b", r#""b":{"type":"b","v":{"item":1}}"#), ("c", "")]
    {
        let value = format!(r#"{{"type":"{kind}","v":{{"item":1}}}}"#);
        let record =
            super::super::Input { key: Some(b"o-1"), value: Some(value.as_bytes()), headers: None };
        match input.decode(record, &mut scratch) {
            Ok(Decoded::Event { kept, .. }) => assert_eq!(kept, found),
            other => panic!("it belongs to an entry: {other:?}"),
        }
    }
    let tombstone = super::super::Input { key: Some(b"o-1"), value: None, headers: None };
    let found = input.decode(tombstone, &mut scratch);
    assert_eq!(found, Ok(Decoded::Event { entry: 0, event: Event::Cancellation, kept: "" }));
}

#[test]
fn a_path_that_may_lead_to_several_places_or_to_none_is_refused() {
    let error = |fields: &[(&str, &str)], entry: Entry| {
        let entry = Entry { keep: keep(fields), ..entry };
        decoder(entry, Counting::Distinct).expect_err("it does not fit").to_string()
    };
    let several = error(&[("a", "$.a[*]")], fixed());
    assert_eq!(
        several,
        "the keep path $.a[*] must lead to one place; write an index or a name for *"
    );
    for (at, items) in [
        ("$.items.id", "$.items[*].id"),
        ("$[0]", "$.items[*].id"),
        ("$.items[0].id.x", "$.items[0].id"),
    ] {
        let found = error(&[("a", at)], listing(items));
        assert!(found.contains(&format!("the keep path {at} contradicts another path")), "{found}");
    }
    for (at, items) in [
        ("$.items[3].id", "$.items[*].id"),
        ("$.items", "$.items[*].id"),
        ("$", "$[*]"),
        ("$.other", "$.items[*]"),
    ] {
        let entry = Entry { keep: keep(&[("a", at)]), ..listing(items) };
        assert!(decoder(entry, Counting::Distinct).is_ok(), "{at} beside {items}");
    }
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,5})?",
        "\"([a-z ü]|\\\\[nt\"\\\\/]|\\\\u[0-9a-f]{4}){0,8}\"",
    ];
    let blank = || prop_oneof![3 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let list = (proptest::collection::vec(inner.clone(), 0..4), blank())
            .prop_map(|(all, blank)| format!("[{blank}{}]", all.join(&format!("{blank},"))));
        let member = ("\"[ab ]\"", inner).prop_map(|(name, value)| (name, value));
        let object = (proptest::collection::vec(member, 0..4), blank()).prop_map(|(all, blank)| {
            let member = |(name, value): &(String, String)| format!("{name}{blank}:{value}");
            format!("{{{}{blank}}}", all.iter().map(member).collect::<Vec<_>>().join(","))
        });
        prop_oneof![list, object]
    })
}

/// Removes white space outside of strings, token by token.
fn compact(json: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = json;
    while let Some(next) = rest.chars().next() {
        let end = if next == '"' {
            let inner = rest[1..].char_indices();
            let mut escaped = false;
            let mut ends = inner.filter(|(_, character)| {
                let is_end = *character == '"' && !escaped;
                escaped = *character == '\\' && !escaped;
                is_end
            });
            1 + ends.next().expect("a string ends").0 + 1
        } else {
            next.len_utf8()
        };
        if !next.is_whitespace() {
            parts.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
    }
    parts.concat()
}

proptest! {
    #[test]
    fn every_value_is_kept_as_it_came(value in any_json(), other in any_json()) {
        let document = format!("{{ \"x\":{other},\"v\": {value},\"y\":{other} }}");
        let fields = [("v", "$.v"), ("none", "$.v.none.none"), ("all", "$")];
        let expected = format!("\"v\":{},\"all\":{}", compact(&value), compact(&document));
        prop_assert_eq!(kept(&fields, &document), expected);
    }
}
