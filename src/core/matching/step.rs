//! The function that decides what an event does to its key.

use super::{
    Awaits, Event, Expectation, Extent, FailedWhen, Ids, ItemOutcome, Items, Phase, Row, Rules,
    lines,
};
use crate::record::Timestamp;

/// What an event did to its key; each has one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// A new expectation was stored (S1).
    Expected,
    /// A repeated expectation for an open, completed or failed key (S2, S4).
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
    /// An item that had already arrived (S11), or an observation that was heard before (S27).
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
    /// An item was stored as failed (S22, S23).
    ItemFailed,
    /// An item was taken back (S24).
    ItemWithdrawn,
    /// A changed expectation for a failed key: dead letter (S5).
    AlreadyFailed,
    /// One more item of a list was stored (S26).
    Listed,
    /// An item of a list whose key failed before all of it was there (S26).
    LateExpectation,
    /// A list would become shorter: dead letter (S26).
    TotalShrinks,
    /// A list would have more items than it says: dead letter (S26).
    BeyondTotal,
    /// A tick found nothing due.
    Nothing,
}

/// Every outcome with its name in metrics and headers.
pub const OUTCOMES: [(Outcome, &str); 25] = [
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
    (Outcome::ItemFailed, "item-failed"),
    (Outcome::ItemWithdrawn, "item-withdrawn"),
    (Outcome::AlreadyFailed, "already-failed"),
    (Outcome::Listed, "listed"),
    (Outcome::LateExpectation, "late-expectation"),
    (Outcome::TotalShrinks, "total-shrinks"),
    (Outcome::BeyondTotal, "beyond-total"),
    (Outcome::Nothing, "nothing"),
];

impl Outcome {
    /// Returns the name in metrics and headers.
    pub fn name(self) -> &'static str {
        OUTCOMES[self as usize].1
    }

    /// Returns whether the record goes to the dead-letter topic and the row stays unchanged.
    pub fn is_dead_letter(self) -> bool {
        matches!(
            self,
            Self::AlreadyCompleted
                | Self::AlreadyFailed
                | Self::NoItems
                | Self::RowTooLarge
                | Self::TotalShrinks
                | Self::BeyondTotal
        )
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
    /// Expected items have failed (S22, S23).
    Failed {
        /// The overdue record was sent before.
        late: bool,
        /// What is known of the items.
        items: Items,
        awaits: Awaits,
    },
    /// A tombstone ended an open key with an expectation (S29).
    Cancelled {
        /// What is known of the items.
        items: Items,
        awaits: Awaits,
    },
    /// A deadline fired while the key was open.
    Overdue {
        reason: OverdueReason,
        /// When the expectation arrived; for an orphan, when the row last changed.
        since: Timestamp,
        /// What is known of the items: `missing()` of each gives what the key is waiting for.
        items: Items,
        awaits: Awaits,
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
        Event::Observation { item, quantity, outcome, id } => {
            observe(rules, row, (item, id), (quantity, outcome), at)
        }
        Event::Expectation(expectation) => expect(rules, row, expectation, at),
        Event::Cancellation => cancel(rules, row, at),
        Event::Tick => tick(rules, row, at),
    }
}

pub(super) fn unchanged(row: Row, outcome: Outcome) -> Step {
    Step { row, outcome, changed: false, emitted: None }
}

fn changed(row: Row, outcome: Outcome, emitted: Option<Emitted>) -> Step {
    Step { row, outcome, changed: true, emitted }
}

fn expect(rules: &Rules, row: Row, expectation: Expectation<'_>, at: Timestamp) -> Step {
    let (is_empty, fingerprint) = match expectation.extent {
        Extent::Whole => (expectation.items.is_empty(), Row::fingerprint_of(expectation.items)),
        Extent::Count(count) => (count == 0, Row::fingerprint_of_count(count)),
        Extent::Part(part) => {
            let item = expectation.items.iter().next().expect("the record lists one item");
            return lines::list(rules, row, (item.text, item.need), part, at);
        }
    };
    if is_empty && !rules.allow_empty {
        return unchanged(row, Outcome::NoItems);
    }
    let same = row.expected && row.fingerprint == fingerprint;
    let outcome = match row.phase {
        Phase::Completed if !same => return unchanged(row, Outcome::AlreadyCompleted),
        Phase::Failed if !same => return unchanged(row, Outcome::AlreadyFailed),
        Phase::Completed | Phase::Failed => {
            return unchanged(row, Outcome::DuplicateExpectation);
        }
        Phase::Open if same => return unchanged(row, Outcome::DuplicateExpectation),
        Phase::Absent | Phase::Open | Phase::Cancelled => changed_expectation(&row),
    };
    let next = match row.phase {
        Phase::Cancelled => with_expectation(&Row::default(), expectation, fingerprint, at),
        _ => with_expectation(&row, expectation, fingerprint, at),
    };
    if next.reserved_bytes(rules.counting) > rules.row_bytes_max {
        return unchanged(row, Outcome::RowTooLarge);
    }
    settle(rules, next, outcome, at)
}

/// Returns what a new expectation of a row that is not completed or failed is.
pub(super) fn changed_expectation(row: &Row) -> Outcome {
    match row.phase {
        Phase::Cancelled => Outcome::Reopened,
        _ if row.expected => Outcome::Amended,
        _ => Outcome::Expected,
    }
}

