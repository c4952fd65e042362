//! At least one test for each rule that time triggers, S18–S21.

use super::story::{EXPIRE_AFTER, MEMORY, ORPHANS_AFTER, OVERDUE_AFTER, Story, rules};
use crate::matching::{Deadlines, Emitted, Outcome, OverdueReason, Phase, Row, Rules};

#[test]
fn s18_what_is_missing_is_reported_once_and_the_key_stays_open() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.at(50).observe("1");
    assert_eq!(story.tick(10 + OVERDUE_AFTER - 1), Outcome::Nothing);
    assert_eq!(story.tick(10 + OVERDUE_AFTER), Outcome::Overdue);
    assert_eq!(story.tick(10 + OVERDUE_AFTER), Outcome::Nothing);
    assert_eq!(story.reports(), [(OverdueReason::Overdue, vec![("2".to_owned(), 1)])]);
    assert!(matches!(story.emitted[0], Emitted::Overdue { since: 10, .. }));
    assert_eq!(story.phase(), Phase::Open);
}

#[test]
fn s18_a_completion_after_the_report_is_marked_late() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.tick(10 + OVERDUE_AFTER);
    story.observe("1");
    assert!(matches!(story.emitted[1], Emitted::Completion { late: true, expected_at: 10, .. }));
}

#[test]
fn s19_observations_without_expectation_are_reported_and_forgotten() {
    let mut story = Story::new();
    story.observe("1");
    story.at(60).observe("2");
    assert_eq!(story.tick(60 + ORPHANS_AFTER - 1), Outcome::Nothing);
    assert_eq!(story.tick(60 + ORPHANS_AFTER), Outcome::Orphaned);
    assert_eq!(story.row, Row::default());
    let Emitted::Overdue { reason: OverdueReason::Orphan, since: 60, items, .. } =
        &story.emitted[0]
    else {
        panic!("not an orphan's report: {:?}", story.emitted);
    };
    assert_eq!(items.iter().map(|item| item.text).collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn s20_a_finished_key_is_forgotten_after_the_memory() {
    for completed in [true, false] {
        let mut story = Story::new();
        story.expect(&["1"]);
        let outcome = if completed { story.at(40).observe("1") } else { story.at(40).cancel() };
        assert_ne!(outcome, Outcome::LateObservation);
        assert_eq!(story.row.due(&story.rules), Some(40 + MEMORY));
        assert_eq!(story.tick(40 + MEMORY - 1), Outcome::Nothing);
        assert_eq!(story.tick(40 + MEMORY), Outcome::Forgotten);
        assert_eq!(story.row, Row::default());
    }
}

#[test]
fn s21_a_key_that_stays_open_too_long_is_reported_and_cancelled() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.tick(10 + OVERDUE_AFTER);
    assert_eq!(story.tick(10 + EXPIRE_AFTER - 1), Outcome::Nothing);
    assert_eq!(story.tick(10 + EXPIRE_AFTER), Outcome::Expired);
    assert_eq!((story.phase(), story.row.changed_at), (Phase::Cancelled, 10 + EXPIRE_AFTER));
    let missing = vec![("1".to_owned(), 1), ("2".to_owned(), 1)];
    assert_eq!(story.reports()[1], (OverdueReason::Expired, missing));
    assert_eq!(story.observe("1"), Outcome::LateObservation);
}

#[test]
fn s21_a_limit_before_the_overdue_deadline_fires_alone() {
    let mut story = Story::with(Rules { expire_after_ms: Some(OVERDUE_AFTER - 1), ..rules() });
    story.expect(&["1"]);
    assert_eq!(story.tick(10_000), Outcome::Expired);
    assert_eq!(story.reports().len(), 1);
}

#[test]
fn deadlines_that_are_off_never_fire() {
    let off =
        Rules { overdue_after_ms: None, orphans_after_ms: None, expire_after_ms: None, ..rules() };
    let mut story = Story::with(off.clone());
    story.observe("1");
    assert_eq!(story.tick(i64::MAX), Outcome::Nothing);
    story.expect(&["1", "2"]);
    assert_eq!(story.tick(i64::MAX), Outcome::Nothing);
}

#[test]
fn deadlines_that_were_passed_together_fire_one_after_the_other() {
    let mut story = Story::new();
    story.expect(&["1"]);
    assert_eq!(story.tick(5_000), Outcome::Overdue);
    assert_eq!(story.tick(5_000), Outcome::Expired);
    assert_eq!(story.tick(5_000), Outcome::Nothing);
    assert_eq!(story.tick(5_000 + MEMORY), Outcome::Forgotten);
}

fn overdue(at: i64) -> Deadlines {
    Deadlines { overdue: Some(at), expire: None }
}

#[test]
fn s18_a_deadline_of_the_expectation_counts_instead_of_the_time_since_its_arrival() {
    let mut story = Story::new();
    story.expect_by(&["1"], overdue(10 + 3 * OVERDUE_AFTER));
    assert_eq!(story.tick(10 + OVERDUE_AFTER), Outcome::Nothing);
    assert_eq!(story.tick(10 + 3 * OVERDUE_AFTER), Outcome::Overdue);
    let mut past = Story::new();
    past.expect_by(&["1"], overdue(3));
    assert_eq!(past.tick(10), Outcome::Overdue, "what lies in the past fires at once");
}

#[test]
fn s18_another_deadline_amends_a_key_and_reports_it_again() {
    let mut story = Story::new();
    story.expect_by(&["1"], overdue(20));
    assert_eq!(story.expect_by(&["1"], overdue(20)), Outcome::DuplicateExpectation);
    assert_eq!(story.tick(20), Outcome::Overdue);
    assert_eq!(story.expect_by(&["1"], overdue(40)), Outcome::Amended);
    assert_eq!(story.tick(39), Outcome::Nothing);
    assert_eq!(story.tick(40), Outcome::Overdue);
    assert_eq!(story.expect_by(&["1"], overdue(90)), Outcome::Amended);
    story.at(80).observe("1");
    let last = story.emitted.last().expect("it completed");
    assert!(matches!(last, Emitted::Completion { late: false, .. }), "in time after all: {last:?}");
    assert_eq!(story.expect_by(&["1"], overdue(95)), Outcome::DuplicateExpectation);
}

#[test]
fn s18_without_a_deadline_of_its_own_an_amendment_goes_back_to_the_time_since_arrival() {
    let mut story = Story::new();
    story.expect_by(&["1", "2"], overdue(10 + 3 * OVERDUE_AFTER));
    assert_eq!(story.expect(&["1", "2"]), Outcome::Amended);
    assert_eq!(story.tick(10 + OVERDUE_AFTER), Outcome::Overdue);
}

#[test]
fn s21_a_key_expires_when_its_expectation_says() {
    let mut story = Story::new();
    story.expect_by(&["1"], Deadlines { overdue: None, expire: Some(30) });
    assert_eq!(story.tick(29), Outcome::Nothing);
    assert_eq!(story.tick(30), Outcome::Expired);
    assert_eq!(story.phase(), Phase::Cancelled);
    assert_eq!(story.row.deadlines, Deadlines::NONE);
}
