//! The encoding of a row in the changelog and in the store.
//!
//! Promise: what a version wrote is always read back unchanged; golden files prove it. Ban: no
//! change to the bytes of a version. A change needs a new version, which still reads the old ones.
//!
//! ```text
//! version  u8   3 if the row has features, otherwise 2
//! state    u8   bits 0–1 phase, bit 2 expected, bit 3 overdue,
//!               bit 4 the expectation's offset follows, bit 5 another record's origin follows
//! features      varint, version 3 only, never 0: which of the fields below follow
//! changed       zigzag varint, milliseconds
//! if expected:
//!   age         zigzag varint, changed − expected_at
//!   print  u64  little endian
//!   missing     varint, open rows only
//! if bit 4:
//!   offset      varint, of the expectation
//! if bit 5, the record that changed the row last, where it is not the expectation:
//!   input  u8   0 for the expected topic, then the observed topics by name
//!   offset      varint
//! for each feature, from bit 0 on:
//!   0 outcomes: items have marks; a completed row has failed
//!     failed    varint, open rows with an expectation only
//!   1 counts: the row waits for a number of items, open rows with an expectation only
//!     count     varint
//!   2 growing: a list that comes record by record; its items are the needed ones, also of a
//!     completed or failed row
//!     total     varint
//!     to come   varint
//!   4 deadlines of the expectation's own, open rows with an expectation only; before those of 3
//!     which u8  bit 0 overdue, bit 1 expire, at least one
//!     overdue   zigzag varint, milliseconds, if there is one
//!     expire    likewise
//!   3 ids: the observations so far had ids, open rows only
//!     length    varint
//!     ids       as many bytes, at least one, encoded like items
//!   5 kept values, open rows only:
//!     length    varint, and so many bytes of what is kept of the expectation
//!     length    varint, and so many bytes of what is kept of items, see `matching::Kept`
//! items         to the end, see `matching::Items`
//! ```
//!
//! Version 1 has neither bit 4 nor bit 5 and is otherwise the same. A completed row takes about
//! thirty bytes.
//!
//! What a reconciliation can use only if its object says so is a feature. A row without any is
//! written as version 2, so that an older program reads everything as long as nothing new is used;
//! it refuses version 3. A program that does not know a feature refuses the row, so features are
//! added without a new version.

mod varint;

use self::varint::{VARINT_BYTES_MAX, Written, unzigzag, varint, zigzag};
use crate::matching::{
    Awaits, Deadlines, EXPECTED_INPUT, Growing, Ids, Kept, Marks, Origin, Phase, Row,
};

/// The latest version, of rows that have features.
pub const VERSION: u8 = 3;
/// The version of rows without features.
const WITHOUT_FEATURES: u8 = 2;
/// An older version that is still read.
const WITHOUT_ORIGINS: u8 = 1;

const PHASE_BITS: u8 = 0b0000_0011;
const EXPECTED_BIT: u8 = 0b0000_0100;
const OVERDUE_BIT: u8 = 0b0000_1000;
const EXPECTATION_BIT: u8 = 0b0001_0000;
const CHANGED_BY_BIT: u8 = 0b0010_0000;
const STATE_BITS: u8 = PHASE_BITS | EXPECTED_BIT | OVERDUE_BIT;
const ORIGIN_BITS: u8 = EXPECTATION_BIT | CHANGED_BY_BIT;

/// Items that failed or were withdrawn, or a key that failed.
const OUTCOMES: u64 = 1;
/// An open row that waits for a count.
const COUNTS: u64 = 2;
/// A row whose list comes record by record.
const GROWING: u64 = 4;
/// An open row with the ids of its observations.
const IDS: u64 = 8;
/// Deadlines that the expectation names itself.
const DEADLINES: u64 = 1 << 4;
/// Values of the key's records that outputs carry.
const KEPT: u64 = 1 << 5;
const KNOWN_FEATURES: u64 = OUTCOMES | COUNTS | GROWING | IDS | DEADLINES | KEPT;

