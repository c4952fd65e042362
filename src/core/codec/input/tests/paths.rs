//! Paths that can be used together, and paths that cannot.

use super::*;

fn expected(key: Option<&str>, items: &str, quantity: Option<&str>) -> Result<Decoder, InputError> {
    let paths =
        ExpectedPaths { key: key.map(path), items: at(items), quantity: quantity.map(path) };
    decoder(paths, Counting::Quantity)
}

fn refused(key: Option<&str>, items: &str, quantity: Option<&str>) -> String {
    expected(key, items, quantity).expect_err("paths that do not fit").to_string()
}

#[test]
fn a_key_is_in_one_place() {
    let refusal = refused(Some("$.ids[*]"), "$.items[*]", None);
    assert!(refusal.starts_with("the key path $.ids[*] must lead to one place"), "{refusal}");
}

#[test]
fn an_observed_item_is_in_one_place() {
    let paths =
        ObservedPaths { key: None, item: item_at("$[*]"), quantity: None, id: None, outcome: None };
    let refusal = decoder(paths, Counting::Distinct);
    let role = Role::Item;
    assert_eq!(refusal.err(), Some(InputError::NotSingular { role, path: "$[*]".into() }));
}

#[test]
fn a_quantity_lies_beside_its_item() {
    assert!(expected(None, "$.a[*].b[*].id", Some("$.a[*].b[*].n")).is_ok());
    assert!(expected(None, "$.item", Some("$.n")).is_ok());
    for elsewhere in ["$.n", "$.a[*].n", "$.a[*].b[0].n", "$.a[*].b[*].c[*].n"] {
        let refusal = refused(None, "$.a[*].b[*].id", Some(elsewhere));
        let expected = format!(
            "the quantity path {elsewhere} must lie beside the item; start it with $.a[*].b[*]"
        );
        assert_eq!(refusal, expected);
    }
}

#[test]
fn of_several_failures_the_first_is_named() {
    let input = listing("$[*].parts[*].id");
    let value = r#"[{"parts":7},{},{"parts":[{}]}]"#;
    assert_eq!(expectation(&input, value), wrong("$[0].parts", Found::Integer, "an array"));
}

#[test]
fn a_quantity_that_nobody_counts_is_refused() {
    let paths = ExpectedPaths { key: None, items: at("$[*].id"), quantity: Some(path("$[*].n")) };
    let refusal = decoder(paths, Counting::Distinct);
    assert_eq!(refusal.err(), Some(InputError::QuantityNotCounted));
}

#[test]
fn paths_that_need_different_things_of_one_place_are_refused() {
    for (key, items, place) in [
        ("$.items", "$.items[*]", "$.items"),
        ("$.a.b", "$.a", "$.a"),
        ("$.a[0]", "$.a[*]", "$.a"),
        ("$.a.b", "$.a[*]", "$.a"),
        ("$", "$.a[*]", "$"),
    ] {
        let refusal = refused(Some(key), items, None);
        let expected = format!(
            "the key path {key} contradicts another path: what is at {place} can only be one of \
             a value, an object, an array read by index and an array read by *"
        );
        assert_eq!(refusal, expected);
    }
    assert!(expected(None, "$.items[*]", Some("$.items[*].n")).is_err());
}
