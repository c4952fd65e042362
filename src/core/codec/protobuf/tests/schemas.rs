//! What is a schema, and what is not.

use serde_json::json;

use super::*;

const OPTIONAL: u64 = 1;
const INT32: &str = "5";

fn compiled(files: &[Vec<u8>]) -> Result<Schema, SchemaError> {
    let (first, imports) = files.split_first().expect("there is one");
    Schema::compile(first, &imports.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[test]
fn a_name_is_looked_up_from_the_inside_to_the_outside() {
    let inner = sized(3, &message("Item", &[field("inner", 1, OPTIONAL, INT32)]));
    let order = message(
        "Order",
        &[
            field("a", 1, OPTIONAL, "Item"),
            field("b", 2, OPTIONAL, "p.Item"),
            field("c", 3, OPTIONAL, ".p.Item"),
            field("d", 4, OPTIONAL, "Order.Item"),
            inner,
        ],
    );
    let item = message("Item", &[field("outer", 1, OPTIONAL, INT32)]);
    let schema = compiled(&[file("proto3", &[order]), file("proto3", &[item])]).expect("a schema");
    let each: Vec<u8> = (1..5).flat_map(|at| sized(at, &number(1, 7))).collect();
    assert_eq!(
        json_of(&schema, &each),
        Ok(json!({"a": {"inner": 7}, "b": {"outer": 7},
        "c": {"outer": 7}, "d": {"inner": 7}}))
    );
}

#[test]
fn what_no_file_defines_is_refused_with_its_place() {
    let order = message("Order", &[field("to", 1, OPTIONAL, "Address")]);
    let refused = compiled(&[file("proto3", &[order])]).expect_err("it has no Address");
    assert_eq!(
        refused.to_string(),
        "the field \"to\" of p.Order has the type \"Address\", which \
        neither it nor what it imports defines"
    );
    let refused = compiled(&[b"syntax".to_vec()]).expect_err("it is text");
    assert!(refused.to_string().starts_with("it is no compiled description"), "{refused}");
}

/// In the schema of a group, the type is read as 10.
#[test]
fn groups_are_left_out() {
    let order = message("Order", &[field("g", 1, OPTIONAL, "10"), field("n", 2, OPTIONAL, INT32)]);
    let schema = compiled(&[file("proto3", &[order])]).expect("a schema");
    assert_eq!(json_of(&schema, &[vec![0x0b, 0x0c], number(2, 1)].concat()), Ok(json!({"n": 1})));
}

/// In editions a value may be absent unless the file or the field says something else.
#[test]
fn whether_a_value_may_be_absent_is_said_by_features_in_editions() {
    let features = |at, presence| sized(8, &sized(at, &number(1, presence)));
    let own = |name: &str, at, presence| {
        let field = [sized(1, name.as_bytes()), number(3, at), number(4, 1), number(5, 5)].concat();
        sized(2, &[field, features(21, presence)].concat())
    };
    let order = message(
        "Order",
        &[field("plain", 1, OPTIONAL, INT32), own("explicit", 2, 1), own("implicit", 3, 2)],
    );
    let editions = file("editions", &[order]);
    let schema = compiled(std::slice::from_ref(&editions)).expect("a schema");
    assert_eq!(json_of(&schema, &[]), Ok(json!({"implicit": 0})));
    let schema = compiled(&[[editions, features(50, 2)].concat()]).expect("a schema");
    assert_eq!(json_of(&schema, &[]), Ok(json!({"plain": 0, "implicit": 0})));
}

#[test]
fn a_schema_is_bounded() {
    let many: Vec<_> = (0..100_001).map(|at| message(&at.to_string(), &[])).collect();
    assert_eq!(compiled(&[file("proto3", &many)]), Err(SchemaError::TooLarge));
    let long = message(&"x".repeat(2_000), &[]);
    assert_eq!(compiled(&[file("proto3", &[long])]), Err(SchemaError::TooLarge));
    let deep = (0..1_000).fold(message("M", &[]), |inside, _| message("M", &[sized(3, &inside)]));
    let refused = compiled(&[file("proto3", &[deep])]).expect_err("it is too deep");
    assert!(matches!(refused, SchemaError::NoDescriptor(_)), "{refused}");
    assert_eq!(compiled(&[vec![0; 5 << 20]]), Err(SchemaError::TooLarge));
}

#[test]
fn the_first_name_of_a_number_counts_and_the_first_value_is_what_is_not_there() {
    let value = |name: &str, at| sized(2, &[sized(1, name.as_bytes()), number(2, at)].concat());
    let values = [value("NINE", 9), value("TWO", 2), value("DUE", 2), value("ONE", 1)].concat();
    let of = sized(4, &[sized(1, b"E"), values].concat());
    let order = message("Order", &[of, field("e", 1, OPTIONAL, "E"), field("es", 2, 3, "E")]);
    let schema = compiled(&[file("proto3", &[order])]).expect("a schema");
    let found = json_of(&schema, &sized(2, &[1, 2, 9, 3, 0]));
    assert_eq!(found, Ok(json!({"e": "NINE", "es": ["ONE", "TWO", "NINE", 3, 0]})));
}
