//! Records of an observed topic.

use super::*;
use crate::matching::ItemOutcome;

#[test]
fn a_manufactured_product_of_the_original_is_observed() {
    let value = r#"{"orderId":"o-1","productId":1,
        "manufacturedDate":"2023-05-08T21:40:00.000000001"}"#;
    assert_eq!(observation(manufactured(), value), one("1"));
    assert_eq!(observation(manufactured(), r#"{"productId":"p","orderId":"o-1"}"#), one("p"));
}

#[test]
fn a_tombstone_is_a_dead_letter() {
    let mut scratch = Scratch::default();
    let event = decode(manufactured(), Some(b"o-1"), None, &mut scratch);
    assert_eq!(event, Err(Reason::Tombstone));
    assert_eq!(decode(manufactured(), None, None, &mut scratch), Err(Reason::NullKey));
}

#[test]
fn a_product_that_is_missing_is_a_dead_letter() {
    // Known failure 6: this used to count as an item.
    assert_eq!(observation(manufactured(), r#"{"orderId":"o-1"}"#), missing("$.productId"));
    let null = r#"{"orderId":"o-1","productId":null}"#;
    let reason = wrong("$.productId", Found::Null, "an integer or a string");
    assert_eq!(observation(manufactured(), null), reason);
}

#[test]
fn the_key_is_judged_before_the_item() {
    // Known failure 8.
    let mismatch = Err(Reason::KeyMismatch { path: "$.orderId".into() });
    assert_eq!(observation(manufactured(), r#"{"orderId":"o-2"}"#), mismatch);
    assert_eq!(observation(manufactured(), r#"{"productId":1}"#), missing("$.orderId"));
}

#[test]
fn of_a_product_that_comes_twice_the_last_counts() {
    let value = r#"{"orderId":"o-1","productId":1,"productId":2}"#;
    assert_eq!(observation(manufactured(), value), one("2"));
}

#[test]
fn paths_lead_through_arrays_by_index() {
    let paths = ObservedPaths {
        key: Some(path("$.ids[1]")),
        item: item_at("$.ids[0]"),
        quantity: Some(path("$.ids[3].n")),
        id: None,
        outcome: None,
    };
    let input = decoder(paths, Counting::Quantity).expect("a fit");
    let found = observation(&input, r#"{"ids":["p","o-1",{"n":9},{"n":3},4]}"#);
    assert_eq!(found, Ok(("p".into(), 3)));
    assert_eq!(observation(&input, r#"{"ids":["p","o-1"]}"#), missing("$.ids[3]"));
    assert_eq!(observation(&input, r#"{"ids":[]}"#), missing("$.ids[1]"));
    let reason = wrong("$.ids", Found::Object, "an array");
    assert_eq!(observation(&input, r#"{"ids":{"0":"p"}}"#), reason);
}

#[test]
fn a_bare_value_can_be_the_item() {
    let paths =
        ObservedPaths { key: None, item: item_at("$"), quantity: None, id: None, outcome: None };
    let input = decoder(paths, Counting::Distinct).expect("a fit");
    assert_eq!(observation(&input, " 7 "), one("7"));
    assert_eq!(observation(&input, r#""p""#), one("p"));
    let reason = wrong("$", Found::Object, "an integer or a string");
    assert_eq!(observation(&input, "{}"), reason);
}

#[test]
fn a_quantity_says_how_many_arrived() {
    let paths = ObservedPaths {
        key: None,
        item: item_at("$.id"),
        quantity: Some(path("$.count")),
        id: None,
        outcome: None,
    };
    let input = decoder(paths, Counting::Quantity).expect("a fit");
    assert_eq!(observation(&input, r#"{"count":4,"id":1}"#), Ok(("1".into(), 4)));
    let reason = Err(Reason::BadQuantity { path: "$.count".into() });
    assert_eq!(observation(&input, r#"{"count":0,"id":1}"#), reason);
    assert_eq!(observation(&input, r#"{"id":1}"#), missing("$.count"));
}

#[test]
fn the_key_can_be_the_item_too() {
    let paths = ObservedPaths {
        key: Some(path("$.id")),
        item: item_at("$.id"),
        quantity: None,
        id: None,
        outcome: None,
    };
    let input = decoder(paths, Counting::Distinct).expect("a fit");
    assert_eq!(observation(&input, r#"{"id":"o-1"}"#), one("o-1"));
}

#[test]
fn one_long_list_leaves_nothing_to_the_next() {
    let (input, mut scratch) = (listing("$[*]"), Scratch::default());
    for start in [0, 30, 0] {
        let ids: Vec<_> = (start..start + 60).map(|id: u32| id.to_string()).collect();
        let value = format!("[{}]", ids.join(","));
        let items = ids.iter().map(|id| (id.as_str(), 1, 0)).collect();
        let event = decode(&input, Some(b"o-1"), Some(value.as_bytes()), &mut scratch);
        assert_eq!(event, Ok(Event::Expectation(Expectation::of(&items))));
    }
}

#[test]
fn one_record_leaves_nothing_to_the_next() {
    let (input, mut scratch) = (manufactured(), Scratch::default());
    let first = br#"{"orderId":"o-1","productId":"a-long-one"}"#;
    assert!(decode(input, Some(b"o-1"), Some(first), &mut scratch).is_ok());
    let second = br#"{"orderId":"o-1"}"#;
    assert!(decode(input, Some(b"o-1"), Some(second), &mut scratch).is_err());
    let third = br#"{"orderId":"o-1","productId":"b"}"#;
    let event = decode(input, Some(b"o-1"), Some(third), &mut scratch);
    let outcome = ItemOutcome::Arrived;
    assert_eq!(event, Ok(Event::Observation { item: "b", quantity: 1, outcome, id: None }));
    let items = [("1", 1, 0)].into_iter().collect();
    let order = br#"{"id":"o-1","items":[{"id":1}]}"#;
    let event = decode(orders(), Some(b"o-1"), Some(order), &mut scratch);
    assert_eq!(event, Ok(Event::Expectation(Expectation::of(&items))));
}
