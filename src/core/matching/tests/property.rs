//! Compares the core with the model over random sequences of events for a key.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::model::{
    Answer, Completion, Counts, Failure, Keeps, Known, Model, Needs, Report, Said, State,
};
use crate::{
    codec::row,
    matching::{
        Awaits, Counting, Deadlines, Emitted, Event, Expectation, Extent, FailedWhen, ItemOutcome,
        Items, Kept, Outcome, Part, Phase, Row, Rules, Step, invariants, step_keeping,
    },
    record::Timestamp,
};

/// Few items and a short time span, so that events interact.
const TIME_MAX: Timestamp = 60;

fn any_rules() -> impl Strategy<Value = Rules> {
    let after = || option::of(0..TIME_MAX / 2);
    let counting = prop_oneof![Just(Counting::Distinct), Just(Counting::Quantity)];
    let failed =
        prop_oneof![Just(None), Just(Some(FailedWhen::First)), Just(Some(FailedWhen::AllKnown)),];
    let reports = (failed, any::<bool>());
    (counting, any::<bool>(), reports, (after(), after(), after()), 0..TIME_MAX).prop_map(
        |(counting, allow_empty, reports, (overdue, orphans, expire), memory_ms)| Rules {
            counting,
            allow_empty,
            failed: reports.0,
            reports_cancelled: reports.1,
            overdue_after_ms: overdue,
            orphans_after_ms: orphans,
            expire_after_ms: expire,
            memory_ms,
            row_bytes_max: 1000,
            list_bytes_max: None,
        },
    )
}

/// With quantities, validation refuses outcomes.
fn any_outcome(counting: Counting) -> BoxedStrategy<ItemOutcome> {
    let arrived = Just(ItemOutcome::Arrived);
    match counting {
        Counting::Quantity => arrived.boxed(),
        Counting::Distinct => {
            let others = [ItemOutcome::Failed, ItemOutcome::Withdrawn];
            prop_oneof![3 => arrived, 2 => proptest::sample::select(others.to_vec())].boxed()
        }
    }
}

/// Without quantities, validation refuses ids.
fn any_id(counting: Counting) -> BoxedStrategy<Option<String>> {
    match counting {
        Counting::Distinct => Just(None).boxed(),
        Counting::Quantity => option::of("[a-e]").boxed(),
    }
}

/// What the expectations of a life say: either kinds that replace each other, or one list.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Whole,
    Total,
    Last,
}

fn any_needs(kind: Kind, most: u32) -> BoxedStrategy<Needs> {
    let line = |part: BoxedStrategy<Part>| {
        ("[1-4]", 1..=most, part).prop_map(|(item, need, part)| Needs::Line(item, need, part))
    };
    match kind {
        Kind::Whole => prop_oneof![
            3 => btree_map("[1-4]", 1..=most, 0..4).prop_map(Needs::List),
            2 => (0_u32..5).prop_map(Needs::Count),
        ]
        .boxed(),
        Kind::Total => line((1_u32..5).prop_map(Part::Of).boxed()).boxed(),
        Kind::Last => {
            line(prop_oneof![3 => Just(Part::More), 1 => Just(Part::Last)].boxed()).boxed()
        }
    }
}

fn any_said(counting: Counting, kind: Kind) -> impl Strategy<Value = (Said, Timestamp)> {
    let most = if counting == Counting::Distinct { 1_u32 } else { 3 };
    let item = "[1-4]";
    let said = prop_oneof![
        5 => any_needs(kind, most).prop_map(Said::Expected),
        6 => (item, 1_u32..4, any_outcome(counting), any_id(counting)).prop_map(
            |(item, quantity, outcome, id)| Said::Observed(item, quantity, outcome, id)
        ),
        1 => Just(Said::Cancelled),
        3 => Just(Said::Time),
    ];
    (said, 0..TIME_MAX)
}

fn any_life() -> impl Strategy<Value = (Rules, Vec<(Said, Timestamp)>)> {
    let kind = prop_oneof![Just(Kind::Whole), Just(Kind::Total), Just(Kind::Last)];
    (any_rules(), kind).prop_flat_map(|(rules, kind)| {
        let life = vec(any_said(rules.counting, kind), 0..40);
        (Just(rules), life)
    })
}

/// Returns what is kept of a record: one time in four nothing, otherwise one of a few values. With
/// quantities, validation refuses that anything is kept of observations.
fn kept(rules: &Rules, said: &Said, at: Timestamp) -> String {
    let keeps = match said {
        Said::Expected(Needs::List(_) | Needs::Count(_)) => true,
        // Validation refuses it.
        Said::Expected(Needs::Line(..)) => false,
        Said::Observed(..) => rules.counting == Counting::Distinct,
        Said::Cancelled | Said::Time => false,
    };
    if keeps && at % 4 > 0 { format!("\"a\":{}", at % 7) } else { String::new() }
}

