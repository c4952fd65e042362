//! Bytes that anyone may have written.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn skipped(schema: &Schema, bytes: &[u8]) -> Result<(), Unfit> {
    let mut document = Document::new(schema, &Indexes::first(), bytes)?;
    IgnoredAny::deserialize(&mut document).map(|_| ())
}

fn unfit(schema: &Schema, bytes: &[u8]) -> String {
    let read = json_of(schema, bytes).expect_err("it does not fit").to_string();
    assert!(skipped(schema, bytes).is_err() || read.contains("text"), "skipped though {read}");
    read
}

#[test]
fn bytes_that_do_not_fit_are_refused_with_their_place() {
    for (bytes, why) in [
        (vec![0x28], "it ends too early, at byte 1"),
        (vec![0x28, 0x80], "it ends too early, at byte 2"),
        ([vec![0x28], vec![0xff; 11]].concat(), "a number is too large for its type, at byte 11"),
        (sized(9, b"abc")[..4].to_vec(), "it ends too early, at byte 2"),
        (vec![0x4a, 0xff, 0xff, 0xff, 0xff, 0x0f], "it ends too early, at byte 6"),
        (sized(9, &[0xff]), "a string is not UTF-8 text, at byte 3"),
        (vec![0, 0], "a field has the number 0 or one that is too large, at byte 1"),
        (vec![0x2f, 0], "a field is written in another way than its type is, at byte 1"),
        (sized(5, &[1]), "a field is written in another way than its type is, at byte 3"),
        (number(9, 1), "a field is written in another way than its type is, at byte 2"),
        (vec![0x2c], "a group does not end where it has to, at byte 1"),
        (vec![0x2b], "it ends too early, at byte 1"),
        (vec![0x2b, 0x34], "a group does not end where it has to, at byte 2"),
        (vec![0x2b; 200], "it is nested deeper than 127 values, at byte 128"),
        (sized(55, &[1, 0x80]), "it ends too early, at byte 5"),
        (sized(52, &[0; 5]), "it ends too early, at byte 7"),
        (sized(36, &number(9, 1)), "a field is written in another way than its type is, at byte 5"),
    ] {
        assert_eq!(unfit(all(), &bytes), why, "{bytes:x?}");
    }
}

#[test]
fn a_message_inside_of_itself_is_read_to_a_depth() {
    let nested = |depth| (0..depth).fold(Vec::new(), |inside: Vec<u8>, _| sized(36, &inside));
    assert!(json_of(all(), &nested(126)).is_ok());
    assert!(unfit(all(), &nested(127)).starts_with("it is nested deeper than 127 values"));
    assert!(unfit(all(), &nested(5_000)).starts_with("it is nested deeper than 127 values"));
}

/// Each of them has any number of fields with default values, and takes two bytes.
#[test]
fn values_that_take_no_bytes_are_counted() {
    let fields: Vec<_> = (2..1_000).map(|at| field(&format!("f{at}"), at, 1, "5")).collect();
    let many = message("M", &[field("many", 1, 3, "M"), fields.concat()]);
    let schema = Schema::compile(&file("proto3", &[many]), &[]).expect("a schema");
    assert!(json_of(&schema, &sized(1, &[]).repeat(10)).is_ok());
    let refused = json_of(&schema, &sized(1, &[]).repeat(10_000)).expect_err("too many");
    assert!(refused.to_string().starts_with("it has more values than its size allows"));
}

/// The fields of the message with every type.
fn any_field() -> impl Strategy<Value = Vec<u8>> {
    let at = prop_oneof![Just(31_u64), 32_u64..46, 1_u64..20, 51_u64..70, 101_u64..120];
    let small = prop_oneof![0_u64..3, any::<u64>()];
    let scalar =
        (at, 0_u64..6, small, vec(0_u8..128, 0..9)).prop_map(|(at, kind, of, bytes)| match kind {
            0 => number(at, of),
            1 => [varint(at << 3 | 1), of.to_le_bytes().to_vec()].concat(),
            5 => [varint(at << 3 | 5), (of as u32).to_le_bytes().to_vec()].concat(),
            _ => sized(at, &bytes),
        });
    let inside = prop_oneof![Just(32_u64), Just(36), Just(37), Just(43), Just(44), Just(40)];
    scalar.prop_recursive(4, 40, 5, move |field| {
        (inside.clone(), vec(field, 0..5)).prop_map(|(at, fields)| sized(at, &fields.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let schema = all();
        let (read, skipped) = (json_of(schema, &bytes), skipped(schema, &bytes));
        prop_assert!(read.is_err() || skipped.is_ok(), "{:?}", read);
        let _ = Schema::compile(&bytes, &[]);
        let _ = Indexes::read(&bytes);
    }

    #[test]
    fn fields_in_any_order_are_read_and_passed_over_alike(
        fields in vec(any_field(), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let (schema, bytes) = (all(), fields.concat());
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len() + 1)]] {
            let (read, skipped) = (json_of(schema, bytes), skipped(schema, bytes));
            // Only texts are not looked at by those who pass over them.
            let is_text = read.as_ref().is_err_and(|unfit| unfit.to_string().contains("text"));
            prop_assert!(is_text || read.is_ok() == skipped.is_ok(), "{:?} {:?}", read, skipped);
        }
    }

    #[test]
    fn no_descriptor_that_is_cut_or_changed_panics(
        cut in any::<prop::sample::Index>(),
        to in any::<u8>(),
        value in vec(any::<u8>(), 0..50),
    ) {
        let at = cut.index(SET.len());
        let mut changed = SET.clone();
        changed[at] = to;
        for set in [&SET[..at], &changed] {
            if let Ok(Some(schema)) = Schema::of_set(set, "shop.v1.All") {
                let _ = json_of(&schema, &value);
            }
        }
    }
}
