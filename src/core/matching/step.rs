//! The function that decides what an event does to its key.

use super::{
    Awaits, Deadlines, Event, Expectation, Extent, FailedWhen, Ids, ItemOutcome, Items, Kept,
    Outcome, Phase, Row, Rules, lines, list,
};
use crate::record::Timestamp;

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
        items: Items,
        kept: Kept,
    },
    /// Expected items have failed (S22, S23).
    Failed {
        /// The overdue record was sent before.
        late: bool,
        /// What is known of the items.
        items: Items,
        awaits: Awaits,
        kept: Kept,
    },
    /// A tombstone ended an open key with an expectation (S29).
    Cancelled {
        /// What is known of the items.
        items: Items,
        awaits: Awaits,
        kept: Kept,
    },
    /// A deadline fired while the key was open.
    Overdue {
        reason: OverdueReason,
        /// When the expectation arrived; for an orphan, when the row last changed.
        since: Timestamp,
        /// What is known of the items: `missing()` of each gives what the key is waiting for.
        items: Items,
        awaits: Awaits,
        kept: Kept,
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

/// What an event has done besides changing its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub outcome: Outcome,
    /// The row is another one than before and must be written.
    pub changed: bool,
    pub emitted: Option<Emitted>,
}

/// Returns the effect of `event`, of whose record nothing is kept, at time `at` on `row`.
///
/// `at` is the record's timestamp, or for [`Event::Tick`] the shard time.
pub fn step(rules: &Rules, row: Row, event: Event<'_>, at: Timestamp) -> Step {
    step_keeping(rules, row, (event, ""), at)
}