/// Why bytes are not a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error(
        "the row has version {0}, this program reads versions up to {VERSION}; \
         run the newer program that wrote it"
    )]
    UnknownVersion(u8),
    #[error(
        "the row has features {0:#x}, this program knows {KNOWN_FEATURES:#x}; \
         run the newer program that wrote it"
    )]
    UnknownFeatures(u64),
    #[error("the row's bytes are damaged; restore the store from the changelog")]
    Malformed,
}

/// Appends the row's bytes to `out`; never zero bytes.
///
/// # Panics
/// When the row is absent: a forgotten key is a tombstone, not a row.
pub fn encode(row: &Row, out: &mut Vec<u8>) {
    assert!(row.phase != Phase::Absent, "a forgotten key has no bytes");
    let expected = if row.expected { EXPECTED_BIT } else { 0 };
    let overdue = if row.overdue { OVERDUE_BIT } else { 0 };
    let expectation = row.expectation_offset.map(|offset| Origin { input: EXPECTED_INPUT, offset });
    let changed_by = row.changed_by.filter(|by| expectation != Some(*by));
    let expectation_bit = if expectation.is_some() { EXPECTATION_BIT } else { 0 };
    let changed_by_bit = if changed_by.is_some() { CHANGED_BY_BIT } else { 0 };
    // Everything before the items is written in one copy.
    let mut head = Written::<HEAD_BYTES_MAX>::default();
    let features = features(row);
    // A failed row is a completed one with outcomes: two bits are no room for another phase.
    let phase = if row.phase == Phase::Failed { Phase::Completed } else { row.phase };
    head.push(if features == 0 { WITHOUT_FEATURES } else { VERSION });
    head.push(phase as u8 | expected | overdue | expectation_bit | changed_by_bit);
    if features != 0 {
        head.push_varint(features);
    }
    head.push_varint(zigzag(row.changed_at));
    if row.expected {
        // Wraps if the difference does not fit; decoding wraps it back.
        head.push_varint(zigzag(row.changed_at.wrapping_sub(row.expected_at)));
        head.push_all(row.fingerprint.to_le_bytes());
        if row.phase == Phase::Open {
            head.push_varint(u64::from(row.missing));
        }
    }
    if let Some(expectation) = expectation {
        head.push_varint(expectation.offset.cast_unsigned());
    }
    if let Some(by) = changed_by {
        head.push(by.input);
        head.push_varint(by.offset.cast_unsigned());
    }
    if features & OUTCOMES != 0 && row.expected && row.phase == Phase::Open {
        head.push_varint(u64::from(row.failed));
    }
    match row.awaits {
        Awaits::Items => {}
        Awaits::Count(count) => head.push_varint(u64::from(count)),
        Awaits::Growing(Growing { total, to_come }) => {
            head.push_varint(u64::from(total));
            head.push_varint(u64::from(to_come));
        }
    }
    if features & DEADLINES != 0 {
        let Deadlines { overdue, expire } = row.deadlines;
        head.push(u8::from(overdue.is_some()) | (u8::from(expire.is_some()) << 1));
        overdue.into_iter().chain(expire).for_each(|at| head.push_varint(zigzag(at)));
    }
    if features & IDS != 0 {
        head.push_varint(row.ids.size() as u64);
    }
    out.reserve(head.as_bytes().len() + row.ids.size() + row.items.as_bytes().len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(row.ids.as_bytes());
    if features & KEPT != 0 {
        push_kept(&row.kept, out);
    }
    out.extend_from_slice(row.items.as_bytes());
}

fn push_kept(kept: &Kept, out: &mut Vec<u8>) {
    out.reserve(kept.size() + 2 * VARINT_BYTES_MAX);
    for part in [kept.expected().as_bytes(), kept.items_as_bytes()] {
        let mut length = Written::<HEAD_BYTES_MAX>::default();
        length.push_varint(part.len() as u64);
        out.extend_from_slice(length.as_bytes());
        out.extend_from_slice(part);
    }
}

fn features(row: &Row) -> u64 {
    let outcomes = match row.phase {
        Phase::Failed => true,
        Phase::Open => row.items.has_marks(),
        Phase::Absent | Phase::Completed | Phase::Cancelled => false,
    };
    let awaits = match row.awaits {
        Awaits::Items => 0,
        Awaits::Count(_) => COUNTS,
        Awaits::Growing(_) => GROWING,
    };
    let ids = if row.ids.is_empty() { 0 } else { IDS };
    let kept = if row.kept.is_nothing() { 0 } else { KEPT };
    let deadlines = if row.deadlines == Deadlines::NONE { 0 } else { DEADLINES };
    ids | awaits | deadlines | kept | if outcomes { OUTCOMES } else { 0 }
}

/// Decodes a row.
///
/// # Errors
/// When `bytes` are not a row, or one of a later version.
pub fn decode(bytes: &[u8]) -> Result<Row, RowError> {
    let mut row = Row::default();
    decode_into(bytes, &mut row)?;
    Ok(row)
}

/// Decodes a row into `row`, reusing the memory of its items and of what it keeps.
///
/// # Errors
/// When `bytes` are not a row, or one of a later version; `row` must not be used then.
pub fn decode_into(bytes: &[u8], row: &mut Row) -> Result<(), RowError> {
    let Head { features, mut rest } = head(bytes, row)?;
    let has = |feature: u64| features & feature != 0;
    if has(IDS | KEPT) && row.phase != Phase::Open {
        return Err(RowError::Malformed);
    }
    let ids = if has(IDS) { take_ids(&mut rest) } else { Some(Ids::default()) };
    row.ids = ids.ok_or(RowError::Malformed)?;
    if !has(KEPT) {
        row.kept = Kept::NOTHING;
    } else if take_kept(&mut rest, &mut row.kept).is_none() {
        return Err(RowError::Malformed);
    }
    let needed = if row.phase == Phase::Open { features } else { 0 };
    match row.items.assign(rest) {
        // Each row has exactly one encoding.
        Some(Marks::None) if needed & OUTCOMES == 0 => Ok(()),
        Some(Marks::Some) if needed & OUTCOMES != 0 => Ok(()),
        _ => Err(RowError::Malformed),
    }
}

/// Takes the ids off the front.
fn take_ids(rest: &mut &[u8]) -> Option<Ids> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (ids, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Ids::from_bytes(ids)
}

/// Decodes a row without its items, its ids and what it keeps, which is enough for its deadlines.
///
/// # Errors
/// As [`decode`], except that damage among the items goes unnoticed.
pub fn outline(bytes: &[u8]) -> Result<Row, RowError> {
    let mut row = Row::default();
    head(bytes, &mut row)?;
    Ok(row)
}

/// Returns whether `bytes` encode a finished row, of any version; bytes that are not a row do not.
pub fn is_finished(bytes: &[u8]) -> bool {
    const COMPLETED: u8 = Phase::Completed as u8;
    const CANCELLED: u8 = Phase::Cancelled as u8;
    bytes.get(1).is_some_and(|state| matches!(state & PHASE_BITS, COMPLETED | CANCELLED))
}

/// Takes what a row keeps off the front.
fn take_kept(rest: &mut &[u8], kept: &mut Kept) -> Option<()> {
    let mut part = || {
        let length = usize::try_from(varint(rest)?).ok()?;
        let (part, tail) = rest.split_at_checked(length)?;
        *rest = tail;
        Some(part)
    };
    let (expected, items) = (part()?, part()?);
    kept.assign(std::str::from_utf8(expected).ok()?, items)
}

/// What is not a field of the row.
struct Head<'a> {
    features: u64,
    /// What follows.
    rest: &'a [u8],
}

