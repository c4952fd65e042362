//! Named invariants of rows and steps.
//!
//! Promise: one catalogue for assertions, property tests and the simulator. Ban: nothing here
//! decides anything; [`super::step`] does.

use std::collections::BTreeSet;

use super::{Awaits, Deadlines, Emitted, Growing, Item, Mark, OverdueReason, Phase, Row, Step};

pub const ABSENT_ROW_IS_EMPTY: &str = "an absent row holds nothing";
pub const FINISHED_ROW_HOLDS_NO_ITEMS: &str =
    "a finished row misses nothing, and holds no items but those of a list to be recognized";
pub const FINISHED_ROW_KEEPS_NOTHING: &str = "a finished row keeps nothing of its records";
pub const UNEXPECTED_ROW_KEEPS_NO_EXPECTATION: &str =
    "a row without expectation keeps nothing of one";
pub const KEPT_ITEM_IS_KNOWN: &str =
    "an item of which something is kept has arrived or failed, and keeps it once";
pub const DECIDED_ROW_WAS_EXPECTED: &str = "a completed or failed row had an expectation";
pub const EXPECTED_ROW_WAITS_FOR_SOMETHING: &str =
    "an open row with an expectation misses something, or something has failed";
pub const COUNTS_EQUAL_RECOUNT: &str = "what is missing and what failed equal a recount";
pub const FAILED_ITEM_IS_NOT_THERE: &str = "an item that failed has not arrived";
pub const WITHDRAWN_ITEM_IS_NOTHING_ELSE: &str =
    "an item that is marked as withdrawn is neither needed nor there";
pub const UNEXPECTED_ROW_NEEDS_NOTHING: &str =
    "a row without expectation needs nothing and was never reported";
pub const ORPHAN_ROW_OBSERVED_SOMETHING: &str =
    "an open row without expectation observed something";
pub const ITEM_IS_NEEDED_OR_KNOWN: &str = "an item of a row is needed, or something is known of it";
pub const COUNTED_ROW_NEEDS_NO_ITEM: &str = "a row that waits for a count needs no item";
pub const LIST_ADDS_UP: &str = "a list has as many items as it says, with those to come";
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
        let remembers = row.phase != Phase::Cancelled && matches!(row.awaits, Awaits::Growing(_));
        let nothing = (row.missing, row.failed, row.deadlines) == (0, 0, Deadlines::NONE)
            && row.ids.is_empty();
        let forgets = row.awaits == Awaits::Items && row.items.is_empty();
        let empty = nothing && (remembers || forgets);
        holds(empty, FINISHED_ROW_HOLDS_NO_ITEMS)?;
        holds(row.kept.is_nothing(), FINISHED_ROW_KEEPS_NOTHING)?;
        holds(row.phase == Phase::Cancelled || row.expected, DECIDED_ROW_WAS_EXPECTED)?;
    }
    if !row.expected {
        let counts = row.missing + row.failed;
        let nothing = row.expected_at == 0
            && counts == 0
            && row.fingerprint == 0
            && row.awaits == Awaits::Items
            && row.deadlines == Deadlines::NONE;
        holds(nothing && !row.overdue, UNEXPECTED_ROW_NEEDS_NOTHING)?;
        holds(row.kept.expected().is_empty(), UNEXPECTED_ROW_KEEPS_NO_EXPECTATION)?;
    }
    if row.phase == Phase::Open {
        let waits = row.missing > 0 || row.failed > 0 || !row.awaits.is_closed();
        holds(!row.expected || waits, EXPECTED_ROW_WAITS_FOR_SOMETHING)?;
        holds(row.expected || !row.items.is_empty(), ORPHAN_ROW_OBSERVED_SOMETHING)?;
    }
    Ok(())
}

