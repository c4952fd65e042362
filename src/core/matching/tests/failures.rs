//! The known failures of counting instead of comparing, as far as the core decides them; see
//! `codec::input` for those decided before it.

use super::story::{OVERDUE_AFTER, Story};
use crate::matching::{Outcome, OverdueReason, Phase, Row};

#[test]
fn failure_1_an_order_does_not_ship_for_the_right_number_of_wrong_items() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.observe("1");
    story.observe("99");
    assert_eq!((story.phase(), story.completions()), (Phase::Open, 0));
}

#[test]
fn failure_2_an_order_ships_although_more_was_made_than_it_lists() {
    let mut story = Story::new();
    for item in ["1", "2", "99"] {
        story.observe(item);
    }
    story.expect(&["1", "2"]);
    assert_eq!(story.completions(), 1);
}

#[test]
fn failure_3_a_replay_of_the_whole_history_ships_nothing_again() {
    let mut story = Story::new();
    for _ in 0..3 {
        story.expect(&["1", "2"]);
        story.observe("1");
        story.observe("2");
    }
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn failure_3_one_late_duplicate_leaves_no_row_that_never_ends() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.observe("1");
    story.at(500).observe("1");
    let due = story.row.due(&story.rules).expect("a finished row has an end");
    assert_eq!(story.tick(due), Outcome::Forgotten);
    assert_eq!(story.row, Row::default());
}

#[test]
fn failure_4_an_order_without_items_is_refused() {
    assert_eq!(Story::new().expect(&[]), Outcome::NoItems);
}

#[test]
fn failure_5_a_tombstone_of_an_unknown_order_cancels_it() {
    let mut story = Story::new();
    assert_eq!(story.cancel(), Outcome::Cancelled);
    assert_eq!(story.cancel(), Outcome::LateCancellation);
}

#[test]
fn failure_9_two_units_of_one_product_are_both_needed() {
    let mut story = Story::counting_quantity();
    story.expect_counts(&[("1", 2)]);
    story.observe("1");
    assert_eq!(story.completions(), 0);
    story.observe("1");
    assert_eq!(story.completions(), 1);
}

#[test]
fn failure_10_an_order_amended_to_less_than_was_made_ships() {
    let mut story = Story::new();
    story.expect(&["1", "2", "3"]);
    story.observe("1");
    story.observe("2");
    story.expect(&["1"]);
    assert_eq!(story.completions(), 1);
}

#[test]
fn failure_11_an_order_that_never_completes_is_reported() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.tick(10 + OVERDUE_AFTER);
    assert_eq!(story.reports(), [(OverdueReason::Overdue, vec![("1".to_owned(), 1)])]);
}

#[test]
fn failure_11_a_cancelled_order_never_ships() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.cancel();
    story.observe("1");
    assert_eq!(story.completions(), 0);
}
