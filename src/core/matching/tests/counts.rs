//! Keys that wait for a number of items, whichever they are (S25).

use super::story::{EXPIRE_AFTER, OVERDUE_AFTER, Story, rules};
use crate::matching::{
    Awaits, Counting, Emitted, Event, FailedWhen, ItemOutcome, Outcome, OverdueReason, Phase, Rules,
};

fn failing(when: FailedWhen) -> Story {
    Story::with(Rules { failed: Some(when), ..rules() })
}

#[test]
fn s25_a_key_is_complete_when_that_many_different_items_were_observed() {
    let mut story = Story::new();
    assert_eq!(story.expect_count(3), Outcome::Expected);
    assert_eq!(story.observe("1"), Outcome::Observed);
    assert_eq!(story.observe("1"), Outcome::DuplicateObservation);
    assert_eq!(story.observe("2"), Outcome::Observed);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 1));
    assert_eq!(story.observe("99"), Outcome::Observed, "any item counts");
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
    assert_eq!(story.observe("4"), Outcome::LateObservation);
}

#[test]
fn s25_observations_before_the_count_count_and_so_do_more_than_it_says() {
    let mut story = Story::new();
    for item in ["1", "2", "3"] {
        assert_eq!(story.observe(item), Outcome::Observed);
    }
    assert_eq!(story.expect_count(2), Outcome::Expected);
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn s25_quantities_add_up_to_the_count() {
    let mut story = Story::counting_quantity();
    let arrived = |item, quantity| Event::Observation {
        item,
        quantity,
        outcome: ItemOutcome::Arrived,
        id: None,
    };
    story.expect_count(10);
    assert_eq!(story.event(arrived("a", 4)), Outcome::Observed);
    assert_eq!(story.event(arrived("a", 4)), Outcome::Observed);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 2));
    assert_eq!(story.event(arrived("b", u32::MAX)), Outcome::Observed);
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn s7_a_count_of_nothing_is_refused_or_completes_at_once() {
    let mut story = Story::new();
    assert_eq!((story.expect_count(0), story.phase()), (Outcome::NoItems, Phase::Absent));
    let mut story = Story::with(Rules { allow_empty: true, ..rules() });
    assert_eq!((story.expect_count(0), story.phase()), (Outcome::Expected, Phase::Completed));
}

#[test]
fn s2_to_s5_the_same_count_is_a_duplicate_and_another_one_amends_or_is_refused() {
    let mut story = Story::new();
    story.expect_count(3);
    assert_eq!(story.expect_count(3), Outcome::DuplicateExpectation);
    story.observe("1");
    assert_eq!(story.expect_count(5), Outcome::Amended);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 4));
    assert_eq!(story.expect_count(1), Outcome::Amended, "what was observed is enough for it");
    assert_eq!(story.phase(), Phase::Completed);
    assert_eq!(story.expect_count(1), Outcome::DuplicateExpectation);
    assert_eq!(story.expect_count(2), Outcome::AlreadyCompleted);
}

#[test]
fn s8_and_s6_a_cancelled_count_starts_again() {
    let mut story = Story::with(Rules { reports_cancelled: true, ..rules() });
    story.expect_count(2);
    story.observe("1");
    assert_eq!(story.cancel(), Outcome::Cancelled);
    assert!(matches!(story.emitted[0], Emitted::Cancelled { awaits: Awaits::Count(2), .. }));
    assert_eq!(story.expect_count(2), Outcome::Reopened);
    assert_eq!(story.row.missing, 2);
}

#[test]
fn s18_and_s21_a_count_is_overdue_and_expires_like_a_list() {
    let mut story = Story::new();
    story.expect_count(2);
    story.observe("1");
    let overdue = story.now + OVERDUE_AFTER;
    assert_eq!(story.tick(overdue), Outcome::Overdue);
    let expired = overdue + EXPIRE_AFTER;
    assert_eq!(story.tick(expired), Outcome::Expired);
    let reasons: Vec<_> = story.reports().into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons, [OverdueReason::Overdue, OverdueReason::Expired]);
    for emitted in &story.emitted {
        assert!(matches!(emitted, Emitted::Overdue { awaits: Awaits::Count(2), .. }));
    }
}

#[test]
fn s22_any_item_that_fails_fails_a_count() {
    let mut story = failing(FailedWhen::First);
    story.expect_count(3);
    story.observe("1");
    assert_eq!(story.fail("2"), Outcome::ItemFailed);
    assert_eq!((story.phase(), story.completions()), (Phase::Failed, 0));
    assert_eq!(story.expect_count(3), Outcome::DuplicateExpectation);
    assert_eq!(story.expect_count(2), Outcome::AlreadyFailed);
    let mut early = failing(FailedWhen::First);
    early.fail("1");
    assert_eq!((early.expect_count(3), early.phase()), (Outcome::Expected, Phase::Failed));
}

#[test]
fn s23_a_count_is_decided_when_as_many_items_are_known() {
    let mut story = failing(FailedWhen::AllKnown);
    story.expect_count(3);
    story.fail("1");
    story.observe("2");
    assert_eq!((story.phase(), story.row.missing, story.row.failed), (Phase::Open, 1, 1));
    story.withdraw("2");
    assert_eq!(story.row.missing, 2);
    story.observe("2");
    story.observe("3");
    assert_eq!(story.phase(), Phase::Failed);
    let mut story = failing(FailedWhen::AllKnown);
    story.expect_count(1);
    story.observe("2");
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn more_items_than_the_count_while_one_has_failed_are_counted_right_when_taken_back() {
    // Nothing follows from failed items here, so they keep the key open.
    let mut story = Story::new();
    story.expect_count(2);
    story.fail("1");
    story.observe("2");
    story.observe("3");
    assert_eq!((story.phase(), story.row.missing, story.row.failed), (Phase::Open, 0, 1));
    story.withdraw("3");
    assert_eq!(story.row.missing, 0);
    story.withdraw("2");
    assert_eq!(story.row.missing, 1);
    story.observe("1");
    story.observe("4");
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn s16_a_row_of_a_count_has_the_limit_of_every_row() {
    let mut story = Story::with(Rules { row_bytes_max: 6, ..rules() });
    story.expect_count(3);
    assert_eq!(story.observe("1"), Outcome::Observed);
    assert_eq!(story.observe("2"), Outcome::Observed);
    assert_eq!(story.observe("3"), Outcome::RowTooLarge);
    assert_eq!(story.rules.counting, Counting::Distinct);
}

#[test]
fn a_count_in_place_of_a_list_and_the_other_way_round_keeps_what_was_observed() {
    let mut story = Story::new();
    story.expect(&["1", "2", "3"]);
    story.observe("1");
    assert_eq!(story.expect_count(3), Outcome::Amended);
    assert_eq!(story.row.missing, 2);
    assert_eq!(story.expect(&["1", "2"]), Outcome::Amended);
    assert_eq!((story.row.missing, story.row.awaits), (1, Awaits::Items));
}
