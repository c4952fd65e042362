//! Lists that come record by record, one item each (S26).

use super::step::{changed_expectation, settle, unchanged};
use super::{
    Awaits, Deadlines, Effect, Growing, Item, Items, Mark, Outcome, Part, Phase, Row, Rules,
};
use crate::record::Timestamp;

impl Part {
    fn total(self) -> u32 {
        match self {
            Self::Of(total) => total,
            Self::More | Self::Last => 0,
        }
    }
}

/// Returns the effect of a record that lists `text`, of which the key needs `need`.
pub(super) fn list(
    rules: &Rules,
    row: &mut Row,
    (text, need): (&str, u32),
    (part, deadlines): (Part, Deadlines),
    at: Timestamp,
) -> Effect {
    let listed = match row.awaits {
        Awaits::Growing(list) if row.expected => Some((list, row.items.get(text).need)),
        _ => None,
    };
    if let Some(outcome) = refusal(row.phase, listed, need, part) {
        return unchanged(outcome);
    }
    let is_again = row.phase == Phase::Cancelled;
    let reserved = if is_again { 0 } else { row.reserved_bytes(rules.counting) };
    let is_new = is_again || row.items.slot(text).is_new();
    let more = if is_new { Items::reserved_bytes_of(text, rules.counting) } else { 0 };
    if reserved + more > rules.row_bytes_max {
        return unchanged(Outcome::RowTooLarge);
    }
    let outcome = match listed {
        _ if is_again => Outcome::Reopened,
        Some((_, 0)) => Outcome::Listed,
        Some(_) => Outcome::Amended,
        None => changed_expectation(row),
    };
    if is_again {
        *row = Row::default();
    } else if listed.is_none() {
        // What another kind of expectation needed, if there was one, is needed no more.
        row.items = Items::default().with_observed(&row.items);
        (row.missing, row.failed) = (0, 0);
        row.kept.set_expected("");
    }
    row.awaits = Awaits::Growing(grown(&row.items, listed, part));
    let slot = row.items.slot(text);
    let known = slot.item(text);
    // An expected item that was withdrawn is simply missing.
    let mark = if known.mark == Mark::Withdrawn { Mark::None } else { known.mark };
    let item = Item { need, mark, ..known };
    row.items.put(slot, item);
    row.heard(known, item);
    row.expected_at = if row.expected { row.expected_at } else { at };
    row.set_deadlines(deadlines);
    row.changed_at = if is_again { at } else { row.changed_at.max(at) };
    (row.phase, row.expected, row.fingerprint) = (Phase::Open, true, 0);
    settle(rules, row, outcome, at)
}

/// Returns why a record adds nothing to what was `listed` so far: the list, and how often it needs
/// the item.
fn refusal(phase: Phase, listed: Option<(Growing, u32)>, need: u32, part: Part) -> Option<Outcome> {
    let total = part.total();
    let repeats = listed.is_some_and(|(list, listed)| listed == need && total <= list.total);
    match (phase, listed) {
        (Phase::Completed | Phase::Failed, _) if repeats => Some(Outcome::DuplicateExpectation),
        (Phase::Completed, _) => Some(Outcome::AlreadyCompleted),
        // It failed before all of its list was there.
        (Phase::Failed, Some((list, 0))) if list.to_come > 0 && total <= list.total => {
            Some(Outcome::LateExpectation)
        }
        (Phase::Failed, _) => Some(Outcome::AlreadyFailed),
        (Phase::Open, Some((list, _))) if repeats && (part != Part::Last || list.to_come == 0) => {
            Some(Outcome::DuplicateExpectation)
        }
        (Phase::Open, Some((list, listed))) if total > 0 => {
            let is_full = listed == 0 && total == list.total && list.to_come == 0;
            (total < list.total)
                .then_some(Outcome::TotalShrinks)
                .or(is_full.then_some(Outcome::BeyondTotal))
        }
        _ => None,
    }
}

/// Returns what becomes of the list by another record; `items` do not have it yet.
fn grown(items: &Items, listed: Option<(Growing, u32)>, part: Part) -> Growing {
    let known = listed.filter(|(list, _)| list.total > 0);
    let is_new = u32::from(listed.is_none_or(|(_, need)| need == 0));
    match (part, known) {
        (Part::Of(total), Some((list, _))) => {
            let to_come = (list.to_come + (total - list.total)).saturating_sub(is_new);
            Growing { total, to_come }
        }
        (Part::Of(total), None) => {
            let listed = items.iter().filter(|item| item.need > 0).count();
            let listed = u32::try_from(listed).unwrap_or(u32::MAX) + is_new;
            Growing { total: total.max(listed), to_come: total.saturating_sub(listed) }
        }
        (Part::Last, _) => Growing { total: 0, to_come: 0 },
        (Part::More, _) => {
            let is_closed = listed.is_some_and(|(list, _)| list.to_come == 0);
            Growing { total: 0, to_come: u32::from(!is_closed) }
        }
    }
}
