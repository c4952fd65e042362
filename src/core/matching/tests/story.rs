//! Runs a key through a sequence of events and checks every invariant after each.

use crate::{
    matching::{
        Counting, Deadlines, Emitted, Event, Expectation, Extent, ItemOutcome, Items, Kept,
        Outcome, OverdueReason, Phase, Row, Rules, Step, invariants, step_keeping,
    },
    record::Timestamp,
};

pub const OVERDUE_AFTER: Timestamp = 100;
pub const ORPHANS_AFTER: Timestamp = 200;
pub const EXPIRE_AFTER: Timestamp = 500;
pub const MEMORY: Timestamp = 1000;

/// Rules with every deadline enabled.
pub fn rules() -> Rules {
    Rules {
        counting: Counting::Distinct,
        allow_empty: false,
        failed: None,
        reports_cancelled: false,
        overdue_after_ms: Some(OVERDUE_AFTER),
        orphans_after_ms: Some(ORPHANS_AFTER),
        expire_after_ms: Some(EXPIRE_AFTER),
        memory_ms: MEMORY,
        row_bytes_max: 1000,
        list_bytes_max: None,
    }
}

/// Needs of one each.
pub fn needs(items: &[&str]) -> Items {
    items.iter().map(|text| (*text, 1, 0)).collect()
}

/// The completion, in time, of a key that keeps nothing, with these items, one each.
pub fn completion(expected_at: Timestamp, items: &[&str]) -> Emitted {
    let items = items.iter().map(|text| (*text, 1, 1)).collect();
    Emitted::Completion { late: false, expected_at, items, kept: Kept::NOTHING }
}

pub struct Story {
    pub rules: Rules,
    pub row: Row,
    pub now: Timestamp,
    pub emitted: Vec<Emitted>,
}

impl Story {
    pub fn new() -> Self {
        Self::with(rules())
    }

    pub fn counting_quantity() -> Self {
        Self::with(Rules { counting: Counting::Quantity, ..rules() })
    }

    pub fn with(rules: Rules) -> Self {
        Self { rules, row: Row::default(), now: 10, emitted: Vec::new() }
    }

    pub fn at(&mut self, now: Timestamp) -> &mut Self {
        self.now = now;
        self
    }

    pub fn event(&mut self, event: Event<'_>) -> Outcome {
        self.event_keeping(event, "")
    }

    pub fn event_keeping(&mut self, event: Event<'_>, kept: &str) -> Outcome {
        let Step { row, outcome, emitted, .. } = self.step(event, kept);
        self.row = row;
        self.emitted.extend(emitted);
        outcome
    }

    fn step(&self, event: Event<'_>, kept: &str) -> Step {
        let step = step_keeping(&self.rules, self.row.clone(), (event, kept), self.now);
        assert_eq!(invariants::check_step(&self.row, &step), Ok(()));
        step
    }

    pub fn expect(&mut self, items: &[&str]) -> Outcome {
        self.event(Event::Expectation(Expectation::of(&needs(items))))
    }

    /// Expects items by deadlines that the expectation names.
    pub fn expect_by(&mut self, items: &[&str], deadlines: Deadlines) -> Outcome {
        let items = needs(items);
        self.event(Event::Expectation(Expectation { deadlines, ..Expectation::of(&items) }))
    }

    pub fn expect_keeping(&mut self, items: &[&str], kept: &str) -> Outcome {
        self.event_keeping(Event::Expectation(Expectation::of(&needs(items))), kept)
    }

    pub fn expect_counts(&mut self, items: &[(&str, u32)]) -> Outcome {
        let items = items.iter().map(|(text, need)| (*text, *need, 0)).collect();
        self.event(Event::Expectation(Expectation::of(&items)))
    }

    /// Expects this many items, whichever.
    pub fn expect_count(&mut self, count: u32) -> Outcome {
        let (items, extent) = (&Items::default(), Extent::Count(count));
        self.event(Event::Expectation(Expectation { items, extent, deadlines: Deadlines::NONE }))
    }

    pub fn observe(&mut self, item: &str) -> Outcome {
        self.hear(item, ItemOutcome::Arrived)
    }

    pub fn observe_keeping(&mut self, item: &str, kept: &str) -> Outcome {
        let outcome = ItemOutcome::Arrived;
        self.event_keeping(Event::Observation { item, quantity: 1, outcome, id: None }, kept)
    }

    pub fn fail(&mut self, item: &str) -> Outcome {
        self.hear(item, ItemOutcome::Failed)
    }

    pub fn withdraw(&mut self, item: &str) -> Outcome {
        self.hear(item, ItemOutcome::Withdrawn)
    }

    fn hear(&mut self, item: &str, outcome: ItemOutcome) -> Outcome {
        self.event(Event::Observation { item, quantity: 1, outcome, id: None })
    }

    pub fn cancel(&mut self) -> Outcome {
        self.event(Event::Cancellation)
    }

    /// Advances shard time to `now`; the earliest deadline fires if one is due.
    pub fn tick(&mut self, now: Timestamp) -> Outcome {
        self.at(now).event(Event::Tick)
    }

    pub fn phase(&self) -> Phase {
        self.row.phase
    }

    pub fn completions(&self) -> usize {
        let completions = |emitted: &&Emitted| matches!(emitted, Emitted::Completion { .. });
        self.emitted.iter().filter(completions).count()
    }

    /// Returns the reasons of the overdue records so far, each with its missing items.
    pub fn reports(&self) -> Vec<(OverdueReason, Vec<(String, u32)>)> {
        let report = |emitted: &Emitted| match emitted {
            Emitted::Overdue { reason, items, .. } => {
                let missing = items.iter().filter(|item| item.missing() > 0);
                let missing = missing.map(|item| (item.text.to_owned(), item.missing()));
                Some((*reason, missing.collect()))
            }
            _ => None,
        };
        self.emitted.iter().filter_map(report).collect()
    }
}
