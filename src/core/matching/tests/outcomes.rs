//! At least one test for each rule about items that fail or are withdrawn, S22–S24, and about keys
//! that are cancelled, S29.

use super::story::{EXPIRE_AFTER, MEMORY, ORPHANS_AFTER, OVERDUE_AFTER, Story, completion, rules};
use crate::matching::{
    Counting, Emitted, Event, FailedWhen, Item, ItemOutcome, Items, Outcome, OverdueReason, Phase,
    Row, Rules,
};

fn first() -> Story {
    Story::with(Rules { failed: Some(FailedWhen::First), ..rules() })
}

fn all_known() -> Story {
    Story::with(Rules { failed: Some(FailedWhen::AllKnown), ..rules() })
}

/// Returns the items that an emission lists as failed, and as missing.
fn failed_and_missing(emitted: &Emitted) -> (Vec<&str>, Vec<&str>) {
    let (Emitted::Failed { items, .. }
    | Emitted::Cancelled { items, .. }
    | Emitted::Overdue { items, .. }) = emitted
    else {
        panic!("a completion lists nothing");
    };
    let failed = items.iter().filter(Item::has_failed).map(|item| item.text);
    let missing = items.iter().filter(|item| item.missing() > 0).map(|item| item.text);
    (failed.collect(), missing.collect())
}

#[test]
fn s22_the_first_failed_item_fails_the_key_once() {
    let mut story = first();
    story.expect(&["fraud", "stock", "details"]);
    story.observe("stock");
    assert_eq!(story.at(40).fail("fraud"), Outcome::ItemFailed);
    assert_eq!((story.phase(), story.row.changed_at), (Phase::Failed, 40));
    assert_eq!(story.emitted.len(), 1);
    assert_eq!(failed_and_missing(&story.emitted[0]), (vec!["fraud"], vec!["details"]));
    assert!(matches!(story.emitted[0], Emitted::Failed { late: false, .. }));
    assert_eq!(story.fail("details"), Outcome::LateObservation);
    assert_eq!(story.emitted.len(), 1);
}

#[test]
fn s22_a_failure_before_the_expectation_decides_when_it_comes() {
    let mut story = first();
    assert_eq!(story.fail("fraud"), Outcome::ItemFailed);
    assert_eq!((story.phase(), story.emitted.len()), (Phase::Open, 0));
    assert_eq!(story.expect(&["fraud", "stock"]), Outcome::Expected);
    assert_eq!(story.phase(), Phase::Failed);
    assert_eq!(failed_and_missing(&story.emitted[0]), (vec!["fraud"], vec!["stock"]));
}

#[test]
fn s22_a_failed_item_that_is_not_expected_fails_nothing_until_an_amendment_expects_it() {
    let mut story = first();
    story.expect(&["1"]);
    assert_eq!(story.fail("99"), Outcome::Unexpected);
    assert_eq!((story.phase(), story.emitted.len()), (Phase::Open, 0));
    assert_eq!(story.expect(&["1", "99"]), Outcome::Amended);
    assert_eq!((story.phase(), story.emitted.len()), (Phase::Failed, 1));
}

#[test]
fn s22_a_failed_key_is_remembered_like_a_completed_one() {
    let mut story = first();
    story.expect(&["1"]);
    story.at(40).fail("1");
    let before = story.row.clone();
    assert_eq!(story.expect(&["1"]), Outcome::DuplicateExpectation, "S4");
    assert_eq!(story.expect(&["2"]), Outcome::AlreadyFailed, "S5");
    assert!(Outcome::AlreadyFailed.is_dead_letter());
    assert_eq!(story.expect(&[]), Outcome::NoItems, "S7");
    assert_eq!(story.cancel(), Outcome::LateCancellation, "S9");
    assert_eq!(story.observe("1"), Outcome::LateObservation, "S14");
    assert_eq!((&story.row, story.emitted.len()), (&before, 1));
    assert_eq!(story.row.due(&story.rules), Some(40 + MEMORY));
    assert_eq!(story.tick(40 + MEMORY), Outcome::Forgotten, "S20");
    assert_eq!(story.row, Row::default());
}

#[test]
fn s22_a_failure_after_the_overdue_record_is_marked_late() {
    let mut story = first();
    story.expect(&["1"]);
    story.tick(10 + OVERDUE_AFTER);
    story.fail("1");
    assert!(matches!(story.emitted[1], Emitted::Failed { late: true, .. }));
}

#[test]
fn s23_the_last_item_decides_whether_the_key_fails() {
    let mut story = all_known();
    story.expect(&["1", "2", "3"]);
    story.fail("1");
    story.observe("2");
    assert_eq!((story.phase(), story.row.missing, story.row.failed), (Phase::Open, 1, 1));
    assert_eq!(story.observe("3"), Outcome::Observed);
    assert_eq!(story.phase(), Phase::Failed);
    assert_eq!(failed_and_missing(&story.emitted[0]), (vec!["1"], vec![]));
    let mut story = all_known();
    story.expect(&["1", "2"]);
    story.observe("1");
    assert_eq!(story.fail("2"), Outcome::ItemFailed);
    assert_eq!(story.phase(), Phase::Failed);
}