/// Returns the deadlines that an expectation names: in one of three cases none.
fn deadlines(said: &Said, at: Timestamp) -> Deadlines {
    let (overdue, expire) = match (said, at % 6) {
        (Said::Expected(_), 2) => (Some(at / 2), None),
        (Said::Expected(_), 3) => (Some(at + 30), None),
        (Said::Expected(_), 4) => (None, Some(at + 60)),
        (Said::Expected(_), 5) => (Some(at + 50), Some(at + 20)),
        _ => (None, None),
    };
    Deadlines { overdue, expire }
}

fn hear(rules: &Rules, row: Row, said: &Said, at: Timestamp) -> Step {
    let deadlines = deadlines(said, at);
    let kept = kept(rules, said, at);
    let step = |rules, row, event, at| step_keeping(rules, row, (event, &kept), at);
    match said {
        Said::Expected(Needs::Count(count)) => {
            let (items, extent) = (&Items::default(), Extent::Count(*count));
            step(rules, row, Event::Expectation(Expectation { items, extent, deadlines }), at)
        }
        Said::Expected(Needs::Line(item, need, part)) => {
            let items: Items = [(item.as_str(), *need, 0)].into_iter().collect();
            let extent = Extent::Part(*part);
            let expectation = Expectation { items: &items, extent, deadlines };
            step(rules, row, Event::Expectation(expectation), at)
        }
        Said::Expected(Needs::List(needs)) => {
            let items: Items = needs.iter().map(|(text, need)| (text.as_str(), *need, 0)).collect();
            step(
                rules,
                row,
                Event::Expectation(Expectation { deadlines, ..Expectation::of(&items) }),
                at,
            )
        }
        Said::Cancelled => step(rules, row, Event::Cancellation, at),
        Said::Observed(item, quantity, outcome, id) => {
            let (quantity, outcome, id) = (*quantity, *outcome, id.as_deref());
            step(rules, row, Event::Observation { item, quantity, outcome, id }, at)
        }
        Said::Time => step(rules, row, Event::Tick, at),
    }
}

