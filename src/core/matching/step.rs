//! The function that decides what an event does to its key.

use super::{Counting, Event, Items, Phase, Row, Rules};
use crate::record::Timestamp;

/// What an event did to its key; each has one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// A new expectation was stored (S1).
    Expected,
    /// A repeated expectation for an open or completed key (S2, S4).
    DuplicateExpectation,
    /// The expectation of an open key was replaced (S3).
    Amended,
    /// A changed expectation for a completed key: dead letter (S5).
    AlreadyCompleted,
    /// A cancelled key was expected again (S6).
    Reopened,
    /// An expectation without items: dead letter (S7).
    NoItems,
    /// A tombstone ended the key (S8).
    Cancelled,
    /// A tombstone for a finished key (S9).
    LateCancellation,
    /// An item was stored (S10, S12).
    Observed,
    /// An item that had already arrived (S11).
    DuplicateObservation,
    /// An item was stored that the known expectation does not list (S13).
    Unexpected,
    /// An observation for a finished key (S14).
    LateObservation,
    /// The row would have become too large: dead letter (S16).
    RowTooLarge,
    /// The overdue deadline fired (S18).
    Overdue,
    /// The orphan deadline fired (S19).
    Orphaned,
    /// A finished key was forgotten (S20).
    Forgotten,
    /// The expiry deadline fired (S21).
    Expired,
    /// A tick found nothing due.
    Nothing,
}

/// Every outcome with its name in metrics and headers.
pub const OUTCOMES: [(Outcome, &str); 18] = [
    (Outcome::Expected, "expected"),
    (Outcome::DuplicateExpectation, "duplicate-expectation"),
    (Outcome::Amended, "amended"),
    (Outcome::AlreadyCompleted, "already-completed"),
    (Outcome::Reopened, "reopened"),
    (Outcome::NoItems, "no-items"),
    (Outcome::Cancelled, "cancelled"),
    (Outcome::LateCancellation, "late-cancellation"),
    (Outcome::Observed, "observed"),
    (Outcome::DuplicateObservation, "duplicate-observation"),
    (Outcome::Unexpected, "unexpected"),
    (Outcome::LateObservation, "late-observation"),
    (Outcome::RowTooLarge, "row-too-large"),
    (Outcome::Overdue, "overdue"),
    (Outcome::Orphaned, "orphaned"),
    (Outcome::Forgotten, "forgotten"),
    (Outcome::Expired, "expired"),
    (Outcome::Nothing, "nothing"),
];

impl Outcome {
    /// Returns the name in metrics and headers.
    pub fn name(self) -> &'static str {
        OUTCOMES[self as usize].1
    }

    /// Returns whether the record goes to the dead-letter topic and the row stays unchanged.
    pub fn is_dead_letter(self) -> bool {
        matches!(self, Self::AlreadyCompleted | Self::NoItems | Self::RowTooLarge)
    }
}

/// Why a key was reported to the overdue topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverdueReason {
    Overdue,
    Orphan,
    Expired,
}

/// What the core emits besides the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emitted {
    /// Every expected item was observed.
    Completion {
        /// The overdue record was sent before.
        late: bool,
        /// When the expectation arrived.
        expected_at: Timestamp,
    },
    /// A deadline fired while the key was open.
    Overdue {
        reason: OverdueReason,
        /// When the expectation arrived; for an orphan, when the row last changed.
        since: Timestamp,
        /// What is known of the items: `missing()` of each gives what the key is waiting for.
        items: Items,
    },
}

/// The effect of an event on a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub row: Row,
    pub outcome: Outcome,
    /// The row differs from the input row and must be written.
    pub changed: bool,
    pub emitted: Option<Emitted>,
}

/// Returns the effect of `event` at time `at` on `row`.
///
/// `at` is the record's timestamp, or for [`Event::Tick`] the shard time.
pub fn step(rules: &Rules, row: Row, event: Event<'_>, at: Timestamp) -> Step {
    match event {
        Event::Observation { item, quantity } => observe(rules, row, item, quantity, at),
        Event::Expectation(items) => expect(rules, row, items, at),
        Event::Cancellation => cancel(row, at),
        Event::Tick => tick(rules, row, at),
    }
}

fn unchanged(row: Row, outcome: Outcome) -> Step {
    Step { row, outcome, changed: false, emitted: None }
}

fn changed(row: Row, outcome: Outcome, emitted: Option<Emitted>) -> Step {
    Step { row, outcome, changed: true, emitted }
}