#[test]
fn s23_the_last_word_counts_while_the_key_is_open() {
    let mut story = all_known();
    story.expect(&["1", "2"]);
    story.fail("1");
    assert_eq!(story.fail("1"), Outcome::DuplicateObservation);
    assert_eq!(story.observe("1"), Outcome::Observed);
    assert_eq!((story.row.missing, story.row.failed), (1, 0));
    story.observe("2");
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
    let mut story = all_known();
    story.expect(&["1", "2"]);
    story.observe("1");
    assert_eq!(story.fail("1"), Outcome::ItemFailed);
    assert_eq!(story.observe("2"), Outcome::Observed);
    assert_eq!((story.phase(), story.completions()), (Phase::Failed, 0));
}

#[test]
fn s23_an_amendment_decides_again() {
    let mut story = all_known();
    story.expect(&["1", "2", "3"]);
    story.fail("1");
    story.observe("2");
    assert_eq!(story.expect(&["1", "2", "4"]), Outcome::Amended);
    assert_eq!((story.row.missing, story.row.failed), (1, 1), "what failed is kept");
    assert_eq!(story.expect(&["2", "4"]), Outcome::Amended);
    assert_eq!((story.row.missing, story.row.failed), (1, 0));
    assert_eq!(story.expect(&["1", "2"]), Outcome::Amended);
    assert_eq!(story.phase(), Phase::Failed);
    let mut story = all_known();
    story.expect(&["1", "2"]);
    story.fail("1");
    story.observe("2");
    assert_eq!(story.emitted.len(), 1);
    let mut story = all_known();
    story.expect(&["1", "2", "3"]);
    story.fail("1");
    story.observe("2");
    story.expect(&["2"]);
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
}

#[test]
fn s23_with_nothing_failed_all_known_is_a_completion() {
    let mut story = all_known();
    story.expect(&["1", "2"]);
    story.observe("2");
    story.observe("1");
    assert_eq!(story.emitted, [completion(10, &["1", "2"])]);
}

#[test]
fn s24_a_withdrawn_item_is_missing_again() {
    for mut story in [first(), all_known()] {
        story.expect(&["1", "2"]);
        story.observe("1");
        assert_eq!(story.at(50).withdraw("1"), Outcome::ItemWithdrawn);
        assert_eq!((story.row.missing, story.row.changed_at), (2, 50));
        assert_eq!(story.withdraw("1"), Outcome::DuplicateObservation);
        story.observe("2");
        assert_eq!((story.phase(), story.row.missing), (Phase::Open, 1));
        story.observe("1");
        assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
    }
}

#[test]
fn s24_a_withdrawn_failure_is_missing_again() {
    let mut story = all_known();
    story.expect(&["1", "2"]);
    story.fail("1");
    assert_eq!(story.withdraw("1"), Outcome::ItemWithdrawn);
    assert_eq!((story.row.missing, story.row.failed), (2, 0));
}

#[test]
fn s24_a_withdrawal_before_the_expectation_decides_when_it_comes() {
    let mut story = first();
    story.observe("1");
    story.fail("2");
    assert_eq!(story.withdraw("1"), Outcome::ItemWithdrawn);
    assert_eq!(story.withdraw("2"), Outcome::ItemWithdrawn);
    assert_eq!(story.phase(), Phase::Open);
    assert_eq!(story.expect(&["1", "2"]), Outcome::Expected);
    assert_eq!((story.phase(), story.row.missing), (Phase::Open, 2));
}

#[test]
fn s24_with_nothing_to_take_back_a_withdrawal_changes_nothing() {
    let mut story = first();
    assert_eq!(story.withdraw("1"), Outcome::DuplicateObservation);
    assert_eq!(story.row, Row::default());
    story.expect(&["1"]);
    assert_eq!(story.withdraw("1"), Outcome::DuplicateObservation);
}

#[test]
fn s24_withdrawn_or_failed_after_the_key_is_finished_is_late() {
    let mut story = first();
    story.expect(&["1"]);
    story.observe("1");
    let before = story.row.clone();
    assert_eq!(story.withdraw("1"), Outcome::LateObservation);
    assert_eq!(story.fail("1"), Outcome::LateObservation);
    assert_eq!((&story.row, story.emitted.len()), (&before, 1));
}

#[test]
fn s18_a_failed_item_is_not_missing() {
    let mut story = all_known();
    story.expect(&["1", "2", "3"]);
    story.fail("1");
    story.observe("2");
    assert_eq!(story.tick(10 + OVERDUE_AFTER), Outcome::Overdue);
    assert_eq!(failed_and_missing(&story.emitted[0]), (vec!["1"], vec!["3"]));
    assert_eq!(story.tick(10 + EXPIRE_AFTER), Outcome::Expired);
    assert_eq!(failed_and_missing(&story.emitted[1]), (vec!["1"], vec!["3"]));
    assert_eq!(story.phase(), Phase::Cancelled);
}

