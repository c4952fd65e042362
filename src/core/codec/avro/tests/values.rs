//! What values are read as.

use serde_json::json;

use super::*;

fn read(text: &str, bytes: &[u8]) -> serde_json::Value {
    json_of(&schema(text), bytes).unwrap_or_else(|unfit| panic!("{text}: {unfit}"))
}

fn logical(of: &str, logical: &str) -> String {
    format!(r#"{{"type":"{of}","logicalType":"{logical}"}}"#)
}

#[test]
fn numbers_are_read_to_their_limits() {
    for number in [0, -1, 63, 64, -64, -65, i64::MAX, i64::MIN] {
        assert_eq!(read("\"long\"", &long(number)), json!(number));
    }
    for number in [i32::MAX, i32::MIN] {
        assert_eq!(read("\"int\"", &long(number.into())), json!(number));
    }
    assert_eq!(read("\"float\"", &2.5_f32.to_le_bytes()), json!(2.5));
    assert_eq!(read("\"double\"", &(-0.25_f64).to_le_bytes()), json!(-0.25));
    assert_eq!(read("\"double\"", &f64::NAN.to_le_bytes()), json!("NaN"));
    assert_eq!(read("\"float\"", &f32::INFINITY.to_le_bytes()), json!("Infinity"));
    assert_eq!(read("\"double\"", &f64::NEG_INFINITY.to_le_bytes()), json!("-Infinity"));
}

#[test]
fn bytes_are_base64_and_branches_of_unions_stand_for_themselves() {
    assert_eq!(read("\"bytes\"", &sized(b"foo")), json!("Zm9v"));
    assert_eq!(read(r#"{"type":"fixed","name":"F","size":2}"#, b"fo"), json!("Zm8="));
    assert_eq!(read(r#"["null","boolean"]"#, &[0]), json!(null));
    assert_eq!(read(r#"["null","boolean"]"#, &[2, 1]), json!(true));
}

#[test]
fn arrays_and_maps_come_in_blocks_with_and_without_their_size() {
    let block = |count: i64, size: Option<usize>| match size {
        Some(size) => [long(-count), long(size as i64)].concat(),
        None => long(count),
    };
    let (two, one) = ([long(1), long(2)].concat(), long(3));
    let bytes = [block(2, Some(2)), two, block(1, None), one, long(0)].concat();
    assert_eq!(read(r#"{"type":"array","items":"int"}"#, &bytes), json!([1, 2, 3]));
    let entry = [sized(b"a"), long(7)].concat();
    let bytes = [block(1, Some(3)), entry, long(0)].concat();
    assert_eq!(read(r#"{"type":"map","values":"int"}"#, &bytes), json!({"a": 7}));
}

#[test]
fn times_are_read_as_iso_8601() {
    let millis = 1_700_000_000_123_i64;
    for (of, kind, number, text) in [
        ("long", "timestamp-millis", millis, "2023-11-14T22:13:20.123Z"),
        ("long", "timestamp-micros", millis * 1_000 + 4, "2023-11-14T22:13:20.123004Z"),
        ("long", "timestamp-nanos", millis * 1_000_000, "2023-11-14T22:13:20.123Z"),
        ("long", "timestamp-millis", -1, "1969-12-31T23:59:59.999Z"),
        ("long", "local-timestamp-millis", millis, "2023-11-14T22:13:20.123"),
        ("long", "local-timestamp-micros", millis * 1_000, "2023-11-14T22:13:20.123"),
        ("int", "date", 19_675, "2023-11-14"),
        ("int", "date", -1, "1969-12-31"),
        ("int", "time-millis", 80_000_123, "22:13:20.123"),
        ("long", "time-micros", 80_000_123_004, "22:13:20.123004"),
    ] {
        assert_eq!(read(&logical(of, kind), &long(number)), json!(text), "{kind} {number}");
    }
}

#[test]
fn times_that_no_calendar_has_stay_numbers() {
    for (of, kind, number) in [
        ("long", "timestamp-millis", i64::MAX),
        ("long", "local-timestamp-micros", i64::MIN),
        ("int", "date", i64::from(i32::MAX)),
        ("int", "time-millis", -1),
        ("long", "time-micros", 86_400_000_000),
    ] {
        assert_eq!(read(&logical(of, kind), &long(number)), json!(number), "{kind}");
    }
}

#[test]
fn decimals_are_read_as_their_digits() {
    let decimal = |scale: u32| {
        format!(r#"{{"type":"bytes","logicalType":"decimal","precision":40,"scale":{scale}}}"#)
    };
    let wide = [&[0x01][..], &[0; 16]].concat();
    let low = [&[0xff][..], &[0; 16]].concat();
    for (bytes, scale, text) in [
        (&[][..], 0, "0"),
        (&[5][..], 0, "5"),
        (&[5][..], 2, "0.05"),
        (&[0x30, 0x39][..], 2, "123.45"),
        (&[0xcf, 0xc7][..], 2, "-123.45"),
        (&[0xff][..], 3, "-0.001"),
        (&wide[..], 0, "340282366920938463463374607431768211456"),
        (&low[..], 1, "-34028236692093846346337460743176821145.6"),
    ] {
        assert_eq!(read(&decimal(scale), &sized(bytes)), json!(text), "{bytes:?}");
    }
    let fixed = r#"{"type":"fixed","name":"D","size":2,"logicalType":"decimal","precision":4}"#;
    assert_eq!(read(fixed, &[0xff, 0xfe]), json!("-2"));
}

#[test]
fn a_uuid_is_text() {
    let fixed = r#"{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}"#;
    let bytes = 0x8979_1762_2336_4186_9674_299b_90b2_34dd_u128.to_be_bytes();
    assert_eq!(read(fixed, &bytes), json!("89791762-2336-4186-9674-299b90b234dd"));
    assert_eq!(read(&logical("string", "uuid"), &sized(b"8979")), json!("8979"));
}

#[test]
fn a_logical_type_that_does_not_fit_is_ignored() {
    assert_eq!(read(&logical("string", "date"), &sized(b"x")), json!("x"));
    assert_eq!(read(&logical("int", "no-such"), &long(3)), json!(3));
    assert_eq!(read(&logical("bytes", "decimal"), &sized(b"f")), json!("Zg=="));
    let beyond = r#"{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}"#;
    assert_eq!(read(beyond, &sized(b"f")), json!("Zg=="));
}
