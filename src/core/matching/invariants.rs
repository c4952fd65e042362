//! Named invariants of rows and steps.
//!
//! Promise: one catalogue for assertions, property tests and the simulator. Ban: nothing here
//! decides anything; [`super::step`] does.

use super::{Emitted, OverdueReason, Phase, Row, Step};

pub const ABSENT_ROW_IS_EMPTY: &str = "an absent row holds nothing";
pub const FINISHED_ROW_HOLDS_NO_ITEMS: &str = "a finished row holds no items and misses none";
pub const COMPLETED_ROW_WAS_EXPECTED: &str = "a completed row had an expectation";
pub const EXPECTED_ROW_MISSES_SOMETHING: &str = "an open row with an expectation misses something";
pub const MISSING_EQUALS_RECOUNT: &str = "missing equals a recount of the items";
pub const UNEXPECTED_ROW_NEEDS_NOTHING: &str =
    "a row without expectation needs nothing and was never reported";
pub const ORPHAN_ROW_OBSERVED_SOMETHING: &str =
    "an open row without expectation observed something";
pub const ITEM_IS_NEEDED_OR_THERE: &str = "an item of a row is needed or there";
pub const ITEMS_ARE_DISTINCT: &str = "each item is in a row once";

/// Checks the invariants of a single row.
///
/// # Errors
/// The name of the first invariant that does not hold.
pub fn check(row: &Row) -> Result<(), &'static str> {
    check_outline(row)?;
    check_items(row)
}

/// Checks the invariants of a row that do not need a look at each of its items.
///
/// # Errors
/// The name of the first invariant that does not hold.
pub fn check_outline(row: &Row) -> Result<(), &'static str> {
    let holds = |statement: bool, name| if statement { Ok(()) } else { Err(name) };
    if row.phase == Phase::Absent {
        return holds(*row == Row::default(), ABSENT_ROW_IS_EMPTY);
    }
    if row.is_finished() {
        let empty = row.items.is_empty() && row.missing == 0;
        holds(empty, FINISHED_ROW_HOLDS_NO_ITEMS)?;
        holds(row.phase != Phase::Completed || row.expected, COMPLETED_ROW_WAS_EXPECTED)?;
    }
    if !row.expected {
        let nothing = row.expected_at == 0 && row.missing == 0 && row.fingerprint == 0;
        holds(nothing && !row.overdue, UNEXPECTED_ROW_NEEDS_NOTHING)?;
    }
    if row.phase == Phase::Open {
        holds(!row.expected || row.missing > 0, EXPECTED_ROW_MISSES_SOMETHING)?;
        holds(row.expected || !row.items.is_empty(), ORPHAN_ROW_OBSERVED_SOMETHING)?;
    }
    Ok(())
}

fn check_items(row: &Row) -> Result<(), &'static str> {
    let holds = |statement: bool, name| if statement { Ok(()) } else { Err(name) };
    let needed = row.items.iter().any(|item| item.need > 0);
    holds(row.expected || !needed, UNEXPECTED_ROW_NEEDS_NOTHING)?;
    if row.phase == Phase::Open {
        let recount = row.items.iter().filter(|item| item.missing() > 0).count();
        holds(usize::try_from(row.missing) == Ok(recount), MISSING_EQUALS_RECOUNT)?;
    }
    let neither = |item: super::Item<'_>| item.need == 0 && item.have == 0;
    holds(!row.items.iter().any(neither), ITEM_IS_NEEDED_OR_THERE)?;
    let mut texts: Vec<&str> = row.items.iter().map(|item| item.text).collect();
    texts.sort_unstable();
    holds(texts.windows(2).all(|pair| pair[0] != pair[1]), ITEMS_ARE_DISTINCT)
}

pub const DEAD_LETTER_LEAVES_THE_ROW: &str = "a dead letter leaves the row as it was";
pub const UNCHANGED_ROW_IS_THE_SAME: &str = "a row that is not marked changed is the same";
pub const COMPLETION_COMES_WITH_THE_PHASE: &str =
    "a completion is emitted exactly when an open or unknown key becomes completed";
pub const REPORT_COMES_WITH_ITS_STATE: &str =
    "an overdue record is emitted with the state that keeps it from being emitted again";

/// Checks the invariants of a step from `before`.
///
/// # Errors
/// The name of the first invariant that does not hold.
pub fn check_step(before: &Row, step: &Step) -> Result<(), &'static str> {
    let holds = |statement: bool, name| if statement { Ok(()) } else { Err(name) };
    check(&step.row)?;
    let dead_letter_is_inert =
        !step.outcome.is_dead_letter() || (!step.changed && step.emitted.is_none());
    holds(dead_letter_is_inert, DEAD_LETTER_LEAVES_THE_ROW)?;
    holds(step.changed || step.row == *before, UNCHANGED_ROW_IS_THE_SAME)?;
    let completes = step.row.phase == Phase::Completed && before.phase != Phase::Completed;
    let emits = matches!(step.emitted, Some(Emitted::Completion { .. }));
    holds(completes == emits, COMPLETION_COMES_WITH_THE_PHASE)?;
    let settled = match &step.emitted {
        Some(Emitted::Overdue { reason, .. }) => match reason {
            OverdueReason::Overdue => step.row.overdue && !before.overdue,
            OverdueReason::Orphan => step.row.phase == Phase::Absent,
            OverdueReason::Expired => step.row.phase == Phase::Cancelled,
        },
        _ => true,
    };
    holds(settled, REPORT_COMES_WITH_ITS_STATE)
}