#[test]
fn s19_what_only_failed_or_was_withdrawn_is_an_orphan() {
    for withdrawn in [true, false] {
        let mut story = first();
        story.fail("1");
        if withdrawn {
            story.withdraw("1");
        }
        assert_eq!(story.tick(10 + ORPHANS_AFTER), Outcome::Orphaned);
        let Emitted::Overdue { reason: OverdueReason::Orphan, items, .. } = &story.emitted[0]
        else {
            panic!("not an orphan's report: {:?}", story.emitted);
        };
        assert_eq!(items.iter().any(|item| item.has_failed()), !withdrawn);
    }
}

#[test]
fn s29_a_tombstone_that_ends_an_expected_key_is_reported() {
    let mut story = Story::with(Rules { reports_cancelled: true, ..rules() });
    story.expect(&["1", "2"]);
    story.observe("1");
    assert_eq!(story.cancel(), Outcome::Cancelled);
    assert_eq!(failed_and_missing(&story.emitted[0]), (vec![], vec!["2"]));
    assert!(
        matches!(&story.emitted[0], Emitted::Cancelled { items, .. } if items.get("1").have == 1)
    );
    assert_eq!(story.cancel(), Outcome::LateCancellation);
    assert_eq!(story.emitted.len(), 1);
}

#[test]
fn s29_nobody_hears_of_a_key_that_was_not_expected_or_that_expired() {
    let mut story = Story::with(Rules { reports_cancelled: true, ..rules() });
    assert_eq!(story.cancel(), Outcome::Cancelled, "unknown");
    let mut observed = Story::with(story.rules.clone());
    observed.observe("1");
    assert_eq!(observed.cancel(), Outcome::Cancelled);
    let mut expired = Story::with(Rules { overdue_after_ms: None, ..story.rules.clone() });
    expired.expect(&["1"]);
    assert_eq!(expired.tick(10 + EXPIRE_AFTER), Outcome::Expired);
    let cancelled = |emitted: &Emitted| matches!(emitted, Emitted::Cancelled { .. });
    let stories = [&story, &observed, &expired];
    assert!(!stories.iter().any(|story| story.emitted.iter().any(cancelled)));
}

#[test]
fn s29_is_off_unless_the_object_says_so() {
    let mut story = Story::new();
    story.expect(&["1"]);
    story.cancel();
    assert!(story.emitted.is_empty());
}

#[test]
fn without_a_rule_for_failures_a_failed_item_keeps_its_key_open() {
    let mut story = Story::new();
    story.expect(&["1", "2"]);
    story.fail("1");
    story.observe("2");
    assert_eq!((story.phase(), story.row.missing, story.row.failed), (Phase::Open, 0, 1));
    assert!(story.emitted.is_empty());
    story.rules.failed = Some(FailedWhen::AllKnown);
    assert_eq!(story.observe("9"), Outcome::Unexpected);
    assert_eq!(story.phase(), Phase::Failed, "the next change decides by the new rules");
}

#[test]
fn s16_an_accepted_item_is_never_refused_what_becomes_of_it() {
    let mut story = Story::with(Rules { row_bytes_max: 3, ..all_known().rules });
    story.expect(&["1"]);
    assert_eq!(story.fail("2"), Outcome::RowTooLarge);
    assert_eq!(story.fail("1"), Outcome::ItemFailed);
}

#[test]
#[should_panic(expected = "validation refuses outcomes")]
fn outcomes_and_quantities_never_meet() {
    let mut story = Story::counting_quantity();
    let outcome = ItemOutcome::Failed;
    story.event(Event::Observation { item: "1", quantity: 1, outcome, id: None });
}

#[test]
fn a_mark_takes_no_room_and_stays_whatever_happens_to_other_items() {
    let mut story = all_known();
    story.expect(&["a", "b"]);
    story.fail("a");
    assert_eq!(story.row.items.as_bytes(), b"\x01\x09a\x01\x01b");
    story.withdraw("a");
    assert_eq!(story.row.items.as_bytes(), b"\x01\x01a\x01\x01b");
    story.fail("x");
    story.withdraw("x");
    assert_eq!(story.row.items.as_bytes(), b"\x01\x01a\x01\x01b\x01\x10x");
    story.fail("a");
    let mut indexed = story.row.items.clone();
    for counting in [Counting::Distinct, Counting::Quantity] {
        indexed.index(counting);
        assert!(indexed.get("a").has_failed() && !indexed.get("b").has_failed());
        assert_eq!((indexed.missing(), indexed.failed()), (1, 1));
        indexed.unindex();
        assert_eq!(indexed, story.row.items);
    }
    assert_eq!(Items::from_bytes(indexed.as_bytes()), Some(indexed));
    assert_eq!(Items::from_bytes(b"\x01\x18a"), None, "two marks");
    assert_eq!(Items::from_bytes(b"\x01\x20a"), None, "an unknown mark");
}