fn check_items(row: &Row) -> Result<(), &'static str> {
    let holds = |statement: bool, name| if statement { Ok(()) } else { Err(name) };
    let needed = row.items.iter().any(|item| item.need > 0);
    holds(row.expected || !needed, UNEXPECTED_ROW_NEEDS_NOTHING)?;
    if row.phase == Phase::Open {
        holds(!(needed && row.awaits.any_item()), COUNTED_ROW_NEEDS_NO_ITEM)?;
        let recount = row.awaits.open_in(&row.items);
        holds((row.missing, row.failed) == recount, COUNTS_EQUAL_RECOUNT)?;
    }
    if let Awaits::Growing(Growing { total, to_come }) = row.awaits {
        let listed = row.items.iter().filter(|item| item.need > 0).count() as u64;
        let adds_up = listed + u64::from(to_come) == u64::from(total);
        holds(adds_up || (total == 0 && to_come <= 1), LIST_ADDS_UP)?;
    }
    let remembered = |item: Item<'_>| (item.have, item.mark) == (0, Mark::None) && item.need > 0;
    holds(!row.is_finished() || row.items.iter().all(remembered), FINISHED_ROW_HOLDS_NO_ITEMS)?;
    for item in row.items.iter() {
        let nothing = item.need == 0 && item.have == 0;
        match item.mark {
            Mark::None => holds(!nothing, ITEM_IS_NEEDED_OR_KNOWN)?,
            Mark::Failed => holds(item.have == 0, FAILED_ITEM_IS_NOT_THERE)?,
            Mark::Withdrawn => holds(nothing, WITHDRAWN_ITEM_IS_NOTHING_ELSE)?,
        }
    }
    let mut texts: Vec<&str> = row.items.iter().map(|item| item.text).collect();
    texts.sort_unstable();
    holds(texts.windows(2).all(|pair| pair[0] != pair[1]), ITEMS_ARE_DISTINCT)?;
    if row.kept.is_nothing() {
        return Ok(());
    }
    let known = row.items.iter().filter(Item::is_known).map(|item| item.text);
    let known: BTreeSet<&str> = known.collect();
    let mut seen = BTreeSet::new();
    let is_known = |item| known.contains(item) && seen.insert(item);
    holds(row.kept.items().map(|(item, _)| item).all(is_known), KEPT_ITEM_IS_KNOWN)
}

pub const DEAD_LETTER_LEAVES_THE_ROW: &str = "a dead letter leaves the row as it was";
pub const UNCHANGED_ROW_IS_THE_SAME: &str = "a row that is not marked changed is the same";
pub const COMPLETION_COMES_WITH_THE_PHASE: &str =
    "a completion is emitted exactly when an open or unknown key becomes completed";
pub const FAILURE_COMES_WITH_THE_PHASE: &str =
    "a failed record is emitted exactly when an open or unknown key becomes failed";
pub const CANCELLED_RECORD_COMES_WITH_THE_PHASE: &str =
    "a cancelled record is emitted only when an open key with an expectation becomes cancelled";
pub const A_DECISION_IS_FINAL: &str =
    "a completed or failed key stays what it is until it is forgotten";
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
    let becomes = |phase| step.row.phase == phase && before.phase != phase;
    let completion = matches!(step.emitted, Some(Emitted::Completion { .. }));
    holds(becomes(Phase::Completed) == completion, COMPLETION_COMES_WITH_THE_PHASE)?;
    let failure = matches!(step.emitted, Some(Emitted::Failed { .. }));
    holds(becomes(Phase::Failed) == failure, FAILURE_COMES_WITH_THE_PHASE)?;
    let cancelled = matches!(step.emitted, Some(Emitted::Cancelled { .. }));
    let was_open = before.phase == Phase::Open && before.expected;
    let cancels = becomes(Phase::Cancelled) && was_open;
    holds(!cancelled || cancels, CANCELLED_RECORD_COMES_WITH_THE_PHASE)?;
    let was_decided = matches!(before.phase, Phase::Completed | Phase::Failed);
    let stays = [before.phase, Phase::Absent].contains(&step.row.phase);
    holds(!was_decided || stays, A_DECISION_IS_FINAL)?;
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
