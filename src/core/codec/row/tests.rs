//! Tests of the row encoding, against golden files and damaged bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::matching::Items;
use crate::matching::Outcome;
use crate::record::Timestamp;

/// One line each: a name, the bytes in hexadecimal. Lines are added, never changed.
const GOLDEN: &str = include_str!("../golden/rows-v2.txt");
const GOLDEN_WITHOUT_ORIGINS: &str = include_str!("../golden/rows-v1.txt");

fn items(list: &[(&str, u32, u32)]) -> Items {
    list.iter().copied().collect()
}

/// Returns rows as version 1 encoded them.
fn golden_rows_without_origins() -> Vec<(&'static str, Row)> {
    let expected = Row {
        phase: Phase::Open,
        expected: true,
        expected_at: 1_683_581_858_571,
        changed_at: 1_683_582_000_000,
        missing: 1,
        fingerprint: 0x0123_4567_89ab_cdef,
        items: items(&[("1", 1, 1), ("2", 1, 0), ("99", 0, 1)]),
        ..Row::default()
    };
    let completed =
        Row { phase: Phase::Completed, missing: 0, items: Items::default(), ..expected.clone() };
    let orphan = Row {
        phase: Phase::Open,
        changed_at: 1_683_582_000_000,
        items: items(&[("größe", 0, 1)]),
        ..Row::default()
    };
    let counted = Row {
        overdue: true,
        missing: 2,
        items: items(&[("a", 3, 2), ("b", 300, 0), ("", 1, 1)]),
        ..expected.clone()
    };
    let cancelled = Row { phase: Phase::Cancelled, changed_at: -1, ..Row::default() };
    let extreme = Row {
        expected_at: Timestamp::MAX,
        changed_at: Timestamp::MIN,
        missing: u32::MAX,
        fingerprint: u64::MAX,
        ..expected.clone()
    };
    vec![
        ("open-expected", expected),
        ("completed", completed),
        ("open-orphan", orphan),
        ("open-overdue-counted", counted),
        ("cancelled-unknown", cancelled),
        ("extreme", extreme),
    ]
}

fn golden_rows() -> Vec<(&'static str, Row)> {
    let mut rows = golden_rows_without_origins();
    let (_, open) = rows[0].clone();
    let touched = |row: &Row, outcome, input, offset| {
        let mut row = row.clone();
        row.touched_by(outcome, Origin { input, offset });
        row
    };
    let expected = touched(&open, Outcome::Expected, 0, 300);
    let observed = touched(&expected, Outcome::Observed, 1, 70_000);
    let orphan = touched(&rows[2].1, Outcome::Observed, 16, i64::MAX);
    let cancelled = touched(&rows[4].1, Outcome::Cancelled, 0, 0);
    rows.extend([
        ("expected-last", expected),
        ("observed-last", observed),
        ("orphan-observed", orphan),
        ("cancelled-by", cancelled),
    ]);
    rows
}

fn bytes_of(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(row, &mut bytes);
    bytes
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits each");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_a_version_never_change() {
    let written: Vec<_> =
        golden_rows().iter().map(|(name, row)| format!("{name} {}", hex(&bytes_of(row)))).collect();
    let golden: Vec<_> = GOLDEN.lines().collect();
    assert_eq!(written, golden);
    for (name, row) in golden_rows() {
        assert_eq!(decode(&bytes_of(&row)), Ok(row), "{name}");
    }
}

#[test]
fn rows_of_the_version_before_are_read() {
    let golden =
        GOLDEN_WITHOUT_ORIGINS.lines().map(|line| line.split_once(' ').expect("two words"));
    let read: Vec<_> = golden.map(|(name, bytes)| (name, decode(&from_hex(bytes)))).collect();
    let rows = golden_rows_without_origins().into_iter().map(|(name, row)| (name, Ok(row)));
    assert_eq!(read, rows.collect::<Vec<_>>());
}

#[test]
fn a_finished_row_takes_tens_of_bytes() {
    let (_, completed) = &golden_rows()[1];
    let mut completed = completed.clone();
    completed.touched_by(Outcome::Expected, Origin { input: 0, offset: 1 << 30 });
    completed.touched_by(Outcome::Observed, Origin { input: 1, offset: 1 << 30 });
    let completed = &completed;
    assert!(bytes_of(completed).len() <= 34, "{}", bytes_of(completed).len());
}

#[test]
fn encoding_appends() {
    let (_, row) = &golden_rows()[0];
    let mut bytes = b"key".to_vec();
    encode(row, &mut bytes);
    assert_eq!(bytes[..3], *b"key");
    assert_eq!(decode(&bytes[3..]).as_ref(), Ok(row));
}

#[test]
fn another_version_is_named() {
    assert_eq!(decode(&[3, 0, 0]), Err(RowError::UnknownVersion(3)));
    assert_eq!(decode(&[0]), Err(RowError::UnknownVersion(0)));
    let error = RowError::UnknownVersion(9).to_string();
    assert!(error.contains("version 9") && error.contains("newer program"), "{error}");
}

#[test]
fn what_is_no_row_is_malformed() {
    let malformed: [&[u8]; 11] = [
        b"",
        b"\x01",
        b"\x02\x00\x00",                                     // absent
        b"\x02\x41\x00",                                     // an unknown state bit
        b"\x02\x21\x00",                                     // an origin cut off
        b"\x02\x21\x00\x01",                                 // its offset cut off
        b"\x02\x31\x00\x05\x00\x05",                         // an origin said twice
        b"\x01\x11\x00",                                     // an unknown state bit
        b"\x01\x01\x80",                                     // a varint cut off
        b"\x01\x01\x80\x00",                                 // a varint longer than it need be
        b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", // a varint over 64 bits
    ];
    for bytes in malformed {
        assert_eq!(decode(bytes), Err(RowError::Malformed), "{bytes:?}");
    }
}

fn any_row() -> impl Strategy<Value = Row> {
    let time = || prop_oneof![0_i64..1 << 42, any::<i64>()];
    let count = || prop_oneof![4 => 0_u32..2, 1 => any::<u32>()];
    let items = vec(("\\PC{0,5}|x{255}", count(), count()), 0..6);
    let phase = prop_oneof![Just(Phase::Open), Just(Phase::Completed), Just(Phase::Cancelled)];
    let flags = (any::<bool>(), any::<bool>());
    let offset = || prop_oneof![0_i64..1 << 42, any::<i64>()];
    let origins = (option::of(offset()), option::of((any::<u8>(), offset())));
    (phase, flags, time(), time(), any::<u32>(), any::<u64>(), items, origins).prop_map(
        |(phase, flags, expected_at, changed_at, missing, fingerprint, items, origins)| {
            let (expected, overdue) = flags;
            let (expectation_offset, by) = origins;
            let expectation = expectation_offset.map(|offset| Origin { input: 0, offset });
            let changed_by = by.map(|(input, offset)| Origin { input, offset }).or(expectation);
            Row {
                phase,
                expected,
                overdue,
                expected_at: if expected { expected_at } else { 0 },
                changed_at,
                missing: if expected && phase == Phase::Open { missing } else { 0 },
                fingerprint: if expected { fingerprint } else { 0 },
                items: items
                    .iter()
                    .map(|(text, need, have)| (text.as_str(), *need, *have))
                    .collect(),
                expectation_offset,
                changed_by,
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
        if let Some(version) = bytes.first_mut() {
            *version = VERSION;
            let _ = decode(&bytes).map(|row| row.items.iter().count());
        }
    }
}
