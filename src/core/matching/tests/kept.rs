//! What a row keeps of its records, and what its outputs carry of it.

use super::story::{ORPHANS_AFTER, OVERDUE_AFTER, Story, needs, rules};
use crate::matching::{
    Emitted, Event, Expectation, FailedWhen, ItemOutcome, Kept, Outcome, OverdueReason, Phase,
    Rules,
};

const CUSTOMER: &str = r#""customer":"c-7""#;

/// Returns what an emission carries of the expectation, and of `item`.
fn carried<'a>(emitted: &'a Emitted, item: &str) -> (&'a str, &'a str) {
    let (Emitted::Completion { kept, .. }
    | Emitted::Failed { kept, .. }
    | Emitted::Cancelled { kept, .. }
    | Emitted::Overdue { kept, .. }) = emitted;
    (kept.expected(), kept.of_item(item))
}

fn story() -> Story {
    let failed = Some(FailedWhen::AllKnown);
    Story::with(Rules { failed, reports_cancelled: true, ..rules() })
}

#[test]
fn a_completion_carries_what_its_records_keep_in_any_order() {
    for expected_first in [true, false] {
        let mut story = story();
        let expect = |story: &mut Story| story.expect_keeping(&["2", "1"], CUSTOMER);
        if expected_first {
            expect(&mut story);
        }
        story.observe_keeping("1", r#""at":1"#);
        story.observe_keeping("9", r#""at":9"#);
        if !expected_first {
            expect(&mut story);
        }
        story.observe_keeping("2", "");
        let Emitted::Completion { items, kept, .. } = &story.emitted[0] else {
            panic!("it is complete: {:?}", story.emitted);
        };
        let list = items.iter().filter(|item| item.need > 0).map(|item| item.text);
        assert_eq!(list.collect::<Vec<_>>(), ["2", "1"], "in the order of the expectation");
        assert_eq!((kept.expected(), kept.of_item("1")), (CUSTOMER, r#""at":1"#));
        assert_eq!(kept.of_item("2"), "");
        assert_eq!((story.phase(), &story.row.kept), (Phase::Completed, &Kept::NOTHING));
    }
}

#[test]
fn of_duplicate_observations_the_first_is_kept() {
    let mut story = story();
    story.observe_keeping("1", r#""at":1"#);
    assert_eq!(story.observe_keeping("1", r#""at":2"#), Outcome::DuplicateObservation);
    assert_eq!(story.row.kept.of_item("1"), r#""at":1"#);
}

#[test]
fn the_last_word_about_an_item_says_what_is_kept_of_it() {
    let mut story = story();
    story.expect(&["1", "2"]);
    let mut hear = |outcome, kept| {
        story.event_keeping(Event::Observation { item: "1", quantity: 1, outcome, id: None }, kept);
        story.row.kept.of_item("1").to_owned()
    };
    assert_eq!(hear(ItemOutcome::Arrived, "\"a\":1"), "\"a\":1");
    assert_eq!(hear(ItemOutcome::Failed, "\"a\":2"), "\"a\":2");
    assert_eq!(hear(ItemOutcome::Arrived, ""), "");
    assert_eq!(hear(ItemOutcome::Failed, "\"a\":3"), "\"a\":3");
    assert_eq!(hear(ItemOutcome::Withdrawn, "\"a\":4"), "");
    assert!(story.row.kept.is_nothing());
}

#[test]
fn an_amendment_replaces_what_the_expectation_keeps() {
    let mut story = story();
    story.observe_keeping("1", "\"at\":1");
    story.expect_keeping(&["1", "2"], CUSTOMER);
    assert_eq!(story.expect_keeping(&["2", "3"], "\"customer\":8"), Outcome::Amended);
    assert_eq!(story.row.kept.expected(), "\"customer\":8");
    assert_eq!(story.row.kept.of_item("1"), "\"at\":1", "a later amendment may expect it");
}

#[test]
fn a_value_that_is_kept_amends_an_open_key_and_not_a_finished_one() {
    let mut story = story();
    story.expect_keeping(&["1"], CUSTOMER);
    assert_eq!(story.expect_keeping(&["1"], CUSTOMER), Outcome::DuplicateExpectation);
    assert_eq!(story.at(20).expect_keeping(&["1"], "\"customer\":8"), Outcome::Amended);
    assert_eq!((story.row.expected_at, story.row.changed_at), (10, 20));
    assert_eq!(story.expect_keeping(&["1"], ""), Outcome::Amended);
    assert!(story.row.kept.is_nothing());
    story.observe("1");
    assert_eq!(story.expect_keeping(&["1"], CUSTOMER), Outcome::DuplicateExpectation);
    assert_eq!(story.expect_keeping(&["2"], CUSTOMER), Outcome::AlreadyCompleted);
    assert!(story.row.kept.is_nothing());
}

#[test]
fn every_report_about_a_key_carries_what_its_expectation_keeps() {
    let mut story = story();
    story.expect_keeping(&["1", "2"], CUSTOMER);
    story.tick(10 + OVERDUE_AFTER);
    assert_eq!(story.row.kept.expected(), CUSTOMER, "the key stays open");
    story.event_keeping(
        Event::Observation { item: "1", quantity: 1, outcome: ItemOutcome::Failed, id: None },
        "\"why\":1",
    );
    story.observe("2");
    assert_eq!(carried(&story.emitted[0], "1"), (CUSTOMER, ""));
    assert!(matches!(story.emitted[1], Emitted::Failed { .. }));
    assert_eq!(carried(&story.emitted[1], "1"), (CUSTOMER, "\"why\":1"));
    assert!(story.row.kept.is_nothing());
}

#[test]
fn a_cancelled_and_an_expired_key_drop_what_they_kept() {
    for cancels in [true, false] {
        let mut story = story();
        story.expect_keeping(&["1"], CUSTOMER);
        if cancels {
            story.cancel();
        } else {
            story.tick(1_000);
            story.tick(1_000);
        }
        let last = story.emitted.last().expect("it is reported");
        assert_eq!(carried(last, "1"), (CUSTOMER, ""));
        assert_eq!((story.phase(), &story.row.kept), (Phase::Cancelled, &Kept::NOTHING));
        story.expect_keeping(&["2"], "");
        assert!(story.row.kept.is_nothing(), "it begins again");
    }
}

#[test]
fn an_orphan_is_forgotten_with_what_it_kept() {
    let mut story = story();
    story.observe_keeping("1", "\"at\":1");
    story.tick(10 + ORPHANS_AFTER);
    let orphan = &story.emitted[0];
    assert!(matches!(orphan, Emitted::Overdue { reason: OverdueReason::Orphan, .. }));
    assert_eq!(carried(orphan, "1"), ("", "\"at\":1"));
    assert_eq!(story.phase(), Phase::Absent);
}

#[test]
fn what_is_kept_counts_towards_the_size_of_the_row() {
    let long = format!("\"a\":\"{}\"", "x".repeat(900));
    let longer = format!("\"a\":\"{}\"", "x".repeat(1_000));
    let mut story = Story::with(Rules { row_bytes_max: 1_000, ..rules() });
    assert_eq!(story.expect_keeping(&["1", "2", "3"], &longer), Outcome::RowTooLarge);
    assert_eq!(story.expect_keeping(&["1", "2", "3"], CUSTOMER), Outcome::Expected);
    assert_eq!(story.observe_keeping("1", &longer), Outcome::RowTooLarge);
    assert_eq!(story.observe_keeping("1", &long), Outcome::Observed);
    assert_eq!(story.observe_keeping("2", &long), Outcome::RowTooLarge);
    assert_eq!(story.row.missing, 2, "the row is unchanged");
    assert_eq!(story.observe("2"), Outcome::Observed, "what keeps nothing is never refused");
    assert_eq!(story.expect_keeping(&["1", "2", "3"], &long), Outcome::RowTooLarge);
    assert_eq!(story.row.kept.expected(), CUSTOMER);
}

#[test]
fn an_expectation_whose_list_would_not_fit_into_a_completion_is_refused() {
    // Each entry takes twelve bytes and its text, three of which it takes in the row.
    let mut story = Story::with(Rules { list_bytes_max: Some(20), ..rules() });
    assert_eq!(story.expect(&["1", "2"]), Outcome::Expected);
    assert_eq!(story.expect(&["1", "2", "3"]), Outcome::RowTooLarge);
    let quoted = needs(&["\"\"\"\"\"\"\"\"\"\"\"\""]);
    assert_eq!(story.event(Event::Expectation(Expectation::of(&quoted))), Outcome::RowTooLarge);
}
