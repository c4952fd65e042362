//! At least one test for each rule S1–S17; see `deadlines` for the others.

use super::story::{OVERDUE_AFTER, Story, completion, needs, rules};
use crate::matching::{Counting, Event, ItemOutcome, Outcome, Phase, Rules};

/// Returns the arrival of some units of an item.
fn some(item: &str, quantity: u32) -> Event<'_> {
    Event::Observation { item, quantity, outcome: ItemOutcome::Arrived, id: None }
}

#[test]
fn s1_an_expectation_makes_the_items_known() {
    let mut story = Story::new();
    assert_eq!(story.expect(&["1", "2"]), Outcome::Expected);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 2));
    assert_eq!(story.row.expected_at, 10);
    assert!(story.emitted.is_empty());
}

#[test]
fn s1_an_expectation_completes_at_once_what_was_observed_already() {
    let mut story = Story::new();
    story.observe("1");
    story.observe("2");
    assert_eq!(story.at(30).expect(&["1", "2"]), Outcome::Expected);
    assert_eq!(story.phase(), Phase::Completed);
    assert_eq!(story.emitted, [completion(30, &["1", "2"])]);
}

#[test]
fn s2_an_identical_expectation_changes_nothing_while_open() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    let before = story.row.clone();
    assert_eq!(story.at(50).expect(&["2", "1"]), Outcome::DuplicateExpectation);
    assert_eq!(story.row, before);
}

#[test]
fn s3_another_expectation_amends_and_keeps_what_was_observed() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.observe("1");
    assert_eq!(story.at(50).expect(&["1", "3"]), Outcome::Amended);
    assert_eq!((story.row.missing, story.row.items.get("1").have), (1, 1));
    assert_eq!(story.row.items.get("2").need, 0);
    assert_eq!(story.row.expected_at, 10, "the first arrival decides the deadlines");
    story.observe("3");
    assert_eq!(story.phase(), Phase::Completed);
}

#[test]
fn s3_an_amendment_that_shrinks_to_what_is_there_completes() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.observe("1");
    assert_eq!(story.expect(&["1"]), Outcome::Amended);
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn s4_an_identical_expectation_after_completion_is_a_replay() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.observe("1");
    assert_eq!(story.at(70).expect(&["1"]), Outcome::DuplicateExpectation);
    assert_eq!(story.completions(), 1);
}

#[test]
fn s5_another_expectation_after_completion_is_a_dead_letter() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.observe("1");
    let before = story.row.clone();
    let outcome = story.expect(&["1", "2"]);
    assert_eq!(outcome, Outcome::AlreadyCompleted);
    assert!(outcome.is_dead_letter());
    assert_eq!(story.row, before);
}

#[test]
fn s6_an_expectation_reopens_a_cancelled_key_as_a_fresh_one() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.observe("1");
    story.tick(10 + OVERDUE_AFTER);
    story.cancel();
    assert_eq!(story.at(300).expect(&["1", "2"]), Outcome::Reopened);
    assert_eq!((story.row.missing, story.row.expected_at), (2, 300));
    assert!(!story.row.overdue);
}

#[test]
fn s7_an_expectation_without_items_is_a_dead_letter_in_any_state() {
    let mut story = Story::new();
    assert_eq!(story.expect(&[]), Outcome::NoItems);
    assert_eq!(story.phase(), Phase::Absent);
    story.expect(&["1"]);
    assert_eq!(story.expect(&[]), Outcome::NoItems);
    story.observe("1");
    assert_eq!(story.expect(&[]), Outcome::NoItems);
    let mut story = Story::new();
    story.cancel();
    assert_eq!(story.expect(&[]), Outcome::NoItems);
    assert_eq!(story.phase(), Phase::Cancelled);
}

#[test]
fn s7_an_expectation_without_items_completes_at_once_where_that_is_allowed() {
    let mut story = Story::with(Rules { allow_empty: true, ..rules() });
    assert_eq!(story.expect(&[]), Outcome::Expected);
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
    assert_eq!(story.expect(&[]), Outcome::DuplicateExpectation);
    assert_eq!(story.completions(), 1);
}

#[test]
fn s8_a_tombstone_cancels_an_open_key_and_an_unknown_one() {
    for known in [true, false] {
        let mut story = Story::new();
        if known {
            story.expect(&["1"]);
        }
        assert_eq!(story.at(20).cancel(), Outcome::Cancelled);
        assert_eq!((story.phase(), story.row.changed_at), (Phase::Cancelled, 20));
        assert_eq!(story.observe("1"), Outcome::LateObservation);
        assert_eq!(story.completions(), 0);
    }
}

