//! Bytes that anyone may have written.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn unfit(schema: &Schema, bytes: &[u8]) -> String {
    let read = json_of(schema, bytes).expect_err("it does not fit").to_string();
    let mut document = Document::new(schema, bytes);
    let skipped = IgnoredAny::deserialize(&mut document).and_then(|_| document.end());
    assert!(skipped.is_err() || read.contains("text"), "skipped though {read}");
    read
}

#[test]
fn bytes_that_do_not_fit_are_refused_with_their_place() {
    for (text, bytes, why) in [
        ("\"long\"", vec![], "it ends too early, at byte 0"),
        ("\"long\"", vec![0x80], "it ends too early, at byte 1"),
        ("\"long\"", vec![0xff; 11], "a number is too large for its type, at byte 10"),
        ("\"int\"", long(1 << 40), "a number is too large for its type, at byte 6"),
        ("\"boolean\"", vec![2], "a boolean is neither 0 nor 1, at byte 1"),
        ("\"double\"", vec![0; 7], "it ends too early, at byte 0"),
        ("\"string\"", long(-1), "a length is negative, at byte 1"),
        ("\"string\"", long(i64::MAX), "it ends too early, at byte 10"),
        ("\"string\"", sized(&[0xff]), "a string is not UTF-8 text, at byte 2"),
        ("\"null\"", vec![0], "it goes on behind its end, at byte 0"),
        (r#"["null","int"]"#, long(2), "a union or an enum has no such branch, at byte 1"),
        (r#"["null","int"]"#, long(-1), "a union or an enum has no such branch, at byte 1"),
        (
            r#"{"type":"array","items":"int"}"#,
            [long(i64::MIN), long(-1)].concat(),
            "a length is negative, at byte 11",
        ),
        (
            r#"{"type":"array","items":"long"}"#,
            [long(1 << 40), vec![0; 9]].concat(),
            "it ends too early, at byte 15",
        ),
    ] {
        assert_eq!(unfit(&schema(text), &bytes), why, "{text}");
    }
}

#[test]
fn values_that_take_no_bytes_are_counted() {
    let nulls = schema(r#"{"type":"array","items":"null"}"#);
    let bytes = [long(1_000), long(0)].concat();
    assert!(json_of(&nulls, &bytes).is_ok());
    let bytes = [long(i64::MAX), long(0)].concat();
    assert_eq!(unfit(&nulls, &bytes), "it has more values than its size allows, at byte 10");
}

/// Each type has two of the next: so many values that no time would be enough.
#[test]
fn a_schema_whose_values_double_at_each_level_is_bounded_in_time() {
    let mut text = r#"{"type":"record","name":"R0","fields":[]}"#.to_owned();
    for level in 1..35 {
        text = format!(
            r#"{{"type":"record","name":"R{level}","fields":[
                {{"name":"a","type":{text}}},{{"name":"b","type":"R{}"}}]}}"#,
            level - 1
        );
    }
    let why = unfit(&schema(&text), &[]);
    assert_eq!(why, "it has more values than its size allows, at byte 0");
}

#[test]
fn a_value_that_contains_itself_without_end_is_refused() {
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    let (list, nested) = (schema(list), |depth: usize| [vec![2; depth], vec![0]].concat());
    assert!(json_of(&list, &nested(100)).is_ok());
    assert_eq!(unfit(&list, &nested(500)), "it is nested deeper than 127 values, at byte 127");
    let endless = schema(r#"{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}"#);
    assert_eq!(unfit(&endless, &[]), "it is nested deeper than 127 values, at byte 0");
}

/// Types of every kind, also such as contain themselves.
fn any_schema() -> Schema {
    schema(
        r#"{"type":"record","name":"R","fields":[
            {"name":"u","type":["null","boolean","int","long","float","double","string","bytes"]},
            {"name":"a","type":{"type":"array","items":["null","R","string"]}},
            {"name":"m","type":{"type":"map","values":["R","long"]}},
            {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
            {"name":"f","type":{"type":"fixed","name":"F","size":2}},
            {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
            {"name":"t","type":{"type":"long","logicalType":"timestamp-micros"}}]}"#,
    )
}

/// A value of the schema above, by choices that run out.
fn any_value(choices: &mut impl Iterator<Item = u8>, depth: u32) -> Vec<u8> {
    let mut choice = |of: u8| choices.next().unwrap_or_default() % of;
    let mut bytes = match choice(8) {
        1 => vec![2, choice(2)],
        branch @ (2 | 3) => [long(branch.into()), long(i64::from(choice(255)) - 99)].concat(),
        4 => [long(4), vec![choice(255); 4]].concat(),
        5 => [long(5), vec![choice(255); 8]].concat(),
        branch @ (6 | 7) => [long(branch.into()), sized(&vec![b'x'; choice(9).into()])].concat(),
        _ => vec![0],
    };
    let (elements, entries) = if depth == 0 { (0, 0) } else { (choice(3), choice(3)) };
    for (count, is_map) in [(elements, false), (entries, true)] {
        if count > 0 {
            bytes.extend(long(count.into()));
        }
        for at in 0..count {
            if is_map {
                bytes.extend(sized(&[b'a' + at]));
            }
            let branch = if is_map { 0 } else { 1 };
            bytes.extend([long(branch), any_value(choices, depth - 1)].concat());
        }
        bytes.extend(long(0));
    }
    let mut choice = |of: u8| choices.next().unwrap_or_default() % of;
    bytes.extend([long(choice(2).into()), vec![choice(255), 1], sized(&[choice(255)])].concat());
    bytes.extend(long(i64::from(choice(255)) << 30));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let schema = any_schema();
        let _ = json_of(&schema, &bytes);
        let mut document = Document::new(&schema, &bytes);
        let _ = IgnoredAny::deserialize(&mut document);
    }

    #[test]
    fn a_value_is_read_and_passed_over_alike_and_no_part_of_it_is_a_value(
        choices in vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let schema = any_schema();
        let bytes = any_value(&mut choices.into_iter(), 3);
        prop_assert!(json_of(&schema, &bytes).is_ok(), "{:?}", json_of(&schema, &bytes));
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            let mut document = Document::new(&schema, bytes);
            let skipped = IgnoredAny::deserialize(&mut document).and_then(|_| document.end());
            prop_assert_eq!(skipped.map(|_| ()), json_of(&schema, bytes).map(|_| ()));
        }
    }

    #[test]
    fn any_text_is_a_schema_or_an_error(text in "[\\[\\]{}\",:a-z0-9]{0,60}") {
        let _ = Schema::parse(&text, &[]);
        let _ = Schema::parse("\"int\"", &[&text]);
    }
}
