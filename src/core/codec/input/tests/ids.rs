//! Observations that have an id.

use super::*;

fn changes() -> Decoder {
    let paths = ObservedPaths {
        key: None,
        item: item_at("$.table"),
        quantity: None,
        id: Some(path("$.source.order")),
        outcome: None,
    };
    decoder(paths, Counting::Quantity).expect("paths that fit")
}

fn id(order: &str) -> Result<Option<String>, Reason> {
    let value = format!(r#"{{"table":"t","source":{{"order":{order}}}}}"#);
    let (changes, mut scratch) = (changes(), Scratch::default());
    match decode(&changes, Some(b"o-1"), Some(value.as_bytes()), &mut scratch)? {
        Event::Observation { item: "t", quantity: 1, id, .. } => Ok(id.map(str::to_owned)),
        other => panic!("not an observation: {other:?}"),
    }
}

#[test]
fn an_id_is_an_integer_or_a_string_and_is_compared_as_text() {
    let some = |id: &str| Ok(Some(id.to_owned()));
    let at = "$.source.order";
    let needed = "an integer or a string";
    for (order, expected) in [
        ("7", some("7")),
        ("\"7\"", some("7")),
        ("-1", some("-1")),
        ("18446744073709551615", some("18446744073709551615")),
        ("1.5", wrong(at, Found::Number, needed)),
        ("true", wrong(at, Found::Boolean, needed)),
        ("null", wrong(at, Found::Null, needed)),
        ("{}", wrong(at, Found::Object, needed)),
        ("\"\"", missing(at)),
        (&format!("\"{}\"", "x".repeat(255)), some(&"x".repeat(255))),
        (
            &format!("\"{}\"", "x".repeat(10_240)),
            Err(Reason::IdTooLong { path: at.into(), bytes: 10_240 }),
        ),
    ] {
        assert_eq!(id(order), expected, "{order:.40}");
    }
    let (changes, mut scratch) = (changes(), Scratch::default());
    let event = decode(&changes, Some(b"o-1"), Some(br#"{"table":"t"}"#), &mut scratch);
    assert_eq!(event, missing("$.source"));
}

#[test]
fn an_id_is_read_beside_a_fixed_item_too() {
    let (id, item) = (Some(path("$.id")), Item::Fixed("row".to_owned()));
    let paths = ObservedPaths { key: None, item, quantity: None, id, outcome: None };
    let input = decoder(paths, Counting::Quantity).expect("paths that fit");
    let mut scratch = Scratch::default();
    let event = decode(&input, Some(b"o-1"), Some(br#"{"id":"x"}"#), &mut scratch);
    assert!(
        matches!(event, Ok(Event::Observation { item: "row", id: Some("x"), .. })),
        "{event:?}"
    );
}

#[test]
fn an_id_needs_quantities_and_leads_to_one_place() {
    let refused = |id: &str, counting| {
        let (id, item) = (Some(path(id)), item_at("$.table"));
        let paths = ObservedPaths { key: None, item, quantity: None, id, outcome: None };
        decoder(paths, counting).expect_err("they do not fit")
    };
    assert_eq!(refused("$.id", Counting::Distinct), InputError::IdNotCounted);
    let several = refused("$.ids[*]", Counting::Quantity);
    assert!(several.to_string().starts_with("the id path $.ids[*] must lead"), "{several}");
    let contradiction = refused("$.table.id", Counting::Quantity);
    assert!(matches!(contradiction, InputError::Contradiction { .. }), "{contradiction}");
}
