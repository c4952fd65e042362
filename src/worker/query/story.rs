//! Converts rows to the state API's answers.

use std::collections::BTreeMap;

use rollcall_core::{
    matching::{Awaits, EXPECTED_INPUT, Kept, Origin, Phase, Row, Rules},
    record::Timestamp,
};
use rollcall_service::state_api::{
    AwaitsStory, Deadline, InputRecord, ItemStory, KeyEntry, KeyState, KeyStory, NamedDeadlines,
    Then,
};

/// Most items that are shown for one key, and in a list.
const ITEMS_MAX: usize = 1_000;
const LISTED_ITEMS_MAX: usize = 5;

/// Returns the state of a row; `None` if nothing is known of its key.
pub fn state(row: &Row) -> Option<KeyState> {
    Some(match row.phase {
        Phase::Absent => return None,
        Phase::Open if !row.expected => KeyState::Unexpected,
        Phase::Open if row.overdue => KeyState::Overdue,
        Phase::Open => KeyState::Open,
        Phase::Completed => KeyState::Completed,
        Phase::Cancelled => KeyState::Cancelled,
        Phase::Failed => KeyState::Failed,
    })
}

/// Returns the time since which an open row has been waiting.
pub fn since(row: &Row) -> Timestamp {
    if row.expected { row.expected_at } else { row.changed_at }
}

/// Returns everything known about a key; `None` if nothing is. `inputs` are the topics in the order
/// of their numbers.
pub fn story(
    key: &[u8],
    shard: u32,
    row: &Row,
    rules: &Rules,
    inputs: &[String],
) -> Option<KeyStory> {
    let record = |Origin { input, offset }| {
        let topic = inputs.get(usize::from(input))?.clone();
        Some(InputRecord { topic, partition: shard, offset })
    };
    let expectation = row.expectation_offset.map(|offset| Origin { input: EXPECTED_INPUT, offset });
    let kept: BTreeMap<&str, &str> = row.kept.items().collect();
    // Of a finished key, a list stays only to recognize its records when they come again.
    let known = row.items.iter().filter(|_| !row.is_finished());
    let mut items: Vec<ItemStory> = known
        .map(|item| ItemStory {
            item: item.text.to_owned(),
            needed: item.need,
            observed: item.have,
            missing: item.missing(),
            failed: item.has_failed(),
            kept: kept.get(item.text).and_then(|members| Kept::as_object(members)),
        })
        .collect();
    let items_total = items.len() as u64;
    // A stable sort: otherwise they stay in the order in which they were first seen.
    items.sort_by_key(|item| (item.missing == 0, !item.failed, item.needed == 0));
    items.truncate(ITEMS_MAX);
    let (expected_total, missing_total) = totals(row);
    Some(KeyStory {
        key: text(key),
        shard,
        state: state(row)?,
        expected_at: row.expected.then(|| time(row.expected_at)),
        expectation: expectation.and_then(record),
        kept: Kept::as_object(row.kept.expected()),
        changed_at: time(row.changed_at),
        changed_by: row.changed_by.and_then(record),
        deadline: deadline(row, rules),
        named_deadlines: NamedDeadlines {
            overdue: row.deadlines.overdue.map(time),
            expired: row.deadlines.expire.map(time),
        },
        expected_total,
        missing_total,
        awaits: match row.awaits {
            Awaits::Items => AwaitsStory::Items,
            Awaits::Count(_) => AwaitsStory::Count,
            Awaits::Growing(_) if row.phase == Phase::Open && !row.awaits.is_closed() => {
                AwaitsStory::OpenList
            }
            Awaits::Growing(_) => AwaitsStory::Items,
        },
        items_total,
        items,
    })
}

/// Returns a key's entry in a list; `None` if nothing is known about it.
pub fn entry(key: &[u8], shard: u32, row: &Row, rules: &Rules) -> Option<KeyEntry> {
    let state = state(row)?;
    let told = row.items.iter().filter(|item| item.missing() > 0 || !row.expected);
    let (expected_total, missing_total) = totals(row);
    Some(KeyEntry {
        key: text(key),
        shard,
        state,
        since: time(since(row)),
        deadline: deadline(row, rules),
        expected_total,
        missing_total,
        items: told.take(LISTED_ITEMS_MAX).map(|item| item.text.to_owned()).collect(),
    })
}

fn totals(row: &Row) -> (u64, u64) {
    if row.is_finished() {
        return (0, 0);
    }
    (row.awaits.expected_total(&row.items), row.awaits.missing_total(&row.items))
}

fn deadline(row: &Row, rules: &Rules) -> Option<Deadline> {
    let at = row.due(rules)?;
    let then = match row.phase {
        Phase::Completed | Phase::Cancelled | Phase::Failed => Then::Forgotten,
        Phase::Open if !row.expected => Then::Orphan,
        _ if !row.overdue && row.overdue_at(rules) == Some(at) => Then::Overdue,
        _ => Then::Expired,
    };
    Some(Deadline { at: time(at), then })
}

/// Returns the instant in RFC 3339, UTC; outside of the calendar, the nearest representable one.
pub fn time(at_ms: Timestamp) -> String {
    let end = if at_ms < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(end);
    format!("{at:.3}")
}

