//! Observations that are told apart by ids (S27).

use super::story::{ORPHANS_AFTER, Story, rules};
use crate::matching::{Counting, Event, Ids, ItemOutcome, Outcome, Phase, Row, Rules};

fn observe(story: &mut Story, item: &str, quantity: u32, id: &str) -> Outcome {
    let outcome = ItemOutcome::Arrived;
    story.event(Event::Observation { item, quantity, outcome, id: Some(id) })
}

#[test]
fn s27_an_observation_whose_id_was_seen_is_a_duplicate() {
    let mut story = Story::counting_quantity();
    assert_eq!(observe(&mut story, "a", 1, "1"), Outcome::Observed);
    assert_eq!(observe(&mut story, "a", 1, "1"), Outcome::DuplicateObservation);
    story.expect_counts(&[("a", 2), ("b", 1)]);
    assert_eq!(observe(&mut story, "b", 1, "1"), Outcome::DuplicateObservation, "of any item");
    assert_eq!(observe(&mut story, "b", 1, "2"), Outcome::Observed);
    assert_eq!(story.observe("a"), Outcome::Observed, "one without an id is told from all others");
    assert_eq!((story.phase(), story.completions()), (Phase::Completed, 1));
    assert!(story.row.ids.is_empty());
    assert_eq!(observe(&mut story, "a", 1, "1"), Outcome::LateObservation);
}

#[test]
fn s27_the_first_observation_of_an_id_counts_with_its_quantity() {
    let mut story = Story::counting_quantity();
    story.expect_counts(&[("a", 5)]);
    assert_eq!(observe(&mut story, "a", 2, "x"), Outcome::Observed);
    assert_eq!(observe(&mut story, "a", 3, "x"), Outcome::DuplicateObservation);
    assert_eq!(story.row.items.get("a").have, 2);
}

#[test]
fn s27_ids_are_kept_by_amendments_and_forgotten_with_the_key() {
    let mut story = Story::counting_quantity();
    observe(&mut story, "stray", 1, "1");
    story.expect_counts(&[("a", 2)]);
    story.expect_counts(&[("a", 3)]);
    assert_eq!(observe(&mut story, "a", 1, "1"), Outcome::DuplicateObservation);
    story.cancel();
    story.expect_counts(&[("a", 2)]);
    assert_eq!(observe(&mut story, "a", 1, "1"), Outcome::Observed, "it is a new key");
    let mut orphan = Story::counting_quantity();
    observe(&mut orphan, "a", 1, "1");
    assert_eq!(orphan.tick(orphan.now + ORPHANS_AFTER), Outcome::Orphaned);
    assert_eq!(orphan.row, Row::default());
}

#[test]
fn s16_ids_take_room_in_the_row() {
    let (counting, row_bytes_max) = (Counting::Quantity, 11 + 6);
    let mut story = Story::with(Rules { counting, row_bytes_max, ..rules() });
    assert_eq!(story.expect_counts(&[("a", 9)]), Outcome::Expected);
    assert_eq!(observe(&mut story, "a", 1, "1"), Outcome::Observed);
    assert_eq!(observe(&mut story, "a", 1, "2"), Outcome::Observed);
    assert_eq!(observe(&mut story, "a", 1, "3"), Outcome::RowTooLarge);
    assert_eq!(observe(&mut story, "a", 1, "2"), Outcome::DuplicateObservation);
    assert_eq!(story.expect_counts(&[("a", 9), ("b", 1)]), Outcome::RowTooLarge);
}

#[test]
fn s27_many_ids_are_found_through_the_index_as_without() {
    let (mut plain, mut indexed) = (Ids::default(), Ids::default());
    for id in (0..5_000).map(|id| format!("id-{id}")) {
        assert!(!indexed.contains(&id));
        plain.insert(&id);
        indexed.insert(&id);
        if id == "id-100" {
            let mut row = Row { ids: indexed, ..Row::default() };
            row.index(Counting::Quantity);
            indexed = row.ids;
        }
        assert!(indexed.contains(&id));
    }
    assert_eq!(indexed, plain);
    let mut row = Row { ids: indexed, ..Row::default() };
    row.unindex();
    assert_eq!(row.ids.as_bytes(), plain.as_bytes());
    assert_eq!(Ids::from_bytes(plain.as_bytes()), Some(plain));
}