/// Decodes everything but items, ids and what is kept into `row`, and leaves those as they are.
fn head<'a>(bytes: &'a [u8], row: &mut Row) -> Result<Head<'a>, RowError> {
    let (version, rest) = bytes.split_first().ok_or(RowError::Malformed)?;
    let state_bits = match *version {
        VERSION | WITHOUT_FEATURES => STATE_BITS | ORIGIN_BITS,
        WITHOUT_ORIGINS => STATE_BITS,
        other => return Err(RowError::UnknownVersion(other)),
    };
    let (state, mut rest) = rest.split_first().ok_or(RowError::Malformed)?;
    let features = if *version == VERSION {
        varint(&mut rest).filter(|features| *features != 0).ok_or(RowError::Malformed)?
    } else {
        0
    };
    if features & !KNOWN_FEATURES != 0 {
        return Err(RowError::UnknownFeatures(features));
    }
    if state & !state_bits != 0 {
        return Err(RowError::Malformed);
    }
    let rest = fields(row, *state, features, rest).ok_or(RowError::Malformed)?;
    Ok(Head { features, rest })
}

fn fields<'a>(row: &mut Row, state: u8, features: u64, mut rest: &'a [u8]) -> Option<&'a [u8]> {
    row.clear_outline();
    row.phase = match (state & PHASE_BITS, features & OUTCOMES != 0) {
        (1, _) => Phase::Open,
        (2, false) => Phase::Completed,
        (2, true) => Phase::Failed,
        (3, false) => Phase::Cancelled,
        _ => return None,
    };
    row.expected = state & EXPECTED_BIT != 0;
    row.overdue = state & OVERDUE_BIT != 0;
    row.changed_at = unzigzag(varint(&mut rest)?);
    if row.expected {
        row.expected_at = row.changed_at.wrapping_sub(unzigzag(varint(&mut rest)?));
        let (fingerprint, tail) = rest.split_first_chunk()?;
        row.fingerprint = u64::from_le_bytes(*fingerprint);
        rest = tail;
        if row.phase == Phase::Open {
            row.missing = u32::try_from(varint(&mut rest)?).ok()?;
        }
    }
    if state & EXPECTATION_BIT != 0 {
        let offset = varint(&mut rest)?.cast_signed();
        row.expectation_offset = Some(offset);
        row.changed_by = Some(Origin { input: EXPECTED_INPUT, offset });
    }
    if state & CHANGED_BY_BIT != 0 {
        let (input, tail) = rest.split_first()?;
        rest = tail;
        let by = Origin { input: *input, offset: varint(&mut rest)?.cast_signed() };
        if row.changed_by == Some(by) {
            // Overlong encodings are rejected: each row has exactly one encoding.
            return None;
        }
        row.changed_by = Some(by);
    }
    if features != 0 {
        take_features(row, features, &mut rest)?;
    }
    Some(rest)
}

