//! Records of the expected topic.

use super::*;

#[test]
fn an_order_of_the_original_lists_its_items() {
    let mut scratch = Scratch::default();
    let value = br#"{
        "id": "0af9bdce-3825-41a8-870e-1ed9a37a97ba",
        "orderDate": "2023-05-08T21:37:38.571850862",
        "items": [ {"id": 1, "name": "Iphone"}, {"id": 2, "name": "Samsung"} ]
    }"#;
    let key = b"0af9bdce-3825-41a8-870e-1ed9a37a97ba";
    let event = decode(orders(), Some(key), Some(value), &mut scratch);
    let items = [("1", 1, 0), ("2", 1, 0)].into_iter().collect();
    assert_eq!(event, Ok(Event::Expectation(Expectation::of(&items))));
}

#[test]
fn integers_and_strings_are_the_same_item() {
    let value = r#"{"id":"o-1","items":[{"id":1},{"id":"1"},{"id":"a\u0062\n"},{"id":-7}]}"#;
    assert_eq!(expectation(orders(), value), each(&["1", "ab\n", "-7"]));
    let value = r#"[0, 18446744073709551615, -9223372036854775808, "", "0"]"#;
    let items = each(&["0", "18446744073709551615", "-9223372036854775808", ""]);
    assert_eq!(expectation(&listing("$[*]"), value), items);
}

#[test]
fn a_tombstone_cancels() {
    let mut scratch = Scratch::default();
    assert_eq!(decode(orders(), Some(b"o-1"), None, &mut scratch), Ok(Event::Cancellation));
}