fn expect(rules: &Rules, row: Row, items: &Items, at: Timestamp) -> Step {
    if items.is_empty() && !rules.allow_empty {
        return unchanged(row, Outcome::NoItems);
    }
    let fingerprint = Row::fingerprint_of(items);
    let same = row.expected && row.fingerprint == fingerprint;
    let outcome = match row.phase {
        Phase::Completed if !same => return unchanged(row, Outcome::AlreadyCompleted),
        Phase::Completed => return unchanged(row, Outcome::DuplicateExpectation),
        Phase::Open if same => return unchanged(row, Outcome::DuplicateExpectation),
        Phase::Open if row.expected => Outcome::Amended,
        Phase::Absent | Phase::Open => Outcome::Expected,
        Phase::Cancelled => Outcome::Reopened,
    };
    let next = match row.phase {
        Phase::Cancelled => with_expectation(&Row::default(), items, fingerprint, at),
        _ => with_expectation(&row, items, fingerprint, at),
    };
    if next.items.reserved_bytes(rules.counting) > rules.row_bytes_max {
        return unchanged(row, Outcome::RowTooLarge);
    }
    settle(next, outcome, at)
}

fn with_expectation(base: &Row, items: &Items, fingerprint: u64, at: Timestamp) -> Row {
    let merged = items.with_observed(&base.items);
    Row {
        phase: Phase::Open,
        expected: true,
        overdue: base.overdue,
        expected_at: if base.expected { base.expected_at } else { at },
        changed_at: base.changed_at.max(at),
        missing: merged.missing(),
        fingerprint,
        expectation_offset: base.expectation_offset,
        changed_by: base.changed_by,
        items: merged,
    }
}

fn observe(rules: &Rules, mut row: Row, item: &str, quantity: u32, at: Timestamp) -> Step {
    if row.is_finished() {
        return unchanged(row, Outcome::LateObservation);
    }
    let slot = row.items.slot(item);
    let (need, had) = slot.counts();
    let have = match rules.counting {
        Counting::Distinct if had > 0 => return unchanged(row, Outcome::DuplicateObservation),
        Counting::Distinct => 1,
        Counting::Quantity => had.saturating_add(quantity),
    };
    if slot.is_new() {
        let entry = Items::reserved_bytes_of(item, rules.counting);
        if row.items.reserved_bytes(rules.counting) + entry > rules.row_bytes_max {
            return unchanged(row, Outcome::RowTooLarge);
        }
    }
    row.items.put(slot, item, need, have);
    if had < need && need <= have {
        row.missing -= 1;
    }
    row.phase = Phase::Open;
    row.changed_at = row.changed_at.max(at);
    let outcome = if row.expected && need == 0 { Outcome::Unexpected } else { Outcome::Observed };
    settle(row, outcome, at)
}

/// Completes the row if nothing is missing.
fn settle(mut row: Row, outcome: Outcome, at: Timestamp) -> Step {
    if !row.expected || row.missing > 0 {
        return changed(row, outcome, None);
    }
    let emitted = Emitted::Completion { late: row.overdue, expected_at: row.expected_at };
    finish(&mut row, Phase::Completed, at);
    changed(row, outcome, Some(emitted))
}

fn finish(row: &mut Row, phase: Phase, at: Timestamp) {
    row.phase = phase;
    row.changed_at = row.changed_at.max(at);
    row.missing = 0;
    row.items = Items::default();
}

fn cancel(mut row: Row, at: Timestamp) -> Step {
    if row.is_finished() {
        return unchanged(row, Outcome::LateCancellation);
    }
    finish(&mut row, Phase::Cancelled, at);
    changed(row, Outcome::Cancelled, None)
}

/// Fires the earliest deadline that is due; the next tick fires the one after it.
fn tick(rules: &Rules, mut row: Row, at: Timestamp) -> Step {
    if row.due(rules).is_none_or(|due| due > at) {
        return unchanged(row, Outcome::Nothing);
    }
    if row.is_finished() {
        return changed(Row::default(), Outcome::Forgotten, None);
    }
    if !row.expected {
        let emitted = Emitted::Overdue {
            reason: OverdueReason::Orphan,
            since: row.changed_at,
            items: row.items,
        };
        return changed(Row::default(), Outcome::Orphaned, Some(emitted));
    }
    let expires_first = match (rules.overdue_after_ms, rules.expire_after_ms) {
        (Some(overdue), Some(expire)) => row.overdue || expire < overdue,
        (overdue, _) => overdue.is_none() || row.overdue,
    };
    let since = row.expected_at;
    if expires_first {
        let items = std::mem::take(&mut row.items);
        finish(&mut row, Phase::Cancelled, at);
        let emitted = Emitted::Overdue { reason: OverdueReason::Expired, since, items };
        return changed(row, Outcome::Expired, Some(emitted));
    }
    row.overdue = true;
    let items = row.items.clone();
    let emitted = Emitted::Overdue { reason: OverdueReason::Overdue, since, items };
    changed(row, Outcome::Overdue, Some(emitted))
}
