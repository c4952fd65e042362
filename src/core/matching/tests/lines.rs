//! Lists that come record by record (S26).

use super::story::{OVERDUE_AFTER, Story, rules};
use crate::matching::{
    Awaits, Counting, Emitted, Event, Expectation, Extent, FailedWhen, Items, Outcome, Part, Phase,
    Rules,
};

fn list(story: &mut Story, item: &str, need: u32, part: Part) -> Outcome {
    let items: Items = [(item, need, 0)].into_iter().collect();
    let extent = Extent::Part(part);
    story.event(Event::Expectation(Expectation { extent, ..Expectation::of(&items) }))
}

fn line(story: &mut Story, item: &str, total: u32) -> Outcome {
    list(story, item, 1, Part::Of(total))
}

#[test]
fn s26_only_a_closed_list_completes() {
    let mut story = Story::new();
    assert_eq!(line(&mut story, "1", 3), Outcome::Expected);
    assert_eq!(story.observe("1"), Outcome::Observed);
    assert_eq!(story.observe("2"), Outcome::Unexpected);
    assert_eq!(line(&mut story, "2", 3), Outcome::Listed);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 0));
    assert_eq!(line(&mut story, "2", 3), Outcome::DuplicateExpectation);
    assert_eq!(line(&mut story, "3", 3), Outcome::Listed);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 1));
    assert_eq!(story.observe("3"), Outcome::Observed);
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn s4_and_s5_a_line_that_comes_again_is_a_duplicate_after_the_completion_too() {
    let mut story = Story::new();
    story.observe("1");
    story.observe("2");
    line(&mut story, "1", 2);
    assert_eq!((line(&mut story, "2", 2), story.phase()), (Outcome::Listed, Phase::Completed));
    for item in ["1", "2"] {
        assert_eq!(line(&mut story, item, 2), Outcome::DuplicateExpectation);
    }
    assert_eq!(line(&mut story, "3", 2), Outcome::AlreadyCompleted);
    assert_eq!(line(&mut story, "1", 3), Outcome::AlreadyCompleted, "the list would go on");
    assert_eq!(list(&mut story, "1", 2, Part::Of(2)), Outcome::AlreadyCompleted);
    assert_eq!(story.tick(100_000), Outcome::Forgotten);
}

#[test]
fn s26_a_larger_total_opens_the_list_again_and_a_smaller_one_is_refused() {
    let mut story = Story::new();
    line(&mut story, "1", 2);
    line(&mut story, "2", 2);
    story.observe("1");
    assert_eq!(line(&mut story, "3", 2), Outcome::BeyondTotal);
    assert_eq!(line(&mut story, "3", 4), Outcome::Listed);
    story.observe("2");
    story.observe("3");
    assert_eq!(story.phase(), Phase::Open);
    assert_eq!(line(&mut story, "4", 3), Outcome::TotalShrinks);
    assert_eq!(line(&mut story, "1", 2), Outcome::DuplicateExpectation, "it is the first record");
    assert_eq!(line(&mut story, "4", 4), Outcome::Listed);
    story.observe("4");
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn s26_a_larger_total_of_a_known_item_amends_the_list() {
    let mut story = Story::new();
    line(&mut story, "1", 1);
    assert_eq!(line(&mut story, "1", 2), Outcome::Amended);
    story.observe("1");
    assert_eq!(story.phase(), Phase::Open);
}

#[test]
fn s26_the_last_record_closes_a_list_without_total() {
    let mut story = Story::new();
    assert_eq!(list(&mut story, "1", 1, Part::More), Outcome::Expected);
    story.observe("1");
    assert_eq!(story.phase(), Phase::Open);
    assert_eq!(list(&mut story, "2", 1, Part::Last), Outcome::Listed);
    assert_eq!(list(&mut story, "2", 1, Part::Last), Outcome::DuplicateExpectation);
    assert_eq!(list(&mut story, "3", 1, Part::More), Outcome::Listed, "it stays closed");
    story.observe("2");
    story.observe("3");
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
    assert_eq!(list(&mut story, "1", 1, Part::More), Outcome::DuplicateExpectation);
    let mut story = Story::new();
    list(&mut story, "1", 1, Part::More);
    story.observe("1");
    assert_eq!(list(&mut story, "1", 1, Part::Last), Outcome::Amended);
    assert_eq!(story.phase(), Phase::Completed);
}

#[test]
fn s3_another_quantity_changes_an_item_of_the_list() {
    let mut story = Story::counting_quantity();
    list(&mut story, "1", 3, Part::Of(1));
    story.observe("1");
    assert_eq!(list(&mut story, "1", 2, Part::Of(1)), Outcome::Amended);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 1));
    assert_eq!(list(&mut story, "1", 1, Part::Of(1)), Outcome::Amended);
    assert_eq!(story.phase(), Phase::Completed);
}

