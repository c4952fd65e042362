//! What is known about one key.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::table::Table;
use super::{Directory, Error, heading, time, with_kept};
use rollcall_core::codec::row;
use rollcall_core::matching::{Awaits, Deadlines, EXPECTED_INPUT, Kept, Origin, Phase, Row};
use rollcall_core::record::ShardId;
use rollcall_core::text::escape::printable;
use rollcall_service::state_api::NamedDeadlines;
use rollcall_store::Snapshot;

/// What is known about one key.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Story {
    key: String,
    shard: i32,
    phase: &'static str,
    /// When the expectation arrived, if it has.
    expected_at: Option<String>,
    /// Offset of that expectation in the expected topic.
    expectation_offset: Option<i64>,
    /// The time of the last change; for a finished row, when it finished.
    changed_at: String,
    /// The last record that changed the row.
    changed_by: Option<Record>,
    /// Whether the overdue record was sent.
    overdue: bool,
    /// Deadlines that the expectation names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    named_deadlines: Option<NamedDeadlines>,
    /// Where its list is not complete yet: how many items are to come, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_come: Option<u32>,
    /// Where it waits for a number of items, whichever they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<Count>,
    /// What outputs carry of the expectation: the text of a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
    items: Vec<Item>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Count {
    needed: u32,
    missing: u32,
}

/// A store does not know the topics' names.
#[derive(Debug, PartialEq, Serialize)]
struct Record {
    /// 0 for the expected topic, then the observed topics by name.
    input: u8,
    offset: i64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Item {
    item: String,
    needed: u32,
    have: u32,
    missing: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
    /// What outputs carry of its observation.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<String>,
}

/// Looks a key up in every store of `dir`, because a store does not know which keys belong to it.
pub(super) fn of(dir: &Path, key: &str) -> Result<Story, Error> {
    for shard in Directory::look(dir)?.shards {
        let failed = |error| Error::Store { shard, error };
        let Some(store) = Snapshot::open(dir, shard).map_err(failed)? else { continue };
        let Some(bytes) = store.row(key.as_bytes()).map_err(failed)? else { continue };
        let row = row::decode(&bytes).map_err(|error| Error::Row {
            shard,
            key: key.to_owned(),
            error,
        })?;
        return Ok(Story::new(shard, key, &row));
    }
    Err(Error::UnknownKey(key.to_owned()))
}

impl Story {
    fn new(shard: ShardId, key: &str, row: &Row) -> Self {
        let phase = match row.phase {
            Phase::Absent => "absent",
            Phase::Open => "open",
            Phase::Completed => "completed",
            Phase::Cancelled => "cancelled",
            Phase::Failed => "failed",
        };
        let kept: BTreeMap<&str, &str> = row.kept.items().collect();
        // Of a finished key, a list stays only to recognize its records when they come again.
        let known = row.items.iter().filter(|_| !row.is_finished());
        let items = known.map(|item| Item {
            item: item.text.to_owned(),
            needed: item.need,
            have: item.have,
            missing: item.missing(),
            failed: item.has_failed(),
            kept: kept.get(item.text).and_then(|members| Kept::as_object(members)),
        });
        Self {
            key: key.to_owned(),
            shard: shard.0,
            phase,
            expected_at: row.expected.then(|| time(row.expected_at)),
            expectation_offset: row.expectation_offset,
            changed_at: time(row.changed_at),
            changed_by: row.changed_by.map(|Origin { input, offset }| Record { input, offset }),
            overdue: row.overdue,
            named_deadlines: (row.deadlines != Deadlines::NONE).then(|| NamedDeadlines {
                overdue: row.deadlines.overdue.map(time),
                expired: row.deadlines.expire.map(time),
            }),
            to_come: match row.awaits {
                Awaits::Growing(list) if row.phase == Phase::Open && list.to_come > 0 => {
                    Some(list.to_come)
                }
                _ => None,
            },
            count: match row.awaits {
                Awaits::Items | Awaits::Growing(_) => None,
                Awaits::Count(needed) => Some(Count { needed, missing: row.missing }),
            },
            kept: Kept::as_object(row.kept.expected()),
            items: items.collect(),
        }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |at: &str, record: Option<(u8, i64)>| match record {
            Some((input, offset)) => format!("{at}, by offset {offset} of input {input}"),
            None => at.to_owned(),
        };
        let expectation = self.expectation_offset.map(|offset| (EXPECTED_INPUT, offset));
        let expected = told(self.expected_at.as_deref().unwrap_or("not yet"), expectation);
        let changed_by = self.changed_by.as_ref().map(|Record { input, offset }| (*input, *offset));
        let changed = told(&self.changed_at, changed_by);
        writeln!(f, "{}", heading(&self.key))?;
        writeln!(f, "  shard     {}", self.shard)?;
        writeln!(f, "  phase     {}", self.phase)?;
        writeln!(f, "  expected  {expected}")?;
        writeln!(f, "  changed   {changed}")?;
        writeln!(f, "  overdue   {}", if self.overdue { "reported" } else { "no" })?;
        if let Some(named) = self.named_deadlines.as_ref().and_then(super::named) {
            writeln!(f, "  by record {named}")?;
        }
        if let Some(Count { needed, missing }) = &self.count {
            writeln!(f, "  waits for {missing} more of {needed}, whichever they are")?;
        }
        if let Some(to_come) = self.to_come {
            writeln!(f, "  waits for the rest of its list, {to_come} or more items")?;
        }
        if let Some(kept) = &self.kept {
            writeln!(f, "  kept      {}", printable(kept))?;
        }
        if self.items.is_empty() {
            return Ok(());
        }
        writeln!(f)?;
        let mut table = Table::new(&["NEEDED", "HAVE", "MISSING", "ITEM"]);
        for Item { item, needed, have, missing, failed, kept } in &self.items {
            let missing = if *failed { "failed".to_owned() } else { missing.to_string() };
            let counts = [needed.to_string(), have.to_string(), missing];
            let item = with_kept(item, kept.as_deref());
            table.line(counts.into_iter().chain([item]).collect());
        }
        write!(f, "{table}")
    }
}