#[test]
fn s9_a_tombstone_after_completion_is_late() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.observe("1");
    assert_eq!(story.cancel(), Outcome::LateCancellation);
    assert_eq!(story.phase(), Phase::Completed);
}

#[test]
fn s10_observations_are_remembered_before_and_after_the_expectation() {
    let mut story = Story::new();
    assert_eq!(story.observe("2"), Outcome::Observed);
    assert_eq!(story.phase(), Phase::Open);
    story.expect(&["1", "2"]);
    assert_eq!(story.at(40).observe("1"), Outcome::Observed);
    assert_eq!(story.emitted, [completion(10, &["1", "2"])]);
    assert_eq!(story.row.changed_at, 40);
}

#[test]
fn s11_the_same_item_again_has_no_effect_when_counting_distinct() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.observe("1");
    let before = story.row.clone();
    let again = some("1", 5);
    assert_eq!(story.at(90).event(again), Outcome::DuplicateObservation);
    assert_eq!(story.row, before);
}

#[test]
fn s12_the_same_item_again_counts_one_more_when_counting_quantity() {
    let mut story = Story::counting_quantity();
    story.expect_counts(&[("1", 3)]);
    assert_eq!(story.observe("1"), Outcome::Observed);
    assert_eq!(story.observe("1"), Outcome::Observed);
    assert_eq!((story.phase(), story.row.items.get("1").have), (Phase::Open, 2));
    assert_eq!(story.observe("1"), Outcome::Observed);
    assert_eq!(story.phase(), Phase::Completed);
}

#[test]
fn s12_a_quantity_counts_that_many_at_once() {
    let mut story = Story::counting_quantity();
    story.expect_counts(&[("1", 3)]);
    story.event(some("1", 4));
    assert_eq!(story.phase(), Phase::Completed);
    let mut story = Story::counting_quantity();
    story.event(some("1", u32::MAX));
    story.event(some("1", u32::MAX));
    assert_eq!(story.row.items.get("1").have, u32::MAX);
}

#[test]
fn s13_an_item_that_is_not_expected_never_counts_until_an_amendment_expects_it() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.observe("1");
    assert_eq!(story.observe("99"), Outcome::Unexpected);
    assert_eq!((story.phase(), story.completions()), (Phase::Open, 0));
    assert_eq!(story.expect(&["1", "99"]), Outcome::Amended);
    assert_eq!(story.completions(), 1);
}

#[test]
fn s14_an_observation_of_a_finished_key_is_late() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.observe("1");
    let before = story.row.clone();
    assert_eq!(story.observe("1"), Outcome::LateObservation);
    assert_eq!(story.observe("2"), Outcome::LateObservation);
    assert_eq!(story.row, before);
}

// S15, S17 and S16 except for the row's size are decided before the core; see `codec::input`.

#[test]
fn s16_an_event_that_would_make_the_row_too_large_leaves_it_as_it_was() {
    let mut story = Story::with(Rules { row_bytes_max: 9, ..rules() });
    assert_eq!(story.expect(&["1", "2", "3"]), Outcome::Expected);
    assert_eq!(story.expect(&["1", "2", "3", "4"]), Outcome::RowTooLarge);
    assert_eq!(story.observe("4"), Outcome::RowTooLarge);
    assert_eq!(story.row.items, needs(&["1", "2", "3"]));
}

#[test]
fn s16_an_accepted_expectation_is_never_refused_what_it_waits_for() {
    let mut story = Story::with(Rules { row_bytes_max: 9, ..rules() });
    story.expect(&["1", "2", "3"]);
    for item in ["1", "2", "3"] {
        assert_eq!(story.observe(item), Outcome::Observed);
    }
    assert_eq!(story.phase(), Phase::Completed);
}

#[test]
fn s16_counting_an_accepted_item_is_never_refused_for_its_room() {
    let small = Rules { counting: Counting::Quantity, row_bytes_max: 22, ..rules() };
    let mut story = Story::with(small);
    assert_eq!(story.expect(&["1", "2", "3"]), Outcome::RowTooLarge);
    assert_eq!(story.expect(&["1", "2"]), Outcome::Expected);
    assert_eq!(story.observe("3"), Outcome::RowTooLarge);
    let two = some("1", 2);
    assert_eq!(story.event(two), Outcome::Observed);
    assert_eq!(story.event(two), Outcome::Observed);
    assert_eq!(story.observe("2"), Outcome::Observed);
    assert_eq!(story.phase(), Phase::Completed);
}