#[test]
fn s22_a_failed_item_fails_a_list_that_goes_on_and_the_rest_of_it_is_late() {
    let mut story = Story::with(Rules { failed: Some(FailedWhen::First), ..rules() });
    line(&mut story, "1", 3);
    assert_eq!((story.fail("1"), story.phase()), (Outcome::ItemFailed, Phase::Failed));
    assert_eq!(line(&mut story, "1", 3), Outcome::DuplicateExpectation);
    assert_eq!(line(&mut story, "2", 3), Outcome::LateExpectation);
    assert_eq!(line(&mut story, "2", 4), Outcome::AlreadyFailed);
    let Emitted::Failed { awaits: Awaits::Growing(list), .. } = &story.emitted[0] else {
        panic!("{:?}", story.emitted)
    };
    assert_eq!((list.total, list.to_come), (3, 2));
}

#[test]
fn s23_when_all_are_known_a_list_is_decided_once_it_is_closed() {
    let mut story = Story::with(Rules { failed: Some(FailedWhen::AllKnown), ..rules() });
    line(&mut story, "1", 2);
    story.fail("1");
    assert_eq!(story.phase(), Phase::Open);
    story.observe("2");
    assert_eq!((line(&mut story, "2", 2), story.phase()), (Outcome::Listed, Phase::Failed));
    assert_eq!(line(&mut story, "3", 2), Outcome::AlreadyFailed);
}

#[test]
fn s18_s8_and_s6_a_list_is_overdue_cancelled_and_begun_again() {
    let mut story = Story::new();
    line(&mut story, "1", 2);
    let overdue = story.now + OVERDUE_AFTER;
    assert_eq!(story.tick(overdue), Outcome::Overdue);
    assert_eq!(story.cancel(), Outcome::Cancelled);
    assert!(story.row.items.is_empty());
    assert_eq!(line(&mut story, "2", 1), Outcome::Reopened);
    story.observe("2");
    assert_eq!(story.phase(), Phase::Completed);
}

#[test]
fn s16_a_line_for_which_the_row_has_no_room_is_refused() {
    let mut story = Story::with(Rules { row_bytes_max: 6, ..rules() });
    line(&mut story, "1", 3);
    line(&mut story, "2", 3);
    assert_eq!(line(&mut story, "3", 3), Outcome::RowTooLarge);
    assert_eq!(story.rules.counting, Counting::Distinct);
}

#[test]
fn a_list_in_place_of_another_kind_keeps_what_was_observed() {
    let mut story = Story::new();
    story.expect(&["1", "2", "3"]);
    story.observe("1");
    assert_eq!(line(&mut story, "1", 2), Outcome::Amended);
    assert_eq!((line(&mut story, "4", 2), story.row.missing), (Outcome::Listed, 1));
    assert_eq!(story.expect(&["1"]), Outcome::Amended);
    assert_eq!(story.phase(), Phase::Completed);
}
