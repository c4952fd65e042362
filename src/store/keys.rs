//! The database keys of rows, deadlines and facts about the store.
//!
//! | key | value |
//! | --- | --- |
//! | `d` + due time (big-endian, sign flipped) + key | nothing |
//! | `m` + name | the store's checkpoint |
//! | `r` + key | the row |
//!
//! The byte order of the keys is the order of the deadlines, and a spill is written in this order.

use rollcall_core::record::Timestamp;
use rollcall_core::shard::Due;

const DUE: u8 = b'd';
const ROW: u8 = b'r';
const TIME_BYTES: usize = size_of::<Timestamp>();

pub(super) const CHECKPOINT: &[u8] = b"mcheckpoint";
/// The first key that can be a deadline's, and the first that is past all of them.
pub(super) const DUE_RANGE: (&[u8], &[u8]) = (b"d", b"e");
/// The first key that can be a row's, and the first that is past all of them.
pub(super) const ROW_RANGE: (&[u8], &[u8]) = (b"r", b"s");

/// Appends the name of a key's row.
pub(super) fn push_row(name: &mut Vec<u8>, key: &[u8]) {
    name.push(ROW);
    name.extend_from_slice(key);
}

/// Appends the name of a deadline.
pub(super) fn push_due(name: &mut Vec<u8>, at_ms: Timestamp, key: &[u8]) {
    name.push(DUE);
    name.extend_from_slice(&sortable(at_ms));
    name.extend_from_slice(key);
}

/// Returns the key whose row has this name.
pub(super) fn row_key(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(&[ROW])
}

/// Returns the deadline that has this name.
pub(super) fn due_of(name: &[u8]) -> Option<Due> {
    let (time, key) = name.strip_prefix(&[DUE])?.split_at_checked(TIME_BYTES)?;
    let flipped = u64::from_be_bytes(time.try_into().ok()?);
    Some(Due { at_ms: (flipped ^ SIGN).cast_signed(), key: key.to_vec() })
}

const SIGN: u64 = 1 << 63;

/// Times before 1970 have to sort before those after it.
fn sortable(at_ms: Timestamp) -> [u8; TIME_BYTES] {
    (at_ms.cast_unsigned() ^ SIGN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_name(at_ms: Timestamp, key: &[u8]) -> Vec<u8> {
        let mut name = Vec::new();
        push_due(&mut name, at_ms, key);
        name
    }

    #[test]
    fn names_of_deadlines_sort_by_time_and_then_by_key() {
        let mut deadlines = vec![
            Due { at_ms: i64::MIN, key: b"z".to_vec() },
            Due { at_ms: -1, key: b"a".to_vec() },
            Due { at_ms: 0, key: b"".to_vec() },
            Due { at_ms: 0, key: b"a".to_vec() },
            Due { at_ms: 255, key: b"b".to_vec() },
            Due { at_ms: 256, key: b"a".to_vec() },
            Due { at_ms: i64::MAX, key: b"a".to_vec() },
        ];
        let names: Vec<_> = deadlines.iter().map(|due| due_name(due.at_ms, &due.key)).collect();
        assert!(names.is_sorted());
        let back: Vec<_> = names.iter().map(|name| due_of(name).expect("it is one")).collect();
        deadlines.sort();
        assert_eq!(back, deadlines);
    }

    #[test]
    fn a_row_and_a_deadline_are_never_taken_for_each_other() {
        let mut row = Vec::new();
        push_row(&mut row, b"order-1");
        assert_eq!(row_key(&row), Some(&b"order-1"[..]));
        assert_eq!(due_of(&row), None);
        assert_eq!(row_key(&due_name(7, b"order-1")), None);
        assert_eq!(row_key(CHECKPOINT), None);
        assert_eq!(due_of(b"dshort"), None);
        assert!(DUE_RANGE.1 <= CHECKPOINT && CHECKPOINT < ROW_RANGE.0);
    }
}
