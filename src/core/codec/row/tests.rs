//! Tests of the row encoding, against golden files and damaged bytes.

mod property;

use super::*;
use crate::matching::{Counting, Event, FailedWhen, ItemOutcome, Items, Outcome, Rules, step};
use crate::record::Timestamp;

/// One line each: a name, the bytes in hexadecimal. Lines are added, never changed.
const GOLDEN: &str = include_str!("../golden/rows-v3.txt");
/// Rows that keep values of their records.
const GOLDEN_KEPT: &str = include_str!("../golden/rows-v3-kept.txt");
/// Rows whose expectations name deadlines.
const GOLDEN_DEADLINES: &str = include_str!("../golden/rows-v3-deadlines.txt");
const GOLDEN_WITHOUT_FEATURES: &str = include_str!("../golden/rows-v2.txt");
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

/// Returns rows as version 2 encodes them.
fn golden_rows_without_features() -> Vec<(&'static str, Row)> {
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

/// Returns the row after items of `row` were observed with these outcomes.
fn after(row: &Row, observations: &[(&str, ItemOutcome)]) -> Row {
    let rules = Rules {
        counting: Counting::Distinct,
        allow_empty: false,
        failed: Some(FailedWhen::AllKnown),
        reports_cancelled: false,
        overdue_after_ms: None,
        orphans_after_ms: None,
        expire_after_ms: None,
        memory_ms: 0,
        row_bytes_max: 1_000,
        list_bytes_max: None,
    };
    observations.iter().fold(row.clone(), |row, &(item, outcome)| {
        step(&rules, row, Event::Observation { item, quantity: 1, outcome, id: None }, 0).row
    })
}

fn growing(row: &Row, total: u32, to_come: u32) -> Row {
    let awaits = Awaits::Growing(Growing { total, to_come });
    Row { awaits, fingerprint: 0, ..row.clone() }
}

fn with_ids(row: &Row, ids: &[&str]) -> Row {
    let mut row = row.clone();
    ids.iter().for_each(|id| row.ids.insert(id));
    row
}

/// Returns rows as version 3 encodes them.
fn golden_rows() -> Vec<(&'static str, Row)> {
    use ItemOutcome::{Arrived, Failed, Withdrawn};
    let rows = golden_rows_without_features();
    let (expected, orphan) = (&rows[6].1, &rows[8].1);
    let counted = Row {
        awaits: Awaits::Count(300),
        missing: 298,
        items: items(&[("1", 0, 1), ("größe", 0, 1)]),
        ..expected.clone()
    };
    let undecided = Row { missing: 2, ..after(expected, &[("1", Withdrawn)]) };
    vec![
        ("open-failed", after(&undecided, &[("1", Failed)])),
        ("open-failed-unexpected", after(expected, &[("98", Failed), ("99", Withdrawn)])),
        ("orphan-failed", after(orphan, &[("größe", Failed), ("a", Arrived), ("a", Withdrawn)])),
        ("failed", after(expected, &[("2", Failed)])),
        (
            "failed-late",
            after(&Row { overdue: true, ..undecided }, &[("1", Failed), ("2", Arrived)]),
        ),
        ("open-count", counted.clone()),
        ("open-count-failed", after(&counted, &[("7", Failed)])),
        ("open-ids", with_ids(expected, &["7", "größe"])),
        ("orphan-ids", with_ids(orphan, &["1-7"])),
        ("open-list", growing(expected, 300, 298)),
        ("open-list-last", growing(expected, 0, 1)),
        ("completed-list", after(&growing(expected, 2, 0), &[("2", Arrived)])),
        ("failed-list", {
            let undecided =
                Row { missing: 2, ..growing(&after(expected, &[("1", Withdrawn)]), 2, 0) };
            after(&undecided, &[("1", Failed), ("2", Arrived)])
        }),
    ]
}

/// Returns rows that keep something, as version 3 encodes them.
fn golden_rows_that_keep() -> Vec<(&'static str, Row)> {
    let rows = golden_rows_without_features();
    let (expected, orphan) = (&rows[6].1, &rows[8].1);
    let keeping = |row: &Row, of_expectation: &str, items: &[(&str, &str)]| {
        let mut row = row.clone();
        row.kept = row.kept.with_expected(of_expectation);
        items.iter().for_each(|(item, members)| row.kept.put_item(item, members));
        row
    };
    let customer = r#""customer":"c-7""#;
    let failed = &golden_rows()[0].1;
    vec![
        ("expectation", keeping(expected, customer, &[])),
        ("items", keeping(expected, "", &[("1", "\"at\":1"), ("99", "\"at\":{}")])),
        ("orphan", keeping(orphan, "", &[("größe", "\"at\":\"ü\"")])),
        ("failed", keeping(failed, customer, &[("1", "\"why\":null")])),
        ("long", keeping(expected, &format!("\"a\":\"{}\"", "x".repeat(130)), &[])),
    ]
}

/// Returns rows with deadlines of their own, as version 3 encodes them.
fn golden_rows_with_deadlines() -> Vec<(&'static str, Row)> {
    let expected = &golden_rows_without_features()[6].1;
    let by = |row: &Row, overdue, expire| Row {
        deadlines: Deadlines { overdue, expire },
        ..row.clone()
    };
    let at = expected.changed_at;
    let with_ids = &golden_rows()[7].1;
    vec![
        ("overdue", by(expected, Some(at + 86_400_000), None)),
        ("expire", by(expected, None, Some(at + 86_400_000))),
        ("both", by(expected, Some(at), Some(at + 1))),
        ("with-ids", by(with_ids, Some(at + 86_400_000), None)),
    ]
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

fn assert_written(rows: &[(&'static str, Row)], golden: &str) {
    let written: Vec<_> =
        rows.iter().map(|(name, row)| format!("{name} {}", hex(&bytes_of(row)))).collect();
    assert_eq!(written, golden.lines().collect::<Vec<_>>());
    for (name, row) in rows {
        assert_eq!(decode(&bytes_of(row)).as_ref(), Ok(row), "{name}");
        assert_eq!(is_finished(&bytes_of(row)), row.is_finished(), "{name}");
        let outline = outline(&bytes_of(row)).expect("it is a row");
        let (items, ids, kept) = (row.items.clone(), row.ids.clone(), row.kept.clone());
        assert_eq!(Row { items, ids, kept, ..outline }, *row, "{name}");
    }
}

#[test]
fn the_bytes_of_a_version_never_change() {
    assert_written(&golden_rows(), GOLDEN);
}

#[test]
fn the_bytes_of_rows_that_keep_something_never_change() {
    assert_written(&golden_rows_that_keep(), GOLDEN_KEPT);
}

#[test]
fn the_bytes_of_rows_with_deadlines_of_their_own_never_change() {
    assert_written(&golden_rows_with_deadlines(), GOLDEN_DEADLINES);
}

#[test]
fn memory_is_reused_and_nothing_of_the_last_row_stays() {
    let rows = [golden_rows_that_keep(), golden_rows(), golden_rows_without_features()].concat();
    let mut read = Row::default();
    for (name, row) in rows.iter().chain(rows.iter().rev()) {
        assert_eq!(decode_into(&bytes_of(row), &mut read), Ok(()), "{name}");
        assert_eq!(read, *row, "{name}");
    }
}

/// An older program can read them, so that a downgrade works until something new is used.
#[test]
fn a_row_without_features_is_written_as_before() {
    assert_written(&golden_rows_without_features(), GOLDEN_WITHOUT_FEATURES);
}

#[test]
fn a_row_from_which_all_failures_were_taken_back_is_written_as_before() {
    let (_, open) = &golden_rows_without_features()[6];
    let failed = after(open, &[("98", ItemOutcome::Failed), ("98", ItemOutcome::Arrived)]);
    assert_eq!(bytes_of(&failed)[0], WITHOUT_FEATURES);
}

#[test]
fn rows_of_the_first_version_are_read() {
    let golden =
        GOLDEN_WITHOUT_ORIGINS.lines().map(|line| line.split_once(' ').expect("two words"));
    let read: Vec<_> = golden.map(|(name, bytes)| (name, decode(&from_hex(bytes)))).collect();
    let rows = golden_rows_without_origins().into_iter().map(|(name, row)| (name, Ok(row)));
    assert_eq!(read, rows.collect::<Vec<_>>());
}

#[test]
fn a_finished_row_takes_tens_of_bytes() {
    let (_, completed) = &golden_rows_without_features()[1];
    let mut completed = completed.clone();
    completed.touched_by(Outcome::Expected, Origin { input: 0, offset: 1 << 30 });
    completed.touched_by(Outcome::Observed, Origin { input: 1, offset: 1 << 30 });
    let completed = &completed;
    assert!(bytes_of(completed).len() <= 34, "{}", bytes_of(completed).len());
}

#[test]
fn encoding_appends() {
    let (_, row) = &golden_rows_without_features()[0];
    let mut bytes = b"key".to_vec();
    encode(row, &mut bytes);
    assert_eq!(bytes[..3], *b"key");
    assert_eq!(decode(&bytes[3..]).as_ref(), Ok(row));
}

#[test]
fn another_version_is_named() {
    assert_eq!(decode(&[4, 0, 0]), Err(RowError::UnknownVersion(4)));
    assert_eq!(decode(&[0]), Err(RowError::UnknownVersion(0)));
    let error = RowError::UnknownVersion(9).to_string();
    assert!(error.contains("version 9") && error.contains("newer program"), "{error}");
}

#[test]
fn a_feature_that_is_not_known_is_refused_like_a_newer_version() {
    assert_eq!(decode(b"\x03\x01\x40"), Err(RowError::UnknownFeatures(64)));
    assert_eq!(outline(b"\x03\x01\x81\x01"), Err(RowError::UnknownFeatures(0x81)));
    let error = RowError::UnknownFeatures(0x81).to_string();
    assert!(error.contains("0x81") && error.contains("newer program"), "{error}");
}

#[test]
fn what_is_no_row_is_malformed() {
    let malformed: [&[u8]; 40] = [
        b"",
        b"\x01",
        b"\x02\x00\x00",             // absent
        b"\x02\x41\x00",             // an unknown state bit
        b"\x02\x21\x00",             // an origin cut off
        b"\x02\x21\x00\x01",         // its offset cut off
        b"\x02\x31\x00\x05\x00\x05", // an origin said twice
        b"\x01\x11\x00",             // an unknown state bit
        b"\x01\x01\x80",             // a varint cut off
        b"\x01\x01\x80\x00",         // a varint longer than it need be
        b"\x03",
        b"\x03\x01",                               // features cut off
        b"\x03\x01\x00\x00\x01\x02a",              // no features
        b"\x03\x01\x01\x00\x01\x02a",              // no item has a mark
        b"\x02\x01\x00\x01\x08a",                  // an item has a mark in an older version
        b"\x03\x01\x01\x00\x01\x18a",              // two marks
        b"\x03\x03\x01\x00",                       // a cancelled row that failed
        b"\x03\x01\x02\x00\x05\x01\x02a",          // a count that nothing expects
        b"\x03\x03\x02\x00\x05",                   // a count of a finished row
        b"\x03\x01\x08\x00\x00\x01\x02a",          // no ids
        b"\x03\x01\x08\x00\x03\x01\x02b\x01\x02a", // an id that is there
        b"\x03\x01\x08\x00\x05\x01\x00b",          // ids cut off
        b"\x03\x01\x08\x00\x0b\x01\x04b\x00\x00\x00\x00\x00\x00\x00\x00", // with counts
        b"\x03\x01\x04\x00\x02\x01\x01\x01a",      // a list that nothing expects
        b"\x03\x07\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01", // a cancelled list
        b"\x03\x05\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x02\x01", // a count, too
        b"\x03\x03\x08\x00\x03\x01\x00b",          // ids of a finished row
        b"\x03\x01\x20\x00",                       // what is kept cut off
        b"\x03\x01\x20\x00\x00",                   // what is kept of items cut off
        b"\x03\x01\x20\x00\x00\x00",               // nothing is kept
        b"\x03\x01\x20\x00\x02a",                  // less than said
        b"\x03\x01\x20\x00\x01\xff\x00",           // no text
        b"\x03\x01\x20\x00\x01a\x01\x00",          // half an item
        b"\x03\x01\x20\x00\x00\x06\x01a\x00\x00\x00\x00", // an item of which nothing is kept
        b"\x03\x03\x20\x00\x01a\x00",              // a cancelled row that keeps something
        b"\x03\x01\x10\x00\x01\x00",               // a deadline that nothing expects
        b"\x03\x05\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00", // no deadline
        b"\x03\x05\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x03\x02", // half of two
        b"\x03\x02\x01\x00\x01\x08a",              // a mark in a finished row
        b"\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", // a varint over 64 bits
    ];
    for bytes in malformed {
        assert_eq!(decode(bytes), Err(RowError::Malformed), "{bytes:?}");
    }
}
