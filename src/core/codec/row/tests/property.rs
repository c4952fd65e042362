//! Rows at random, and damage to their bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

/// Returns items of which some have failed, or have failed and were withdrawn.
fn marked<'a>(
    items: &[(String, u32, u32)],
    marks: impl Iterator<Item = &'a (String, bool)>,
) -> Items {
    let mut all: Items =
        items.iter().map(|(text, need, have)| (text.as_str(), *need, *have)).collect();
    for (text, withdrawn) in marks {
        let (phase, missing, failed) = (Phase::Open, all.missing(), all.failed());
        let mut marked = Row { phase, missing, failed, items: all, ..Row::default() };
        marked = after(&marked, &[(text, ItemOutcome::Failed)]);
        if *withdrawn {
            marked = after(&marked, &[(text, ItemOutcome::Withdrawn)]);
        }
        all = marked.items;
    }
    all
}

fn with_ids<'a>(texts: impl Iterator<Item = &'a String>) -> Ids {
    let mut ids = Ids::default();
    texts.for_each(|id| ids.insert(id));
    ids
}

fn any_row() -> impl Strategy<Value = Row> {
    let time = || prop_oneof![0_i64..1 << 42, any::<i64>()];
    let count = || prop_oneof![4 => 0_u32..2, 1 => any::<u32>()];
    let items = vec(("\\PC{0,5}|x{255}", count(), count()), 0..6);
    let marks = vec(("[ab]", any::<bool>()), 0..3);
    let items = (items, marks);
    let phase = prop_oneof![
        2 => Just(Phase::Open),
        1 => Just(Phase::Completed),
        1 => Just(Phase::Cancelled),
        1 => Just(Phase::Failed),
    ];
    let flags = (any::<bool>(), any::<bool>());
    let offset = || prop_oneof![0_i64..1 << 42, any::<i64>()];
    let origins = (option::of(offset()), option::of((any::<u8>(), offset())));
    let missing = (any::<u32>(), option::of((count(), any::<bool>())));
    let ids = proptest::collection::btree_set("\\PC{1,5}|x{255}", 0..4);
    let items = (items, ids);
    let keeps = ("\\PC{0,3}", vec(("[ab]{0,2}", "[xü]{0,2}"), 0..3));
    let named = (option::of(time()), option::of(time()));
    let named = option::of(named.prop_map(|(overdue, expire)| Deadlines { overdue, expire }));
    let numbers = (time(), time(), missing, any::<u64>(), named);
    (phase, flags, numbers, items, origins, keeps).prop_map(
        |(phase, flags, numbers, items, origins, keeps)| {
            let (expected_at, changed_at, (missing, count), fingerprint, named) = numbers;
            let (expected, overdue) = flags;
            let (items, ids) = items;
            let (expectation_offset, by) = origins;
            let expectation = expectation_offset.map(|offset| Origin { input: 0, offset });
            // Only open rows have marks.
            let marks = items.1.iter().filter(|_| phase == Phase::Open);
            let all = marked(&items.0, marks);
            let mut kept = Kept::NOTHING;
            if phase == Phase::Open {
                kept = kept.with_expected(&keeps.0);
                keeps.1.iter().for_each(|(item, members)| kept.put_item(item, members));
            }
            let is_awaited = expected && phase == Phase::Open;
            let deadlines = named.filter(|_| is_awaited).unwrap_or_default();
            let has_failed = expected && phase == Phase::Open && all.has_marks();
            // Only open rows wait for a count.
            let awaits = match count {
                Some((to_come, true)) if expected && phase != Phase::Cancelled => {
                    Awaits::Growing(Growing { total: missing, to_come })
                }
                Some((count, false)) if expected && phase == Phase::Open => Awaits::Count(count),
                _ => Awaits::Items,
            };
            let changed_by = by.map(|(input, offset)| Origin { input, offset }).or(expectation);
            Row {
                phase,
                expected,
                overdue,
                expected_at: if expected { expected_at } else { 0 },
                changed_at,
                deadlines,
                missing: if expected && phase == Phase::Open { missing } else { 0 },
                fingerprint: if expected { fingerprint } else { 0 },
                failed: if has_failed { all.failed() } else { 0 },
                awaits,
                ids: with_ids(ids.iter().filter(|_| phase == Phase::Open)),
                items: all,
                expectation_offset,
                changed_by,
                kept,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_row_is_read_as_it_was_written(row in any_row()) {
        prop_assert_eq!(decode(&bytes_of(&row)), Ok(row));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_a_row_or_an_error(row in any_row()) {
        let bytes = bytes_of(&row);
        for length in 0..bytes.len() {
            let _ = decode(&bytes[..length]).map(|row| bytes_of(&row));
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = decode(&flipped) {
                // Each row has exactly one encoding, so a change that decodes is a different row.
                prop_assert_eq!(bytes_of(&other), flipped);
                prop_assert_ne!(&other, &row);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_row_or_an_error(mut bytes in vec(any::<u8>(), 0..64)) {
        let _ = decode(&bytes);
        for version in [WITHOUT_ORIGINS, WITHOUT_FEATURES, VERSION] {
            let Some(first) = bytes.first_mut() else { continue };
            *first = version;
            let _ = decode(&bytes).map(|row| row.items.iter().count());
        }
    }
}