fn counts(items: &Items, count: impl Fn(crate::matching::Item<'_>) -> u32) -> Counts {
    let counted = items.iter().map(|item| (item.text.to_owned(), count(item)));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn answer(step: &Step) -> Answer {
    let outcome = step.outcome.name();
    let mut answer =
        Answer { outcome, completion: None, failure: None, cancelled: None, report: None };
    match &step.emitted {
        None => {}
        Some(Emitted::Completion { late, expected_at, items, kept }) => {
            let (late, expected_at, kept) = (*late, *expected_at, keeps(kept));
            let list = items.iter().filter(|item| item.need > 0);
            let list = list.map(|item| item.text.to_owned()).collect();
            answer.completion = Some(Completion { late, expected_at, list, kept });
        }
        Some(Emitted::Failed { late, items, awaits, kept }) => {
            let known = known(items, *awaits, kept);
            answer.failure = Some(Failure { late: *late, known });
        }
        Some(Emitted::Cancelled { items, awaits, kept }) => {
            answer.cancelled = Some(known(items, *awaits, kept));
        }
        Some(Emitted::Overdue { reason, since, items, awaits, kept }) => {
            let known = known(items, *awaits, kept);
            answer.report = Some(Report { reason: *reason, since: *since, known });
        }
    }
    answer
}

fn keeps(kept: &Kept) -> Keeps {
    let text = |(item, members): (&str, &str)| (item.to_owned(), members.to_owned());
    Keeps { expected: kept.expected().to_owned(), items: kept.items().map(text).collect() }
}

fn known(items: &Items, awaits: Awaits, kept: &Kept) -> Known {
    let known = items.iter().map(|item| item.have + u32::from(item.has_failed())).sum();
    Known {
        left: match awaits {
            Awaits::Count(count) => Some(count.saturating_sub(known)),
            Awaits::Items | Awaits::Growing(_) => None,
        },
        missing: counts(items, |item| item.missing()),
        observed: counts(items, |item| item.have),
        failed: counts(items, |item| u32::from(item.has_failed())),
        kept: keeps(kept),
    }
}

fn same_state(row: &Row, model: &Model) -> Result<(), TestCaseError> {
    let state = match row.phase {
        Phase::Absent => State::NoRow,
        Phase::Open => State::Open,
        Phase::Completed => State::Completed,
        Phase::Cancelled => State::Cancelled,
        Phase::Failed => State::Failed,
    };
    prop_assert_eq!(state, model.state());
    if row.phase != Phase::Absent {
        prop_assert_eq!(row.changed_at, model.changed_at());
    }
    if row.phase == Phase::Open {
        let known = known(&row.items, row.awaits, &row.kept);
        prop_assert_eq!(known.observed, model.observations());
        prop_assert_eq!(known.missing, model.missing());
        prop_assert_eq!(known.failed, model.failures());
        prop_assert_eq!(known.left, model.left());
        prop_assert_eq!(known.kept, model.kept());
        prop_assert_eq!(row.expected.then_some(row.expected_at), model.expected_at());
        prop_assert_eq!(row.overdue, model.was_reported());
        prop_assert_eq!(row.awaits.is_closed(), model.is_closed());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_core_answers_as_the_model_does((rules, life) in any_life()) {
        let (mut row, mut model) = (Row::default(), Model::default());
        // Its items are in the order in which they were first heard of.
        let comes_by_lines =
            life.iter().any(|(said, _)| matches!(said, Said::Expected(Needs::Line(..))));
        for (said, at) in &life {
            let step = hear(&rules, row.clone(), said, *at);
            prop_assert_eq!(invariants::check_step(&row, &step), Ok(()));
            let kept = kept(&rules, said, *at);
            let of_model = model.hear(&rules, (said, &kept, deadlines(said, *at)), *at);
            let mut answer = answer(&step);
            if let Some(completion) = answer.completion.as_mut().filter(|_| comes_by_lines) {
                completion.list.sort();
            }
            prop_assert_eq!(answer, of_model, "{:?} at {}", said, at);
            same_state(&step.row, &model)?;
            row = step.row;
        }
    }

    #[test]
    fn a_key_is_completed_or_failed_once_until_it_is_forgotten((rules, life) in any_life()) {
        let (mut row, mut decisions) = (Row::default(), 0);
        for (said, at) in &life {
            let step = hear(&rules, row.clone(), said, *at);
            let decides =
                matches!(step.emitted, Some(Emitted::Completion { .. } | Emitted::Failed { .. }));
            decisions += u32::from(decides);
            prop_assert!(decisions <= 1, "{:?} at {}", said, at);
            if step.outcome == Outcome::Forgotten {
                decisions = 0;
            }
            row = step.row;
        }
    }

    #[test]
    fn a_row_that_is_written_and_read_between_any_two_events_decides_the_same(
        (rules, life) in any_life(),
    ) {
        let mut row = Row::default();
        for (said, at) in &life {
            row = hear(&rules, row, said, *at).row;
            if row.phase != Phase::Absent {
                let mut bytes = Vec::new();
                row::encode(&row, &mut bytes);
                let read = row::decode(&bytes);
                prop_assert_eq!(read.as_ref(), Ok(&row));
                prop_assert_eq!(row::is_finished(&bytes), row.is_finished());
            }
        }
    }

    #[test]
    fn a_deadline_fires_at_its_time_and_not_before((rules, life) in any_life()) {
        let mut row = Row::default();
        for (said, at) in &life {
            row = hear(&rules, row, said, *at).row;
            let Some(due) = row.due(&rules) else {
                let tick = hear(&rules, row.clone(), &Said::Time, Timestamp::MAX);
                prop_assert_eq!(tick.outcome, Outcome::Nothing);
                continue;
            };
            let early = hear(&rules, row.clone(), &Said::Time, due - 1);
            prop_assert_eq!((early.outcome, early.changed), (Outcome::Nothing, false));
            let fired = hear(&rules, row.clone(), &Said::Time, due);
            prop_assert_ne!(fired.outcome, Outcome::Nothing);
            prop_assert!(fired.changed);
        }
    }

    #[test]
    fn ticks_alone_end_every_row_that_has_a_deadline_left((rules, life) in any_life()) {
        let mut row = Row::default();
        for (said, at) in &life {
            row = hear(&rules, row, said, *at).row;
        }
        // Overdue, expired, forgotten: no row has more deadlines left.
        for _ in 0..3 {
            if let Some(due) = row.due(&rules) {
                row = hear(&rules, row, &Said::Time, due).row;
            }
        }
        prop_assert_eq!(row.due(&rules), None);
        prop_assert!(matches!(row.phase, Phase::Absent | Phase::Open));
    }

    #[test]
    fn a_small_row_stays_small_and_takes_what_it_waits_for(
        (rules, life) in any_life(),
        row_bytes_max in 3_usize..40,
    ) {
        let rules = Rules { row_bytes_max, ..rules };
        let mut row = Row::default();
        for (said, at) in &life {
            let step = hear(&rules, row.clone(), said, *at);
            prop_assert_eq!(invariants::check_step(&row, &step), Ok(()));
            let bytes = step.row.items.as_bytes().len() + step.row.ids.as_bytes().len();
            prop_assert!(bytes + step.row.kept.size() <= row_bytes_max);
            // What is to be kept of an item, and its id, may not fit.
            if let Said::Observed(item, _, _, None) = said && kept(&rules, said, *at).is_empty() {
                let waits = row.items.get(item).need > 0;
                prop_assert!(!waits || step.outcome != Outcome::RowTooLarge);
            }
            row = step.row;
        }
    }
}