/// Decodes the features that a row has apart from ids and what it keeps.
fn take_features(row: &mut Row, features: u64, rest: &mut &[u8]) -> Option<()> {
    let is_waiting = row.expected && row.phase == Phase::Open;
    let has = |feature: u64| features & feature != 0;
    if has(OUTCOMES) && is_waiting {
        row.failed = u32::try_from(varint(rest)?).ok()?;
    }
    if has(GROWING) {
        if !row.expected || row.phase == Phase::Cancelled || has(COUNTS) {
            return None;
        }
        let mut count = || u32::try_from(varint(rest)?).ok();
        row.awaits = Awaits::Growing(Growing { total: count()?, to_come: count()? });
    }
    if has(COUNTS) {
        if !is_waiting {
            return None;
        }
        row.awaits = Awaits::Count(u32::try_from(varint(rest)?).ok()?);
    }
    if has(DEADLINES) {
        if !is_waiting {
            return None;
        }
        row.deadlines = take_deadlines(rest)?;
    }
    Some(())
}

fn take_deadlines(rest: &mut &[u8]) -> Option<Deadlines> {
    let (which, tail) = rest.split_first()?;
    *rest = tail;
    let mut take = || varint(rest).map(unzigzag);
    Some(match which {
        1 => Deadlines { overdue: Some(take()?), expire: None },
        2 => Deadlines { overdue: None, expire: Some(take()?) },
        3 => Deadlines { overdue: Some(take()?), expire: Some(take()?) },
        _ => return None,
    })
}

/// Maximum number of bytes before the items.
const HEAD_BYTES_MAX: usize = 2 + 2 * VARINT_BYTES_MAX + 8 + 11 * VARINT_BYTES_MAX + 2;

#[cfg(test)]
mod tests;
