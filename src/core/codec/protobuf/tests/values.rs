//! What values are read as.

use serde_json::json;

use super::*;

#[test]
fn values_say_what_another_implementation_says() {
    let mut lines = 0;
    for line in GOLDEN.lines().skip(1) {
        let mut parts = line.splitn(3, ' ');
        let mut part = || parts.next().expect("three parts");
        let (name, bytes, json) = (part(), part().trim_matches('-'), part());
        let bytes = base64::decode(bytes).expect("base64");
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(json_of(&golden(name), &bytes), Ok(json), "{line}");
        lines += 1;
    }
    assert_eq!(lines, 14);
}

/// Protobuf's JSON leaves them out, and programs read them.
#[test]
fn a_field_with_a_default_value_has_it_where_it_is_not_written() {
    let found = json_of(&golden("shop.v1.Old"), &[]);
    let expected = json!({
        "withDouble": -1.5, "withFloat": "Infinity", "withInt64": -7, "withUint64": u64::MAX,
        "withInt32": 5, "withFixed64": 6, "withFixed32": 7, "withBool": true,
        "withString": "a \"b\"", "withBytes": "YQD/CiI=", "withUint32": 8, "withSfixed32": -9,
        "withSfixed64": -10, "withSint32": -11, "withSint64": -12, "state": "B"});
    assert_eq!(found, Ok(expected));
}

#[test]
fn the_last_value_counts_and_messages_are_merged() {
    let schema = all();
    let at = |json: serde_json::Value, name: &str| json[name].clone();
    let read = |bytes: &[Vec<u8>]| json_of(schema, &bytes.concat()).expect("a value");
    assert_eq!(at(read(&[number(5, 1), number(5, 2)]), "oneInt32"), 2);
    let (one, many) = (number(5, 7), number(55, 1));
    let found = read(&[sized(36, &[one, many.clone()].concat()), number(5, 9), sized(36, &many)]);
    assert_eq!(
        (&found["self"]["oneInt32"], &found["self"]["manyInt32"]),
        (&7.into(), &json!([1, 1]))
    );
    assert_eq!(found["oneInt32"], 9);
    // Of a choice, the last one counts; of a message, only what was written since.
    let found = read(&[sized(31, b"x"), sized(32, &number(5, 1))]);
    assert_eq!((found.get("a"), &found["b"]["oneInt32"]), (None, &1.into()));
    let found = read(&[sized(32, &number(5, 1)), sized(31, b"x"), sized(32, &number(3, 2))]);
    assert_eq!((&found["b"]["oneInt32"], &found["b"]["oneInt64"]), (&0.into(), &2.into()));
    let entry = |key: &[u8], value| sized(43, &[sized(1, key), number(2, value)].concat());
    assert_eq!(at(read(&[entry(b"a", 1), entry(b"a", 2)]), "counts"), json!({"a": 2}));
}

#[test]
fn numbers_of_a_list_may_stand_behind_each_other_or_apart() {
    let found = json_of(all(), &[number(55, 1), sized(55, &[2, 3]), number(55, 4)].concat());
    assert_eq!(found.expect("a value")["manyInt32"], json!([1, 2, 3, 4]));
}

#[test]
fn what_the_schema_does_not_know_is_passed_over() {
    let group = |inside: Vec<u8>| [vec![0xa3, 0x3f], inside, vec![0xa4, 0x3f]].concat();
    let unknown = [number(900, 1), sized(901, b"x"), group(group(number(5, 1)))].concat();
    let found = json_of(all(), &[unknown.clone(), number(5, 2), unknown].concat());
    assert_eq!(found.expect("a value")["oneInt32"], 2);
}

#[test]
fn times_that_no_calendar_has_are_objects() {
    let at = |seconds: u64, nanos: u64| sized(38, &[number(1, seconds), number(2, nanos)].concat());
    let found = json_of(all(), &at(u64::MAX >> 1, 0)).expect("a value");
    assert_eq!(found["at"], json!({"seconds": i64::MAX, "nanos": 0}));
    let found = json_of(all(), &at(1, 2_000_000_000)).expect("a value");
    assert_eq!(found["at"]["nanos"], 2_000_000_000);
    let lasts =
        |seconds: u64, nanos: u64| sized(39, &[number(1, seconds), number(2, nanos)].concat());
    let found = json_of(all(), &lasts(1, (-1_i64).cast_unsigned())).expect("a value");
    assert_eq!(found["lasts"], json!({"seconds": 1, "nanos": -1}));
    let found = json_of(all(), &lasts(0, (-1_i64).cast_unsigned())).expect("a value");
    assert_eq!(found["lasts"], "-0.000000001s");
}