#[test]
fn no_list_and_an_empty_list_are_no_items() {
    // Known failure 4: the core decides what an empty list means.
    assert_eq!(expectation(orders(), r#"{"id":"o-1","items":[]}"#), Ok(vec![]));
    assert_eq!(expectation(orders(), r#"{"id":"o-1","items":null}"#), Ok(vec![]));
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(expectation(orders(), r#"{"items":[{"id":1}]}"#), missing("$.id"));
    assert_eq!(expectation(orders(), r#"{"id":"o-1"}"#), missing("$.items"));
    let value = r#"{"id":"o-1","items":[{"id":1},{"name":"Iphone"}]}"#;
    assert_eq!(expectation(orders(), value), missing("$.items[1].id"));
}

#[test]
fn the_element_that_fails_first_is_named() {
    let deep = "$.order.lines[*].parts[*].id";
    let line = r#"{"parts":[{"id":1},{"id":2}]}"#;
    let value = |third: &str| format!(r#"{{"order":{{"lines":[{line},{line},{third},{{}}]}}}}"#);
    let item = "an integer or a string";
    for (third, reason) in [
        (r#"{"parts":[{"id":1},{},7]}"#, missing("$.order.lines[2].parts[1].id")),
        (r#"{"parts":7}"#, wrong("$.order.lines[2].parts", Found::Integer, "an array")),
        (r#"{"parts":null}"#, missing("$.order.lines[3].parts")),
        (r#"{"parts":[{"id":1e400}]}"#, wrong("$.order.lines[2].parts[0].id", Found::Number, item)),
        // The second value replaces the one that failed.
        (
            r#"{"parts":[{}],"parts":[{"id":1},[]]}"#,
            wrong("$.order.lines[2].parts[1]", Found::Array, "an object"),
        ),
    ] {
        assert_eq!(expectation(&listing(deep), &value(third)), reason, "{third}");
    }
    assert_eq!(
        expectation(&listing("$['[*]'][*]"), r#"{"[*]":[1,{}]}"#),
        wrong("$['[*]'][1]", Found::Object, item)
    );
}

#[test]
fn what_has_the_wrong_type_is_named() {
    let item = "an integer or a string";
    let wrong_values = [
        (r#"{"id":"o-1","items":{}}"#, wrong("$.items", Found::Object, "an array")),
        (r#"{"id":"o-1","items":"1"}"#, wrong("$.items", Found::String, "an array")),
        (r#"{"id":"o-1","items":[1]}"#, wrong("$.items[0]", Found::Integer, "an object")),
        (r#"{"id":"o-1","items":[null]}"#, wrong("$.items[0]", Found::Null, "an object")),
        (r#"{"id":"o-1","items":[{"id":null}]}"#, wrong("$.items[0].id", Found::Null, item)),
        (r#"{"id":"o-1","items":[{"id":true}]}"#, wrong("$.items[0].id", Found::Boolean, item)),
        (r#"{"id":"o-1","items":[{"id":1.0}]}"#, wrong("$.items[0].id", Found::Number, item)),
        (r#"{"id":"o-1","items":[{"id":1e2}]}"#, wrong("$.items[0].id", Found::Number, item)),
        (r#"{"id":"o-1","items":[{"id":[1]}]}"#, wrong("$.items[0].id", Found::Array, item)),
        (r#"{"id":"o-1","items":[{"id":{}}]}"#, wrong("$.items[0].id", Found::Object, item)),
        (r#"{"id":null,"items":[]}"#, wrong("$.id", Found::Null, item)),
        ("null", wrong("$", Found::Null, "an object")),
        ("7", wrong("$", Found::Integer, "an object")),
        (r#"[{"id":"o-1"}]"#, wrong("$", Found::Array, "an object")),
    ];
    for (value, reason) in wrong_values {
        assert_eq!(expectation(orders(), value), reason, "{value}");
    }
    let too_large = r#"{"id":"o-1","items":[{"id":18446744073709551616}]}"#;
    let reason = wrong("$.items[0].id", Found::Number, item);
    assert_eq!(expectation(orders(), too_large), reason);
}

#[test]
fn the_key_in_the_value_has_to_be_the_records_key() {
    let mismatch = Err(Reason::KeyMismatch { path: "$.id".into() });
    assert_eq!(expectation(orders(), r#"{"id":"o-2","items":[{"id":1}]}"#), mismatch);
    let mut scratch = Scratch::default();
    let value = br#"{"items":[{"id":1}],"id":42}"#;
    assert!(decode(orders(), Some(b"42"), Some(value), &mut scratch).is_ok());
    assert!(decode(orders(), Some(b"042"), Some(value), &mut scratch).is_err());
}

#[test]
fn a_record_without_a_key_is_refused_whatever_its_value() {
    let mut scratch = Scratch::default();
    for value in [None, Some(&b"{}"[..])] {
        let event = decode(orders(), None, value, &mut scratch);
        assert_eq!(event, Err(Reason::NullKey));
        // kcat writes an empty key when it is given none: such records do not share one key.
        let event = decode(orders(), Some(b""), value, &mut scratch);
        assert_eq!(event, Err(Reason::EmptyKey));
        assert_eq!(Reason::EmptyKey.name(), "null-key");
    }
}

#[test]
fn a_key_that_is_too_long_or_no_text_is_refused() {
    let mut scratch = Scratch::default();
    let limits = Limits::default();
    let long = vec![b'k'; limits.key_bytes_max + 1];
    let reason = Reason::KeyTooLong { bytes: long.len(), bytes_max: limits.key_bytes_max };
    assert_eq!(decode(orders(), Some(&long), None, &mut scratch), Err(reason));
    assert!(decode(orders(), Some(&long[1..]), None, &mut scratch).is_ok());
    let reason = Reason::NotUtf8 { part: Part::Key, valid_bytes: 2 };
    assert_eq!(decode(orders(), Some(b"o-\xff"), None, &mut scratch), Err(reason));
}

#[test]
fn keys_of_binary_serializers_are_refused_all_alike() {
    let mut scratch = Scratch::default();
    let mut refused = |key: &[u8]| match decode(orders(), Some(key), None, &mut scratch) {
        Err(Reason::NotUtf8 { part: Part::Key, .. }) => true,
        Ok(_) => false,
        other => panic!("{other:?}"),
    };
    for id in 0..5_000_u32 {
        assert!(refused(&u64::from(id).to_be_bytes()), "{id} as a long");
        assert!(refused(&id.to_be_bytes()), "{id} as an integer");
        assert!(refused(&[&[0, 0, 0, 0, 7], id.to_string().as_bytes()].concat()), "{id}");
        let utf16: Vec<u8> = id.to_string().encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(refused(&utf16), "{id} as UTF-16");
    }
    for text in ["o-1", " x ", "Grüße", "a\tb", "a\nb", "a\u{1f}b", "\u{85}"] {
        assert!(!refused(text.as_bytes()), "{text:?}");
    }
}

#[test]
fn a_value_that_no_json_serializer_has_written_is_named_by_its_cause() {
    let json = br#"{"id":"o-1","items":[]}"#;
    let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        json.iter().flat_map(|&byte| order(u16::from(byte))).collect()
    };
    for (value, encoding) in [
        ([b"\xef\xbb\xbf", &json[..]].concat(), Encoding::ByteOrderMark),
        ([b"\0\0\0\0\x2a", &json[..]].concat(), Encoding::Registry { schema_id: 42 }),
        (b"\0\0\0\0\x2a\x06o-1\x80\xff".to_vec(), Encoding::Registry { schema_id: 42 }),
        (utf16(u16::to_le_bytes), Encoding::Utf16),
        (utf16(u16::to_be_bytes), Encoding::Utf16),
        (b"\x1f\x8b\x08\0\0\0".to_vec(), Encoding::Gzip),
    ] {
        let mut scratch = Scratch::default();
        let event = decode(orders(), Some(b"o-1"), Some(&value), &mut scratch);
        assert_eq!(event, Err(Reason::WrongEncoding(encoding)));
    }
}

#[test]
fn what_no_path_names_has_to_be_json_and_nothing_more() {
    let rest = r#""id":"o-1","items":[{"id":1}]"#;
    for ignored in [
        r#""\ud800":1"#,
        r#""\udc00x":{"\ud800":"\ud800"}"#,
        r#""x":"\ud800""#,
        r#""x":1e400"#,
        r#""x":123456789012345678901234567890e999"#,
        r#""\u0000\u001f":1"#,
    ] {
        assert_eq!(expectation(orders(), &format!("{{{ignored},{rest}}}")), each(&["1"]));
        assert_eq!(expectation(orders(), &format!("{{{rest},{ignored}}}")), each(&["1"]));
        let inside = format!(r#"{{"id":"o-1","items":[{{{ignored},"id":1}}]}}"#);
        assert_eq!(expectation(orders(), &inside), each(&["1"]), "{inside}");
        let item = format!(r#"{{"id":"o-1","items":[{{"id":{{{ignored}}}}}]}}"#);
        let reason = wrong("$.items[0].id", Found::Object, "an integer or a string");
        assert_eq!(expectation(orders(), &item), reason, "{item}");
    }
    // Control characters must be escaped, in names too, whether or not next to another escape.
    for (ignored, column) in [("\"a\tb\":1", 25), ("\"a\\n\tb\":1", 27)] {
        let value = format!(r#"{{"id":"o-1","items":[],{ignored}}}"#);
        let reason = Err(Reason::MalformedJson { line: 1, column });
        assert_eq!(expectation(orders(), &value), reason, "{value:?}");
    }
}

#[test]
fn what_json_can_say_and_a_value_cannot_be_is_named_by_its_place() {
    let item = "an integer or a string";
    for (id, found) in [
        ("1e400", Found::Number),
        ("-1E+4000", Found::Number),
        (r#""\ud800""#, Found::HalfPair),
        (r#""\ud800,1""#, Found::HalfPair),
        (r#""a\udc00\n""#, Found::HalfPair),
        (r#""\ud800\u0041""#, Found::HalfPair),
        (r#""\\\"\ud800""#, Found::HalfPair),
    ] {
        let value = format!("{{\"id\":\"o-1\",\n\"items\":[{{\"id\":1}},\n{{\"id\":{id}}}]}}");
        let reason = wrong("$.items[1].id", found, item);
        assert_eq!(expectation(orders(), &value), reason, "{value}");
        let value = format!(r#"{{"id":{id},"items":[]}}"#);
        assert_eq!(expectation(orders(), &value), wrong("$.id", found, item), "{value}");
        let value = format!(r#"{{"id":{id},"items":[],}}"#);
        assert!(matches!(expectation(orders(), &value), Err(Reason::MalformedJson { .. })));
    }
    let input = counting("$[*].id", Some("$[*].n"));
    let reason = Err(Reason::BadQuantity { path: "$[0].n".into() });
    assert_eq!(expectation(&input, r#"[{"id":1,"n":1e999}]"#), reason);
}

#[test]
fn a_value_has_to_be_json_to_its_end() {
    let malformed = [
        ("", 1, 1),
        ("{", 1, 1),
        ("not json", 1, 2),
        (r#"{"id":"o-1","items":[]"#, 1, 22),
        (r#"{"id":"o-1","items":[]} x"#, 1, 25),
        (r#"{"id":"o-1","items":[]}{}"#, 1, 24),
        ("{\"id\":\"o-1\",\n\"items\":[],}", 2, 12),
        (r#"{"id":"o-1","items":[],"other":[1,]}"#, 1, 35),
        (r#"{"id":"o-1","items":[],"other":"\x"}"#, 1, 34),
        (r#"{"id":"o-1","items":[{"id":01}]}"#, 1, 29),
    ];
    for (value, line, column) in malformed {
        let reason = Err(Reason::MalformedJson { line, column });
        assert_eq!(expectation(orders(), value), reason, "{value}");
    }
    let mut scratch = Scratch::default();
    let value = b"{\"id\":\"o-1\",\"items\":[],\"other\":\"\xff\"}";
    let reason = Reason::NotUtf8 { part: Part::Value, valid_bytes: 32 };
    assert_eq!(decode(orders(), Some(b"o-1"), Some(value), &mut scratch), Err(reason));
}

#[test]
fn deep_nesting_in_what_is_skipped_is_no_danger() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let value = format!(r#"{{"id":"o-1","deep":{open}{close},"items":[{{"id":1}}]}}"#);
    assert_eq!(expectation(orders(), &value), each(&["1"]));
}

#[test]
fn of_a_member_that_comes_twice_the_last_counts() {
    let twice = [
        (r#"{"id":"o-2","items":[],"id":"o-1"}"#, each(&[])),
        (r#"{"id":"o-1","items":[{"id":1},{"id":2}],"items":[{"id":3}]}"#, each(&["3"])),
        (r#"{"id":"o-1","items":[{"id":1}],"items":null}"#, each(&[])),
        (r#"{"id":"o-1","items":7,"items":[{"id":1}]}"#, each(&["1"])),
        (r#"{"id":"o-1","items":[{}],"items":[{"id":1}]}"#, each(&["1"])),
        (r#"{"id":"o-1","items":[{"id":{},"id":1}]}"#, each(&["1"])),
        (r#"{"id":"o-1","items":[{"id":1,"id":2},{"id":3}]}"#, each(&["2", "3"])),
        (
            r#"{"id":"o-1","items":[{"id":1}],"items":7}"#,
            wrong("$.items", Found::Integer, "an array"),
        ),
    ];
    for (value, expected) in twice {
        assert_eq!(expectation(orders(), value), expected, "{value}");
    }
}

#[test]
fn an_outer_member_that_comes_twice_replaces_all_that_was_in_it() {
    let input = listing("$.order.lines[*].parts[*].id");
    let twice = [
        (
            r#"{"order":{"lines":[{"parts":[{"id":1}]}]},
                "order":{"lines":[{"parts":[{"id":2}]}]}}"#,
            each(&["2"]),
        ),
        (
            r#"{"order":{"lines":[{"parts":[{"id":1}]},
                {"parts":[{"id":2},{"id":3}],"parts":[{"id":4}]},{"parts":null}]}}"#,
            each(&["1", "4"]),
        ),
        (r#"{"order":{"lines":[{"parts":[{"id":1}]}]},"order":{}}"#, missing("$.order.lines")),
        (
            r#"{"order":{"lines":[{"parts":[{}]},{"parts":[{"id":1}],"parts":[{"id":2}]}]}}"#,
            missing("$.order.lines[0].parts[0].id"),
        ),
    ];
    for (value, expected) in twice {
        assert_eq!(expectation(&input, value), expected, "{value}");
    }
}

#[test]
fn an_item_as_long_as_allowed_is_taken_and_a_longer_one_refused() {
    let longest = "x".repeat(ITEM_BYTES_MAX);
    let value = format!(r#"["{longest}"]"#);
    assert_eq!(expectation(&listing("$[*]"), &value), each(&[&longest]));
    let value = format!(r#"["{longest}x"]"#);
    let reason = Reason::ItemTooLong { path: "$[0]".into(), bytes: ITEM_BYTES_MAX + 1 };
    assert_eq!(expectation(&listing("$[*]"), &value), Err(reason));
}

#[test]
fn an_expectation_lists_no_more_items_than_allowed() {
    let limits = Limits { items_max: 2, ..Limits::default() };
    let paths = ExpectedPaths { key: None, items: at("$[*]"), quantity: None };
    let input = Decoder::new(&[paths.into()], Counting::Distinct, limits);
    let input = input.expect("paths that fit");
    assert_eq!(expectation(&input, "[1,2]"), each(&["1", "2"]));
    let reason = Err(Reason::TooManyItems { items_max: 2 });
    assert_eq!(expectation(&input, "[1,2,2]"), reason);
    assert_eq!(
        expectation(&input, "[1,2,3,null"),
        Err(Reason::MalformedJson { line: 1, column: 11 })
    );
}

#[test]
fn an_item_that_is_listed_again_is_needed_again_when_counting_quantity() {
    // Known failure 9.
    let input = counting("$.items[*].id", None);
    let value = r#"{"items":[{"id":1},{"id":2},{"id":"1"}]}"#;
    assert_eq!(expectation(&input, value), Ok(vec![("1".into(), 2), ("2".into(), 1)]));
    assert_eq!(expectation(orders(), r#"{"id":"o-1","items":[{"id":1},{"id":1}]}"#), each(&["1"]));
}

#[test]
fn quantities_add_up() {
    let input = counting("$.items[*].id", Some("$.items[*].order.count"));
    let value = r#"{"items":[{"order":{"count":2},"id":1},{"id":2,"order":{"count":5}},
        {"id":1,"order":{"count":4294967293}}]}"#;
    assert_eq!(expectation(&input, value), Ok(vec![("1".into(), u32::MAX), ("2".into(), 5)]));
    let value = r#"{"items":[{"order":{"count":1},"id":1},{"id":1,"order":{"count":4294967295}}]}"#;
    let reason = Err(Reason::BadQuantity { path: "$.items[*].id".into() });
    assert_eq!(expectation(&input, value), reason);
}

#[test]
fn a_quantity_is_an_integer_from_one_on() {
    let input = counting("$[*].id", Some("$[*].n"));
    assert_eq!(expectation(&input, r#"[{"id":1}]"#), missing("$[0].n"));
    for quantity in ["0", "-1", "1.0", "\"1\"", "null", "true", "4294967296", "[]", "{}"] {
        let value = format!(r#"[{{"id":1,"n":{quantity}}}]"#);
        let reason = Err(Reason::BadQuantity { path: "$[0].n".into() });
        assert_eq!(expectation(&input, &value), reason, "{quantity}");
    }
    assert_eq!(expectation(&input, r#"[{"id":1,"n":0,"n":2}]"#), Ok(vec![("1".into(), 2)]));
}

#[test]
fn long_lists_are_merged_like_short_ones() {
    let value = |count: usize| {
        let ids: Vec<_> = (0..count).map(|index| (index % 50).to_string()).collect();
        format!("[{}]", ids.join(","))
    };
    for count in [32, 33, 49, 50, 51, 1000] {
        let expected: Vec<_> = (0_usize..count.min(50))
            .map(|index| {
                let again = (count - index).div_ceil(50);
                (index.to_string(), u32::try_from(again).expect("a small count"))
            })
            .collect();
        assert_eq!(expectation(&counting("$[*]", None), &value(count)), Ok(expected.clone()));
        let once: Vec<_> = expected.iter().map(|(item, _)| (item.clone(), 1)).collect();
        assert_eq!(expectation(&listing("$[*]"), &value(count)), Ok(once));
    }
}
