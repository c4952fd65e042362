//! Tests of paths: parsing, display and errors.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Segment {
    Segment::Name(text.to_owned())
}

#[test]
fn the_paths_of_the_order_example_parse() {
    let items = Path::parse("$.items[*].id").expect("a path");
    assert_eq!(items.segments(), [name("items"), Segment::Wildcard, name("id")]);
    assert!(!items.is_singular());
    let id = Path::parse("$.id").expect("a path");
    assert_eq!(id.segments(), [name("id")]);
    assert!(id.is_singular());
    assert!(Path::parse("$").expect("a path").segments().is_empty());
}

#[test]
fn every_way_of_writing_a_segment_parses() {
    let same = [
        ("$.a", "$['a']"),
        ("$[\"a\"]", "$.a"),
        ("$[ 'a' ] [0]", "$.a[0]"),
        ("$ .a\n.b", "$.a.b"),
        ("$.*", "$[*]"),
        ("$.größe_1", "$['größe_1']"),
        (r"$['\u0061']", "$.a"),
        (r"$['\uD83D\uDE00']", "$.😀"),
        (r#"$["it's"]"#, r"$['it\'s']"),
        (r#"$["\"\\\/\b\f\n\r\t"]"#, "$['\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009']"),
    ];
    for (one, other) in same {
        assert_eq!(Path::parse(one), Path::parse(other), "{one}");
        assert!(Path::parse(one).is_ok(), "{one}");
    }
}

#[test]
fn a_path_is_shown_in_its_shortest_form() {
    let shown = [
        ("$", "$"),
        ("$['items'][*][\"id\"]", "$.items[*].id"),
        ("$['order-id'][10]", "$['order-id'][10]"),
        (r#"$["it's"]['']['1a']"#, r"$['it\'s']['']['1a']"),
    ];
    for (text, expected) in shown {
        assert_eq!(Path::parse(text).expect("a path").to_string(), expected);
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_column() {
    let refused = [
        ("", 1, PathProblem::NoRoot),
        ("items", 1, PathProblem::NoRoot),
        (".id", 1, PathProblem::NoRoot),
        ("$id", 2, PathProblem::NoSegment),
        ("$.id ", 5, PathProblem::NoSegment),
        ("$.", 3, PathProblem::NoName),
        ("$.1a", 3, PathProblem::NoName),
        ("$. a", 3, PathProblem::NoName),
        ("$.order-id", 8, PathProblem::NoName),
        ("$..id", 3, PathProblem::Descendant),
        ("$[]", 3, PathProblem::NoSelector),
        ("$[id]", 3, PathProblem::NoSelector),
        ("$[-1]", 3, PathProblem::NegativeIndex),
        ("$[01]", 3, PathProblem::BadIndex),
        ("$[9007199254740992]", 3, PathProblem::BadIndex),
        ("$[99999999999999999999]", 3, PathProblem::BadIndex),
        ("$[1:2]", 4, PathProblem::Slice),
        ("$[:2]", 3, PathProblem::Slice),
        ("$[1,2]", 4, PathProblem::Union),
        ("$['a','b']", 6, PathProblem::Union),
        ("$[?@.a]", 3, PathProblem::Filter),
        ("$[", 3, PathProblem::OpenBracket),
        ("$[0", 4, PathProblem::OpenBracket),
        ("$[0}", 4, PathProblem::OpenBracket),
        ("$['a", 5, PathProblem::OpenQuote),
        ("$['a\\", 6, PathProblem::OpenQuote),
        ("$['ü\\x']", 6, PathProblem::BadEscape),
        ("$['\\\"']", 5, PathProblem::BadEscape),
        ("$['\\u12']", 6, PathProblem::BadEscape),
        ("$['\\u+123']", 6, PathProblem::BadEscape),
        ("$['\\uD800']", 6, PathProblem::BadEscape),
        ("$['\\uDC00\\uD800']", 6, PathProblem::BadEscape),
        ("$['\u{1}']", 4, PathProblem::ControlCharacter),
    ];
    for (text, column, problem) in refused {
        assert_eq!(Path::parse(text), Err(PathError { column, problem }), "{text}");
    }
    let longest = format!("${}", ".a".repeat(SEGMENTS_MAX));
    assert!(Path::parse(&longest).is_ok());
    assert!(Path::parse(&format!("{longest}.a")).is_err());
}

#[test]
fn a_refusal_names_the_column_and_the_remedy() {
    let error = Path::parse("$.order-id").expect_err("a dash needs quotes");
    let expected = "column 8: a name after a dot starts with a letter or _ and goes on with \
                    letters, digits and _; write any other name as ['name']";
    assert_eq!(error.to_string(), expected);
}

fn any_segment() -> impl Strategy<Value = Segment> {
    prop_oneof![
        "\\PC{0,6}|[\\x00-\\x1f'\"\\\\]{0,3}".prop_map(Segment::Name),
        (0_usize..1 << 53).prop_map(Segment::Index),
        Just(Segment::Wildcard),
    ]
}

proptest! {
    #[test]
    fn a_path_parses_to_what_it_shows(segments in vec(any_segment(), 0..8)) {
        let path = Path { root: Root::Value, segments };
        prop_assert_eq!(Path::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn any_text_is_a_path_or_refused_inside_of_it(
        text in "\\$[.\\[\\]'\"\\\\*0-9a-cu:,? ü]{0,12}",
    ) {
        match Path::parse(&text) {
            Ok(path) => prop_assert_eq!(Path::parse(&path.to_string()), Ok(path)),
            Err(error) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.column));
            }
        }
    }
}