/// Returns bytes as text; invalid parts are replaced.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::matching::{Counting, Deadlines, Growing};

    const RULES: Rules = Rules {
        counting: Counting::Distinct,
        allow_empty: false,
        failed: None,
        reports_cancelled: false,
        overdue_after_ms: Some(1_000),
        orphans_after_ms: Some(2_000),
        expire_after_ms: Some(9_000),
        memory_ms: 5_000,
        row_bytes_max: 4_096,
        list_bytes_max: None,
    };

    fn row(phase: Phase, items: &[(&str, u32, u32)]) -> Row {
        let items = items.iter().copied().collect();
        Row { phase, expected: true, items, ..Row::default() }
    }

    fn inputs() -> Vec<String> {
        vec!["orders".to_owned(), "manufactured".to_owned()]
    }

    #[test]
    fn the_story_names_the_records_that_the_key_was_made_of() {
        let told = |row: &Row| {
            let story = story(b"order-1", 3, row, &RULES, &inputs()).expect("it is known");
            let place = |record: InputRecord| {
                assert_eq!(record.partition, 3);
                format!("{}@{}", record.topic, record.offset)
            };
            (story.expectation.map(place), story.changed_by.map(place))
        };
        let mut row = row(Phase::Open, &[("made", 1, 1)]);
        assert_eq!(told(&row), (None, None));
        row.expectation_offset = Some(7);
        row.changed_by = Some(Origin { input: 1, offset: 41 });
        let named = ("orders@7".to_owned(), "manufactured@41".to_owned());
        assert_eq!(told(&row), (Some(named.0), Some(named.1)));
    }

    #[test]
    fn the_story_tells_first_what_is_missing() {
        let row = row(Phase::Open, &[("made", 1, 1), ("stray", 0, 1), ("missing", 2, 1)]);
        let story = story(b"order-1", 3, &row, &RULES, &inputs()).expect("it is known");
        let items: Vec<&str> = story.items.iter().map(|item| &item.item[..]).collect();
        assert_eq!(items, ["missing", "made", "stray"]);
        assert_eq!((story.expected_total, story.missing_total, story.items_total), (2, 1, 3));
        assert_eq!(story.items[0].missing, 1);
        assert_eq!(story.state, KeyState::Open);
    }

    #[test]
    fn the_story_shows_what_is_kept_as_it_came() {
        let mut kept = Kept::NOTHING;
        assert!(kept.assign("\"n\":1.0e400", b"\x04made\x05\0\0\0\"a\":1").is_some());
        let row = Row { kept, ..row(Phase::Open, &[("made", 1, 1), ("missing", 1, 0)]) };
        let story = story(b"order-1", 3, &row, &RULES, &inputs()).expect("it is known");
        assert_eq!(story.kept.as_deref(), Some("{\"n\":1.0e400}"));
        let items = story.items.iter().map(|item| item.kept.as_deref());
        assert_eq!(items.collect::<Vec<_>>(), [None, Some("{\"a\":1}")]);
    }

    #[test]
    fn the_story_says_what_a_key_without_a_whole_list_waits_for() {
        let told = |phase, awaits| {
            let row = Row { awaits, ..row(phase, &[("1", 1, 1), ("2", 1, 0)]) };
            let story = story(b"order-1", 3, &row, &RULES, &inputs()).expect("it is known");
            (story.awaits, story.expected_total, story.missing_total, story.items.len())
        };
        let list = |to_come| Awaits::Growing(Growing { total: 2 + to_come, to_come });
        assert_eq!(told(Phase::Open, Awaits::Items), (AwaitsStory::Items, 2, 1, 2));
        assert_eq!(told(Phase::Open, Awaits::Count(5)), (AwaitsStory::Count, 5, 4, 2));
        assert_eq!(told(Phase::Open, list(3)), (AwaitsStory::OpenList, 5, 4, 2));
        assert_eq!(told(Phase::Open, list(0)), (AwaitsStory::Items, 2, 1, 2));
        assert_eq!(told(Phase::Completed, list(0)), (AwaitsStory::Items, 0, 0, 0));
    }

    #[test]
    fn the_deadline_tells_what_it_does() {
        let then = |row: &Row| deadline(row, &RULES).map(|deadline| deadline.then);
        let mut open = row(Phase::Open, &[("1", 1, 0)]);
        assert_eq!(then(&open), Some(Then::Overdue));
        open.overdue = true;
        assert_eq!(then(&open), Some(Then::Expired));
        open.expected = false;
        assert_eq!(then(&open), Some(Then::Orphan));
        assert_eq!(then(&row(Phase::Completed, &[])), Some(Then::Forgotten));
        assert_eq!(then(&Row::default()), None);
    }

    #[test]
    fn the_story_tells_the_deadlines_that_the_record_names() {
        let named = |overdue, expire| {
            let deadlines = Deadlines { overdue, expire };
            let row = Row { deadlines, ..row(Phase::Open, &[("1", 1, 0)]) };
            let story = story(b"order-1", 3, &row, &RULES, &inputs()).expect("it is known");
            let at = story.deadline.map(|deadline| deadline.at);
            (story.named_deadlines.overdue, story.named_deadlines.expired, at)
        };
        let at = |seconds: u32| Some(format!("1970-01-01T00:00:0{seconds}.000Z"));
        assert_eq!(named(None, None), (None, None, at(1)));
        assert_eq!(named(Some(3_000), None), (at(3), None, at(3)));
        assert_eq!(named(Some(3_000), Some(2_000)), (at(3), at(2), at(2)));
    }

    #[test]
    fn nothing_is_told_of_a_key_that_is_not_known() {
        assert_eq!(story(b"order-1", 3, &Row::default(), &RULES, &inputs()), None);
    }

    #[test]
    fn a_list_names_a_few_items_that_are_missing() {
        let items: Vec<String> = (0..9).map(|item| item.to_string()).collect();
        let all: Vec<_> = items.iter().map(|item| (&item[..], 1, u32::from(item == "0"))).collect();
        let entry = entry(b"o", 0, &row(Phase::Open, &all), &RULES).expect("it is known");
        assert_eq!(entry.items, ["1", "2", "3", "4", "5"]);
        assert_eq!((entry.expected_total, entry.missing_total), (9, 8));
    }
}
