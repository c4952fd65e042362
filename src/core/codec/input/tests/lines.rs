//! Expectations that list one item each.

use super::*;
use crate::matching::{Extent, Part};

type Line = (String, u32, Part);

fn lines(end: End, quantity: Option<&str>, counting: Counting) -> Result<Decoder, InputError> {
    let items = Items::OneByOne(path("$.line"), end);
    let paths = ExpectedPaths { key: Some(path("$.id")), items, quantity: quantity.map(path) };
    let limits = Limits { items_max: 1_000, ..Limits::default() };
    Decoder::new(&[paths.into()], counting, limits)
}

fn total() -> End {
    End::Total(path("$.lines"))
}

fn line(input: &Decoder, fields: &str) -> Result<Line, Reason> {
    let value = format!(r#"{{"id":"o-1",{fields}}}"#);
    let mut scratch = Scratch::default();
    match decode(input, Some(b"o-1"), Some(value.as_bytes()), &mut scratch)? {
        Event::Expectation(Expectation { items, extent: Extent::Part(part), .. }) => {
            let [(item, need)] = &needs(items)[..] else { panic!("not one item: {items:?}") };
            Ok((item.clone(), *need, part))
        }
        other => panic!("no line: {other:?}"),
    }
}

#[test]
fn a_line_has_an_item_and_the_total_of_its_list() {
    let input = lines(total(), None, Counting::Distinct).expect("paths that fit");
    let bad = || Err(Reason::BadTotal { path: "$.lines".into() });
    for (fields, expected) in [
        (r#""line":2,"lines":3"#, Ok(("2".to_owned(), 1, Part::Of(3)))),
        (r#""line":"a","lines":1000"#, Ok(("a".to_owned(), 1, Part::Of(1_000)))),
        (r#""line":2,"lines":1001"#, Err(Reason::TooManyItems { items_max: 1_000 })),
        (r#""line":2,"lines":0"#, bad()),
        (r#""line":2,"lines":-3"#, bad()),
        (r#""line":2,"lines":4294967296"#, bad()),
        (r#""line":2,"lines":"3""#, bad()),
        (r#""line":2,"lines":null"#, bad()),
        (r#""line":2,"lines":[3]"#, bad()),
        (r#""line":2"#, missing("$.lines")),
        (r#""lines":3"#, missing("$.line")),
        (r#""line":null,"lines":3"#, wrong("$.line", Found::Null, "an integer or a string")),
        (r#""line":[2],"lines":3"#, wrong("$.line", Found::Array, "an integer or a string")),
    ] {
        assert_eq!(line(&input, fields), expected, "{fields}");
    }
    let long = format!(r#""line":"{}","lines":3"#, "x".repeat(256));
    let reason = Reason::ItemTooLong { path: "$.line".into(), bytes: 256 };
    assert_eq!(line(&input, &long), Err(reason));
}

#[test]
fn a_line_may_say_that_it_is_the_last_one() {
    let end = End::Last(path("$.last"), vec!["true".to_owned(), "yes".to_owned()]);
    let input = lines(end, None, Counting::Distinct).expect("paths that fit");
    for (fields, part) in [
        (r#""line":2,"last":true"#, Part::Last),
        (r#""line":2,"last":"yes""#, Part::Last),
        (r#""line":2,"last":false"#, Part::More),
        (r#""line":2,"last":null"#, Part::More),
        (r#""line":2,"last":{}"#, Part::More),
        (r#""line":2"#, Part::More),
    ] {
        assert_eq!(line(&input, fields), Ok(("2".to_owned(), 1, part)), "{fields}");
    }
}

#[test]
fn a_line_has_a_quantity_beside_it() {
    let input = lines(total(), Some("$.units"), Counting::Quantity).expect("paths that fit");
    let found = line(&input, r#""line":2,"units":7,"lines":3"#);
    assert_eq!(found, Ok(("2".to_owned(), 7, Part::Of(3))));
    let bad = line(&input, r#""line":2,"units":0,"lines":3"#);
    assert_eq!(bad, Err(Reason::BadQuantity { path: "$.units".into() }));
    let refused = lines(total(), Some("$.units"), Counting::Distinct);
    assert_eq!(refused.map(|_| ()), Err(InputError::QuantityNotCounted));
    let several = lines(End::Total(path("$.lines[*]")), None, Counting::Distinct);
    assert!(matches!(several, Err(InputError::NotSingular { role: Role::Total, .. })));
}