/// Returns the effect of an event at time `at` on `row`, see [`apply`].
pub fn step_keeping(
    rules: &Rules,
    mut row: Row,
    (event, kept): (Event<'_>, &str),
    at: Timestamp,
) -> Step {
    let Effect { outcome, changed, emitted } = apply(rules, &mut row, (event, kept), at);
    Step { row, outcome, changed, emitted }
}

/// Applies an event at time `at` to `row`, which keeps `kept` of the event's record: members of a
/// JSON object, see [`Kept`]. In place, because moving a row around takes longer than deciding.
///
/// `at` is the record's timestamp, or for [`Event::Tick`] the shard time.
pub fn apply(
    rules: &Rules,
    row: &mut Row,
    (event, kept): (Event<'_>, &str),
    at: Timestamp,
) -> Effect {
    match event {
        Event::Observation { item, quantity, outcome, id } => {
            observe(rules, row, (item, id, kept), (quantity, outcome), at)
        }
        Event::Expectation(expectation) => expect(rules, row, (expectation, kept), at),
        Event::Cancellation => cancel(rules, row, at),
        Event::Tick => tick(rules, row, at),
    }
}

pub(super) fn unchanged(outcome: Outcome) -> Effect {
    Effect { outcome, changed: false, emitted: None }
}

fn changed(outcome: Outcome, emitted: Option<Emitted>) -> Effect {
    Effect { outcome, changed: true, emitted }
}

fn expect(
    rules: &Rules,
    row: &mut Row,
    (expectation, kept): (Expectation<'_>, &str),
    at: Timestamp,
) -> Effect {
    let items = expectation.items;
    let (is_empty, fingerprint) = match expectation.extent {
        Extent::Whole => (items.is_empty(), Row::fingerprint_of(items)),
        Extent::Count(count) => (count == 0, Row::fingerprint_of_count(count)),
        Extent::Part(part) => {
            let item = expectation.items.iter().next().expect("the record lists one item");
            let listed = (item.text, item.need);
            return lines::list(rules, row, listed, (part, expectation.deadlines), at);
        }
    };
    if is_empty && !rules.allow_empty {
        return unchanged(Outcome::NoItems);
    }
    let same = row.expected && row.fingerprint == fingerprint;
    let outcome = match row.phase {
        Phase::Completed if !same => return unchanged(Outcome::AlreadyCompleted),
        Phase::Failed if !same => return unchanged(Outcome::AlreadyFailed),
        Phase::Completed | Phase::Failed => return unchanged(Outcome::DuplicateExpectation),
        Phase::Open
            if same && row.deadlines == expectation.deadlines && row.kept.expected() == kept =>
        {
            return unchanged(Outcome::DuplicateExpectation);
        }
        Phase::Absent | Phase::Open | Phase::Cancelled => changed_expectation(row),
    };
    let next = match row.phase {
        Phase::Cancelled => with_expectation(&Row::default(), (expectation, kept), fingerprint, at),
        _ => with_expectation(row, (expectation, kept), fingerprint, at),
    };
    let list_bytes_max = rules
        .list_bytes_max
        .map(|max| next.items.reserved_bytes(rules.counting).saturating_add(max));
    if next.reserved_bytes(rules.counting) > rules.row_bytes_max
        || list_bytes_max.is_some_and(|max| list::bytes(items, rules.counting) > max)
    {
        return unchanged(Outcome::RowTooLarge);
    }
    *row = next;
    settle(rules, row, outcome, at)
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
    (expectation, kept): (Expectation<'_>, &str),
    fingerprint: u64,
    at: Timestamp,
) -> Row {
    let merged = expectation.items.with_observed(&base.items);
    let awaits = match expectation.extent {
        Extent::Whole | Extent::Part(_) => Awaits::Items,
        Extent::Count(count) => Awaits::Count(count),
    };
    let (missing, failed) = awaits.open_in(&merged);
    let mut row = Row {
        phase: Phase::Open,
        expected: true,
        overdue: base.overdue,
        expected_at: if base.expected { base.expected_at } else { at },
        deadlines: base.deadlines,
        changed_at: base.changed_at.max(at),
        awaits,
        missing,
        failed,
        fingerprint,
        expectation_offset: base.expectation_offset,
        changed_by: base.changed_by,
        items: merged,
        kept: base.kept.with_expected(kept),
        ids: base.ids.clone(),
    };
    row.set_deadlines(expectation.deadlines);
    row
}

fn observe(
    rules: &Rules,
    row: &mut Row,
    (text, id, kept): (&str, Option<&str>, &str),
    (quantity, outcome): (u32, ItemOutcome),
    at: Timestamp,
) -> Effect {
    if row.is_finished() {
        return unchanged(Outcome::LateObservation);
    }
    if id.is_some_and(|id| row.ids.contains(id)) {
        return unchanged(Outcome::DuplicateObservation);
    }
    let slot = row.items.slot(text);
    let known = slot.item(text);
    let Some(item) = known.after(rules.counting, quantity, outcome) else {
        return unchanged(Outcome::DuplicateObservation);
    };
    // What is withdrawn is as if nothing had been said of it.
    let kept = if item.is_known() { kept } else { "" };
    if slot.is_new() || id.is_some() || !kept.is_empty() {
        let entry = if slot.is_new() { Items::reserved_bytes_of(text, rules.counting) } else { 0 };
        let more = entry + id.map_or(0, Ids::bytes_of) + Kept::entry_bytes(text, kept);
        let old = if known.is_known() { row.kept.of_item(text) } else { "" };
        let bytes = row.reserved_bytes(rules.counting) + more;
        if bytes - Kept::entry_bytes(text, old) > rules.row_bytes_max {
            return unchanged(Outcome::RowTooLarge);
        }
    }
    if let Some(id) = id {
        row.ids.insert(id);
    }
    row.items.put(slot, item);
    // Of an item that is not known nothing is kept, so nothing has to be found.
    if known.is_known() {
        row.kept.put_item(text, kept);
    } else {
        row.kept.add_item(text, kept);
    }
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
pub(super) fn settle(rules: &Rules, row: &mut Row, outcome: Outcome, at: Timestamp) -> Effect {
    let fails = match rules.failed {
        _ if row.failed == 0 => false,
        Some(FailedWhen::First) => true,
        Some(FailedWhen::AllKnown) => row.missing == 0 && row.awaits.is_closed(),
        None => false,
    };
    if fails {
        let (late, awaits) = (row.overdue, row.awaits);
        let (items, kept) = finish(row, Phase::Failed, at);
        let emitted = Emitted::Failed { late, items, awaits, kept };
        return changed(outcome, Some(emitted));
    }
    if !row.expected || row.missing > 0 || row.failed > 0 || !row.awaits.is_closed() {
        return changed(outcome, None);
    }
    let (late, expected_at) = (row.overdue, row.expected_at);
    let (items, kept) = finish(row, Phase::Completed, at);
    changed(outcome, Some(Emitted::Completion { late, expected_at, items, kept }))
}

/// Finishes the row, and returns what was known of its items and kept of its records. A list that
/// came record by record is remembered, to tell its records from others when they come again.
fn finish(row: &mut Row, phase: Phase, at: Timestamp) -> (Items, Kept) {
    let (items, kept) = (std::mem::take(&mut row.items), std::mem::take(&mut row.kept));
    row.phase = phase;
    row.changed_at = row.changed_at.max(at);
    match row.awaits {
        Awaits::Growing(_) if phase != Phase::Cancelled => row.items = items.needs(),
        _ => row.awaits = Awaits::Items,
    }
    (row.missing, row.failed, row.ids) = (0, 0, Ids::default());
    row.deadlines = Deadlines::NONE;
    (items, kept)
}

fn cancel(rules: &Rules, row: &mut Row, at: Timestamp) -> Effect {
    if row.is_finished() {
        return unchanged(Outcome::LateCancellation);
    }
    let is_reported = rules.reports_cancelled && row.expected;
    let awaits = row.awaits;
    let (items, kept) = finish(row, Phase::Cancelled, at);
    let emitted = is_reported.then_some(Emitted::Cancelled { items, awaits, kept });
    changed(Outcome::Cancelled, emitted)
}

/// Fires the earliest deadline that is due; the next tick fires the one after it.
fn tick(rules: &Rules, row: &mut Row, at: Timestamp) -> Effect {
    if row.due(rules).is_none_or(|due| due > at) {
        return unchanged(Outcome::Nothing);
    }
    if row.is_finished() {
        *row = Row::default();
        return changed(Outcome::Forgotten, None);
    }
    if !row.expected {
        let Row { changed_at: since, items, awaits, kept, .. } = std::mem::take(row);
        let reason = OverdueReason::Orphan;
        let emitted = Emitted::Overdue { reason, since, items, awaits, kept };
        return changed(Outcome::Orphaned, Some(emitted));
    }
    let expires_first = match (row.overdue_at(rules), row.expires_at(rules)) {
        (Some(overdue), Some(expires)) => row.overdue || expires < overdue,
        (overdue, _) => overdue.is_none() || row.overdue,
    };
    let since = row.expected_at;
    if expires_first {
        let (reason, awaits) = (OverdueReason::Expired, row.awaits);
        let (items, kept) = finish(row, Phase::Cancelled, at);
        let emitted = Emitted::Overdue { reason, since, items, awaits, kept };
        return changed(Outcome::Expired, Some(emitted));
    }
    row.overdue = true;
    let (items, awaits, kept) = (row.items.clone(), row.awaits, row.kept.clone());
    let reason = OverdueReason::Overdue;
    let emitted = Emitted::Overdue { reason, since, items, awaits, kept };
    changed(Outcome::Overdue, Some(emitted))
}
