//! What a step did to its key, as data for whoever wants to show it. It costs more than the step,
//! so nothing of it happens unless the plan asks for it ([`crate::shard::Plan::on_step`]).

use std::sync::Arc;

use crate::matching::{
    Awaits, Effect, Emitted, Event, Expectation, Extent, ItemOutcome, Outcome, Row,
};

/// Receives the report of every step, before anything of it is committed.
pub type OnStep = Arc<dyn Fn(&StepReport<'_>) + Send + Sync>;

/// What a record or a deadline did to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepReport<'a> {
    pub key: &'a [u8],
    pub outcome: Outcome,
    /// Whether this step completed the key.
    pub completes: bool,
    /// How much of the expectation has arrived; `None` while the key is not expected.
    pub satisfied: Option<Satisfied>,
    /// The number of different items in the row after the step.
    pub items: usize,
}

/// How many items arrived as often as they are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Satisfied {
    pub items: usize,
    /// The number of expected items.
    pub of: usize,
}

impl Satisfied {
    /// Returns what an event leads to. It is counted in advance, because the row of a
    /// completed key has no items any more.
    pub(in crate::shard) fn after(row: &Row, event: &Event<'_>) -> Option<Self> {
        let mut row = row.clone();
        match event {
            Event::Expectation(Expectation { extent: Extent::Count(count), .. }) => {
                (row.awaits, row.expected) = (Awaits::Count(*count), true);
            }
            Event::Expectation(Expectation { items, extent: Extent::Part(_), .. }) => {
                for item in items.iter() {
                    row.items.set(item.text, item.need, row.items.get(item.text).have);
                }
                (row.awaits, row.expected) = (Awaits::Items, true);
            }
            Event::Expectation(Expectation { items, .. }) => {
                let merged =
                    items.iter().map(|item| (item.text, item.need, row.items.get(item.text).have));
                row.items = merged.collect();
                (row.awaits, row.expected) = (Awaits::Items, true);
            }
            Event::Observation { item, quantity, outcome, .. } => {
                let known = row.items.get(item);
                let have = match outcome {
                    ItemOutcome::Arrived => known.have.saturating_add(*quantity),
                    ItemOutcome::Failed | ItemOutcome::Withdrawn => 0,
                };
                row.items.set(item, known.need, have);
            }
            Event::Cancellation | Event::Tick => {}
        }
        if let Awaits::Count(count) = row.awaits {
            let (missing, _) = row.awaits.open_in(&row.items);
            let of = count as usize;
            return row.expected.then(|| Self { items: of - missing as usize, of });
        }
        let needed = || row.items.iter().filter(|item| item.need > 0);
        let items = needed().filter(|item| item.have >= item.need).count();
        row.expected.then(|| Self { items, of: needed().count() })
    }
}

impl<'a> StepReport<'a> {
    /// Returns the report of a step with this effect, after which the key has `row`.
    pub(in crate::shard) fn new(
        key: &'a [u8],
        satisfied: Option<Satisfied>,
        effect: &Effect,
        row: &Row,
    ) -> Self {
        Self {
            key,
            outcome: effect.outcome,
            completes: matches!(effect.emitted, Some(Emitted::Completion { .. })),
            satisfied,
            items: row.items.iter().count(),
        }
    }
}
