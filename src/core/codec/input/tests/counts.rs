//! Expectations that say how many items a key needs, and not which.

use super::*;
use crate::matching::Extent;

fn trailers(counting: Counting) -> Decoder {
    let paths = ExpectedPaths {
        key: Some(path("$.file")),
        items: Items::Count(path("$.trailer.records")),
        quantity: None,
    };
    let limits = Limits { items_max: 1_000, ..Limits::default() };
    Decoder::new(&[paths.into()], counting, limits).expect("paths that fit")
}

fn count(counting: Counting, records: &str) -> Result<u32, Reason> {
    let value = format!(r#"{{"file":"o-1","trailer":{{"records":{records}}}}}"#);
    let (trailers, mut scratch) = (trailers(counting), Scratch::default());
    match decode(&trailers, Some(b"o-1"), Some(value.as_bytes()), &mut scratch)? {
        Event::Expectation(Expectation { items, extent: Extent::Count(count), .. }) => {
            assert!(items.is_empty());
            Ok(count)
        }
        other => panic!("no count: {other:?}"),
    }
}

fn bad_count<T>() -> Result<T, Reason> {
    Err(Reason::BadCount { path: "$.trailer.records".into() })
}

#[test]
fn a_count_is_an_integer_that_can_be_counted() {
    for (records, expected) in [
        ("3", Ok(3)),
        ("0", Ok(0)),
        ("4294967295", Ok(u32::MAX)),
        ("4294967296", bad_count()),
        ("18446744073709551616", bad_count()),
        ("-1", bad_count()),
        ("1.0", bad_count()),
        ("1e2", bad_count()),
        ("\"3\"", bad_count()),
        ("null", bad_count()),
        ("true", bad_count()),
        ("[3]", bad_count()),
        ("{}", bad_count()),
    ] {
        assert_eq!(count(Counting::Quantity, records), expected, "{records}");
    }
}

#[test]
fn more_different_items_than_an_expectation_may_list_are_refused() {
    assert_eq!(count(Counting::Distinct, "1000"), Ok(1_000));
    assert_eq!(count(Counting::Distinct, "1001"), Err(Reason::TooManyItems { items_max: 1_000 }));
    assert_eq!(count(Counting::Quantity, "1001"), Ok(1_001), "the units may be of few items");
}

#[test]
fn the_count_and_the_key_are_checked_like_those_of_a_list() {
    let (input, scratch) = (trailers(Counting::Distinct), &mut Scratch::default());
    let mut event = |value: &str| {
        let event = decode(&input, Some(b"o-1"), Some(value.as_bytes()), scratch);
        event.map(|event| assert!(matches!(event, Event::Expectation(_)), "{event:?}"))
    };
    assert_eq!(event(r#"{"file":"o-1"}"#), missing("$.trailer"));
    assert_eq!(event(r#"{"file":"o-1","trailer":{}}"#), missing("$.trailer.records"));
    let astray = wrong("$.trailer", Found::Integer, "an object");
    assert_eq!(event(r#"{"file":"o-1","trailer":3}"#), astray);
    let other = event(r#"{"file":"o-2","trailer":{"records":3}}"#);
    assert_eq!(other, Err(Reason::KeyMismatch { path: "$.file".into() }));
    let null = decode(&input, Some(b"o-1"), None, scratch);
    assert_eq!(null, Ok(Event::Cancellation));
}

#[test]
fn a_count_leads_to_one_place_and_has_no_quantity_beside_it() {
    let refused = |count: &str, quantity: Option<&str>, key: Option<&str>| {
        let paths = ExpectedPaths {
            key: key.map(path),
            items: Items::Count(path(count)),
            quantity: quantity.map(path),
        };
        decoder(paths, Counting::Quantity).expect_err("they do not fit")
    };
    let several = refused("$.files[*].records", None, None);
    assert_eq!(
        several.to_string(),
        "the count path $.files[*].records must lead to one place; \
                                     write an index or a name for *"
    );
    assert_eq!(refused("$.records", Some("$.n"), None), InputError::QuantityOfCount);
    let contradiction = refused("$.file.records", None, Some("$.file"));
    assert!(matches!(contradiction, InputError::Contradiction { .. }), "{contradiction}");
}
