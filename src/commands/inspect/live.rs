//! What running workers know about one key.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use super::{Form, SUCCESS, as_json, heading, table::Table, with_kept};
use rollcall_core::text::escape::printable;
use rollcall_service::state_api::{AwaitsStory, InputRecord, KeyState, KeyStory, Problem, Then};

/// Asks the workers about `key` and returns its story as text.
pub(super) fn tell(
    key: &str,
    file: &Path,
    servers: &[String],
    form: Form,
) -> Result<(String, ExitCode), String> {
    let settings = rollcall_object::load(file).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let story = runtime.block_on(rollcall_console::story(&settings, servers, key));
    let story = story.map_err(|Problem { detail, .. }| {
        format!("key `{}`: {}", printable(key), printable(&detail))
    })?;
    Ok((if form == Form::Json { as_json(&story) } else { text(&story) }, SUCCESS))
}

fn text(story: &KeyStory) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(out, "  {name:<9} {}", printable(value)).expect("a String takes everything");
    };
    let (expected, missing) = (story.expected_total, story.missing_total);
    let state = match story.state {
        KeyState::Open => format!("open: {missing} of {expected} items are missing"),
        KeyState::Overdue => {
            format!("open and reported overdue: {missing} of {expected} items are missing")
        }
        KeyState::Unexpected => "not expected yet: items have arrived".to_owned(),
        KeyState::Completed => "completed".to_owned(),
        KeyState::Cancelled => "cancelled".to_owned(),
        KeyState::Failed => "failed".to_owned(),
    };
    line("shard", &story.shard.to_string());
    line("state", &state);
    let told = |at: &str, record: Option<&InputRecord>| match record {
        Some(InputRecord { topic, partition, offset }) => {
            format!("{at}, by {topic} partition {partition} offset {offset}")
        }
        None => at.to_owned(),
    };
    let expected_at = story.expected_at.as_deref().unwrap_or("not yet");
    line("expected", &told(expected_at, story.expectation.as_ref()));
    line("changed", &told(&story.changed_at, story.changed_by.as_ref()));
    if story.awaits == AwaitsStory::Count {
        let (missing, of) = (story.missing_total, story.expected_total);
        line("waits for", &format!("{missing} more of {of}, whichever they are"));
    }
    if story.awaits == AwaitsStory::OpenList {
        line("waits for", "the rest of its list");
    }
    if let Some(deadline) = &story.deadline {
        let then = match deadline.then {
            Then::Overdue => "it is reported as overdue",
            Then::Expired => "it is reported as expired and cancelled",
            Then::Orphan => "it is reported as an orphan and forgotten",
            Then::Forgotten => "it is forgotten",
        };
        line("deadline", &format!("{}: {then}", deadline.at));
    }
    if let Some(named) = super::named(&story.named_deadlines) {
        line("by record", &named);
    }
    if let Some(kept) = &story.kept {
        line("kept", kept);
    }
    let mut told = format!("{}\n{out}", heading(&story.key));
    if !story.items.is_empty() {
        let mut table = Table::new(&["NEEDED", "HAVE", "MISSING", "ITEM"]);
        for item in &story.items {
            let missing = if item.failed { "failed".to_owned() } else { item.missing.to_string() };
            let needed = match story.awaits {
                AwaitsStory::Items | AwaitsStory::OpenList => item.needed.to_string(),
                AwaitsStory::Count => "any".to_owned(),
            };
            let counts = [needed, item.observed.to_string(), missing];
            let item = with_kept(&item.item, item.kept.as_deref());
            table.line(counts.into_iter().chain([item]).collect());
        }
        write!(told, "\n{table}").expect("a String takes everything");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_service::state_api::{Deadline, ItemStory, NamedDeadlines};

    #[test]
    fn a_key_forges_no_lines_and_does_not_talk_to_the_terminal() {
        let key = "a\n  state     completed\x1b[2J\x07";
        let item = ItemStory {
            item: key.to_owned(),
            needed: 1,
            observed: 0,
            missing: 1,
            failed: false,
            kept: None,
        };
        let story = KeyStory {
            key: key.to_owned(),
            shard: 0,
            state: KeyState::Unexpected,
            expected_at: None,
            expectation: None,
            changed_at: "2026-01-01T00:00:05.000Z".to_owned(),
            changed_by: None,
            kept: None,
            deadline: None,
            named_deadlines: NamedDeadlines::default(),
            expected_total: 0,
            missing_total: 0,
            awaits: AwaitsStory::Items,
            items_total: 1,
            items: vec![item],
        };
        let text = text(&story);
        assert!(text.starts_with("a\\n  state     completed\\u{1b}[2J\\u{7}\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("  state")).count(), 1, "{text}");
        assert!(!text.contains(['\x1b', '\x07']), "{text}");
        assert!(super::text(&KeyStory { key: String::new(), ..story }).starts_with("\"\"\n"));
    }

    #[test]
    fn the_story_says_what_a_key_waits_for_and_what_happens_next() {
        let item = |item: &str, needed, observed, missing| ItemStory {
            item: item.to_owned(),
            needed,
            observed,
            missing,
            failed: item == "3",
            kept: (item == "1").then(|| "{\"at\":7}".to_owned()),
        };
        let deadline = Deadline { at: "2026-01-04T00:00:00.000Z".to_owned(), then: Then::Overdue };
        let story = KeyStory {
            key: "order-1".to_owned(),
            shard: 3,
            state: KeyState::Open,
            expected_at: Some("2026-01-01T00:00:00.000Z".to_owned()),
            expectation: Some(InputRecord { topic: "orders".to_owned(), partition: 3, offset: 17 }),
            changed_at: "2026-01-01T00:00:05.000Z".to_owned(),
            changed_by: Some(InputRecord {
                topic: "manufactured".to_owned(),
                partition: 3,
                offset: 41,
            }),
            kept: Some("{\"customer\":\"c\\n7\"}".to_owned()),
            named_deadlines: NamedDeadlines { overdue: Some(deadline.at.clone()), expired: None },
            deadline: Some(deadline),
            expected_total: 3,
            missing_total: 1,
            awaits: AwaitsStory::Items,
            items_total: 3,
            items: vec![item("2", 1, 0, 1), item("3", 1, 0, 0), item("1", 1, 1, 0)],
        };
        assert_eq!(
            text(&story),
            "\
order-1
  shard     3
  state     open: 1 of 3 items are missing
  expected  2026-01-01T00:00:00.000Z, by orders partition 3 offset 17
  changed   2026-01-01T00:00:05.000Z, by manufactured partition 3 offset 41
  deadline  2026-01-04T00:00:00.000Z: it is reported as overdue
  by record overdue at 2026-01-04T00:00:00.000Z
  kept      {\"customer\":\"c\\n7\"}

NEEDED  HAVE  MISSING  ITEM
     1     0        1  2
     1     0   failed  3
     1     1        0  1  {\"at\":7}
"
        );
    }
}