fn with_expectation(
    base: &Row,
    expectation: Expectation<'_>,
    fingerprint: u64,
    at: Timestamp,
) -> Row {
    let merged = expectation.items.with_observed(&base.items);
    let awaits = match expectation.extent {
        Extent::Whole | Extent::Part(_) => Awaits::Items,
        Extent::Count(count) => Awaits::Count(count),
    };
    let (missing, failed) = awaits.open_in(&merged);
    Row {
        phase: Phase::Open,
        expected: true,
        overdue: base.overdue,
        expected_at: if base.expected { base.expected_at } else { at },
        changed_at: base.changed_at.max(at),
        awaits,
        missing,
        failed,
        fingerprint,
        expectation_offset: base.expectation_offset,
        changed_by: base.changed_by,
        items: merged,
        ids: base.ids.clone(),
    }
}

fn observe(
    rules: &Rules,
    mut row: Row,
    (text, id): (&str, Option<&str>),
    (quantity, outcome): (u32, ItemOutcome),
    at: Timestamp,
) -> Step {
    if row.is_finished() {
        return unchanged(row, Outcome::LateObservation);
    }
    if id.is_some_and(|id| row.ids.contains(id)) {
        return unchanged(row, Outcome::DuplicateObservation);
    }
    let slot = row.items.slot(text);
    let known = slot.item(text);
    let Some(item) = known.after(rules.counting, quantity, outcome) else {
        return unchanged(row, Outcome::DuplicateObservation);
    };
    if slot.is_new() || id.is_some() {
        let known = if slot.is_new() { Items::reserved_bytes_of(text, rules.counting) } else { 0 };
        let more = known + id.map_or(0, Ids::bytes_of);
        if row.reserved_bytes(rules.counting) + more > rules.row_bytes_max {
            return unchanged(row, Outcome::RowTooLarge);
        }
    }
    if let Some(id) = id {
        row.ids.insert(id);
    }
    row.items.put(slot, item);
    row.heard(known, item);
    row.phase = Phase::Open;
    row.changed_at = row.changed_at.max(at);
    let outcome = match outcome {
        _ if row.expected && item.need == 0 && !row.awaits.any_item() => Outcome::Unexpected,
        ItemOutcome::Arrived => Outcome::Observed,
        ItemOutcome::Failed => Outcome::ItemFailed,
        ItemOutcome::Withdrawn => Outcome::ItemWithdrawn,
    };
    settle(rules, row, outcome, at)
}

/// Finishes the row if what is known of its items decides it.
pub(super) fn settle(rules: &Rules, mut row: Row, outcome: Outcome, at: Timestamp) -> Step {
    let fails = match rules.failed {
        _ if row.failed == 0 => false,
        Some(FailedWhen::First) => true,
        Some(FailedWhen::AllKnown) => row.missing == 0 && row.awaits.is_closed(),
        None => false,
    };
    if fails {
        let awaits = row.awaits;
        let items = finish(&mut row, Phase::Failed, at);
        let emitted = Emitted::Failed { late: row.overdue, items, awaits };
        return changed(row, outcome, Some(emitted));
    }
    if !row.expected || row.missing > 0 || row.failed > 0 || !row.awaits.is_closed() {
        return changed(row, outcome, None);
    }
    let emitted = Emitted::Completion { late: row.overdue, expected_at: row.expected_at };
    let _ = finish(&mut row, Phase::Completed, at);
    changed(row, outcome, Some(emitted))
}

/// Finishes the row, and returns what was known of its items. A list that came record by record is
/// remembered, to tell its records from others when they come again.
fn finish(row: &mut Row, phase: Phase, at: Timestamp) -> Items {
    let items = std::mem::take(&mut row.items);
    row.phase = phase;
    row.changed_at = row.changed_at.max(at);
    match row.awaits {
        Awaits::Growing(_) if phase != Phase::Cancelled => row.items = items.needs(),
        _ => row.awaits = Awaits::Items,
    }
    (row.missing, row.failed, row.ids) = (0, 0, Ids::default());
    items
}

fn cancel(rules: &Rules, mut row: Row, at: Timestamp) -> Step {
    if row.is_finished() {
        return unchanged(row, Outcome::LateCancellation);
    }
    let is_reported = rules.reports_cancelled && row.expected;
    let awaits = row.awaits;
    let items = finish(&mut row, Phase::Cancelled, at);
    let emitted = is_reported.then_some(Emitted::Cancelled { items, awaits });
    changed(row, Outcome::Cancelled, emitted)
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
            awaits: row.awaits,
        };
        return changed(Row::default(), Outcome::Orphaned, Some(emitted));
    }
    let expires_first = match (rules.overdue_after_ms, rules.expire_after_ms) {
        (Some(overdue), Some(expire)) => row.overdue || expire < overdue,
        (overdue, _) => overdue.is_none() || row.overdue,
    };
    let since = row.expected_at;
    if expires_first {
        let awaits = row.awaits;
        let items = finish(&mut row, Phase::Cancelled, at);
        let emitted = Emitted::Overdue { reason: OverdueReason::Expired, since, items, awaits };
        return changed(row, Outcome::Expired, Some(emitted));
    }
    row.overdue = true;
    let (items, awaits) = (row.items.clone(), row.awaits);
    let emitted = Emitted::Overdue { reason: OverdueReason::Overdue, since, items, awaits };
    changed(row, Outcome::Overdue, Some(emitted))
}
