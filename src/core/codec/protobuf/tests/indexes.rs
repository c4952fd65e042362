//! Which message of a schema a value is.

use super::*;

fn read(bytes: &[u8]) -> Option<(Indexes, &[u8])> {
    Indexes::read(bytes)
}

#[test]
fn indexes_are_numbers_behind_their_count_and_the_first_message_is_short() {
    assert_eq!(read(b"\0rest"), Some((Indexes::first(), &b"rest"[..])));
    assert_eq!(read(b"\x02\0rest"), Some((Indexes::first(), &b"rest"[..])));
    for wrong in [&b""[..], b"\x04\x02", b"\x80", b"\x01", b"\x02\x01", b"\xff\xff\xff\xff\x0f"] {
        assert_eq!(read(wrong), None, "{wrong:?}");
    }
}

#[test]
fn indexes_lead_to_messages_inside_of_others() {
    let inside = |at: &str| sized(3, &message(at, &[field(at, 1, 1, "5")]));
    let outer = |name: &str| message(name, &[inside("x"), inside("y")]);
    let schema = Schema::compile(&file("proto3", &[outer("A"), outer("B")]), &[]).expect("one");
    let at = |indexes: &[u8]| {
        let (indexes, _) = Indexes::read(indexes).expect("indexes");
        let mut document = Document::new(&schema, &indexes, &[])?;
        serde_json::Value::deserialize(&mut document).map(|json| json.to_string())
    };
    assert_eq!(at(&[0]), Ok("{}".to_owned()));
    assert_eq!(at(&[4, 2, 2]), Ok("{\"y\":0}".to_owned()));
    for nowhere in [&[2, 4][..], &[4, 0, 4], &[6, 0, 0, 0]] {
        let why = at(nowhere).expect_err("there is none").to_string();
        assert_eq!(why, "the message indexes lead to no message of the schema, at byte 0");
    }
    let only = schema.only("p.B.y").expect("it is there");
    assert_eq!(json_of(&only, &[]), Ok(serde_json::json!({"y": 0})));
    assert!(schema.only("B.y").is_none());
}
