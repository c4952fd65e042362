//! Tests of the list of items and its encoding.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::matching::{Counting, ITEM_BYTES_MAX, Items, Row};

#[test]
fn small_counts_live_in_one_byte_and_larger_ones_grow_in_place() {
    let mut items: Items = [("a", 1, 0), ("b", 1, 0)].into_iter().collect();
    assert_eq!(items.as_bytes(), b"\x01\x01a\x01\x01b");
    items.set("a", 1, 1);
    assert_eq!(items.as_bytes(), b"\x01\x03a\x01\x01b");
    items.set("a", 3, 2);
    assert_eq!(items.as_bytes(), b"\x01\x04a\x03\0\0\0\x02\0\0\0\x01\x01b");
    assert_eq!((items.get("a").missing(), items.get("b").missing()), (1, 1));
}

#[test]
fn an_item_may_be_empty_or_as_long_as_is_allowed() {
    let long = "x".repeat(ITEM_BYTES_MAX);
    let items: Items = [("", 1, 0), (long.as_str(), 1, 1)].into_iter().collect();
    assert_eq!(items.get("").need, 1);
    assert_eq!(items.get(&long).have, 1);
    assert_eq!(Items::from_bytes(items.as_bytes()), Some(items));
}

#[test]
fn bytes_that_are_cut_off_or_not_text_are_no_items() {
    for bytes in [&b"\x01"[..], b"\x02\x01a", b"\x01\x20a", b"\x01\x04a\0\0\0", b"\x01\x01\xff"] {
        assert_eq!(Items::from_bytes(bytes), None, "{bytes:?}");
    }
}

#[test]
fn the_fingerprint_tells_contents_apart_and_never_changes() {
    let fingerprint = |items: &[(&str, u32)]| {
        let items = items.iter().map(|(text, need)| (*text, *need, 0)).collect();
        Row::fingerprint_of(&items)
    };
    assert_eq!(fingerprint(&[]), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fingerprint(&[("1", 1), ("2", 1)]), fingerprint(&[("2", 1), ("1", 1)]));
    let all = [
        fingerprint(&[]),
        fingerprint(&[("1", 1)]),
        fingerprint(&[("1", 2)]),
        fingerprint(&[("2", 1)]),
        fingerprint(&[("1", 1), ("2", 1)]),
        fingerprint(&[("12", 1)]),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    // Stored in rows: a different value would make every known expectation look amended.
    assert_eq!(fingerprint(&[("1", 1), ("2", 1)]), GOLDEN_FINGERPRINT);
}

const GOLDEN_FINGERPRINT: u64 = 6_356_463_850_486_713_068;

fn counts() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0_u32..3, 1 => any::<u32>()]
}

proptest! {
    #[test]
    fn a_list_holds_what_was_set_last(
        sets in vec(("[a-c]{0,2}|ü", counts(), counts()), 0..40),
    ) {
        let mut items = Items::default();
        let mut known = BTreeMap::new();
        let mut order = Vec::new();
        for (text, need, have) in &sets {
            items.set(text, *need, *have);
            if known.insert(text.clone(), (*need, *have)).is_none() {
                order.push(text.clone());
            }
        }
        let listed: Vec<_> = items.iter().map(|item| item.text.to_owned()).collect();
        prop_assert_eq!(listed, order);
        for (text, (need, have)) in &known {
            prop_assert_eq!((items.get(text).need, items.get(text).have), (*need, *have));
        }
        prop_assert_eq!(items.get("zz").need, 0);
        let missing = known.values().filter(|(need, have)| need > have).count();
        prop_assert_eq!(items.missing() as usize, missing);
        prop_assert!(items.as_bytes().len() <= items.reserved_bytes(Counting::Quantity));
        prop_assert_eq!(Items::from_bytes(items.as_bytes()), Some(items));
    }

    #[test]
    fn any_bytes_are_items_or_nothing(bytes in vec(any::<u8>(), 0..60)) {
        if let Some(items) = Items::from_bytes(&bytes) {
            prop_assert_eq!(items.as_bytes(), &bytes[..]);
            prop_assert!(items.iter().count() <= bytes.len());
        }
    }
}

/// A change of an item: its number, and the counts to set.
fn changes() -> impl Strategy<Value = Vec<(u8, u32, u32)>> {
    vec((0..40_u8, 0..4_u32, 0..4_u32), 0..200)
}

proptest! {
    #[test]
    fn an_index_changes_nothing_but_the_time_that_it_takes(
        before in changes(),
        after in changes(),
        quantities in any::<bool>(),
    ) {
        let counting = if quantities { Counting::Quantity } else { Counting::Distinct };
        let most = if quantities { u32::MAX } else { 1 };
        let set = |items: &mut Items, changes: &[(u8, u32, u32)]| {
            for (number, need, have) in changes {
                // Neither need nor have ever decreases.
                let text = format!("item {number}");
                let known = items.get(&text);
                let (need, have) = (known.need.max(*need), known.have.max(*have));
                items.set(&text, need.min(most), have.min(most));
            }
        };
        let mut plain = Items::default();
        set(&mut plain, &before);
        let mut indexed = plain.clone();
        indexed.index(counting);
        prop_assert_eq!(&indexed, &plain);
        set(&mut plain, &after);
        set(&mut indexed, &after);
        prop_assert_eq!(&indexed, &plain);
        prop_assert_eq!(&plain, &indexed);
        prop_assert_eq!(indexed.reserved_bytes(counting), plain.reserved_bytes(counting));
        prop_assert_eq!(indexed.missing(), plain.missing());
        for number in 0..45 {
            let text = format!("item {number}");
            prop_assert_eq!(indexed.get(&text), plain.get(&text));
        }
        let clone = indexed.clone();
        prop_assert_eq!(clone.as_bytes(), plain.as_bytes());
        indexed.unindex();
        prop_assert_eq!(indexed.as_bytes(), plain.as_bytes());
    }
}
