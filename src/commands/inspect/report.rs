//! Totals of every store in a directory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::table::Table;
use super::{Directory, Error, text, time};
use rollcall_core::codec::row;
use rollcall_core::text::escape::printable;
use rollcall_core::{
    matching::{Phase, Row},
    record::Timestamp,
};
use rollcall_core::{record::ShardId, shard};
use rollcall_store::{Identity, Snapshot};

/// What a state directory holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    directory: PathBuf,
    #[serde(flatten)]
    owner: Identity,
    /// The process that uses it.
    used_by: Option<u32>,
    pub(super) shards: Vec<Shard>,
    pub(super) unreadable: Vec<Unreadable>,
}

/// A store that could not be read.
#[derive(Debug, Serialize)]
pub(super) struct Unreadable {
    pub(super) shard: i32,
    pub(super) error: String,
}

/// What one store holds.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shard {
    pub(super) shard: i32,
    /// First changelog offset that the store does not contain.
    pub(super) changelog_next: Option<i64>,
    pub(super) spilled_at: Option<String>,
    pub(super) rows: Rows,
    pub(super) due_entries: u64,
    pub(super) disk_bytes: u64,
    pub(super) oldest_open: Option<Oldest>,
}

/// Rows by state.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rows {
    /// Open, with an expectation.
    pub(super) expected: u64,
    /// Open, with observations only.
    pub(super) without_expectation: u64,
    /// Those of `expected` whose overdue record was sent.
    pub(super) overdue: u64,
    pub(super) completed: u64,
    pub(super) cancelled: u64,
    pub(super) failed: u64,
}

/// The open row that has waited longest.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Oldest {
    pub(super) key: String,
    pub(super) since: String,
}

/// Gathers the totals of every store in `dir`.
pub(super) fn gather(dir: &Path) -> Result<Report, Error> {
    let Directory { owner, used_by, shards } = Directory::look(dir)?;
    let directory = dir.to_owned();
    let mut report = Report { directory, owner, used_by, shards: vec![], unreadable: vec![] };
    for shard in shards {
        match count(dir, shard) {
            Ok(found) => report.shards.push(found),
            Err(error) => {
                let error = error.to_string();
                report.unreadable.push(Unreadable { shard: shard.0, error });
            }
        }
    }
    Ok(report)
}

fn count(dir: &Path, shard: ShardId) -> Result<Shard, Error> {
    let failed = |error| Error::Store { shard, error };
    let mut found = Shard { shard: shard.0, ..Shard::default() };
    let Some(store) = Snapshot::open(dir, shard).map_err(failed)? else {
        return Ok(found);
    };
    found.disk_bytes = store.bytes().map_err(failed)?;
    if let Some(checkpoint) = store.checkpoint().map_err(failed)? {
        found.changelog_next = Some(checkpoint.changelog_next);
        found.spilled_at = Some(time(checkpoint.spilled_at_ms));
    }
    let count_due = |_| -> shard::Result<()> {
        found.due_entries += 1;
        Ok(())
    };
    store.due(count_due).map_err(failed)?;
    let mut oldest: Option<(Timestamp, Vec<u8>)> = None;
    let mut unknown = None;
    let count_row = |key: &[u8], bytes: &[u8]| {
        let row = row::decode(bytes).map_err(|error| {
            let text = error.to_string();
            unknown = Some(Error::Row { shard, key: super::text(key), error });
            shard::Error::Corrupt(text)
        })?;
        found.rows.add(&row);
        if row.phase == Phase::Open {
            let since = waits_since(&row);
            if oldest.as_ref().is_none_or(|(oldest, _)| since < *oldest) {
                oldest = Some((since, key.to_vec()));
            }
        }
        Ok(())
    };
    let counted = store.rows(count_row);
    if let Some(error) = unknown {
        return Err(error);
    }
    counted.map_err(failed)?;
    found.oldest_open = oldest.map(|(since, key)| Oldest { key: text(&key), since: time(since) });
    Ok(found)
}

/// Returns since when an open row has waited: since its expectation, or its last observation.
fn waits_since(row: &Row) -> Timestamp {
    if row.expected { row.expected_at } else { row.changed_at }
}

impl Rows {
    fn add(&mut self, row: &Row) {
        match row.phase {
            Phase::Absent => {}
            Phase::Open if row.expected => self.expected += 1,
            Phase::Open => self.without_expectation += 1,
            Phase::Completed => self.completed += 1,
            Phase::Cancelled => self.cancelled += 1,
            Phase::Failed => self.failed += 1,
        }
        self.overdue += u64::from(row.phase == Phase::Open && row.overdue);
    }

    fn add_all(&mut self, other: &Self) {
        self.expected += other.expected;
        self.without_expectation += other.without_expectation;
        self.overdue += other.overdue;
        self.completed += other.completed;
        self.cancelled += other.cancelled;
        self.failed += other.failed;
    }
}

impl Report {
    /// A store that cannot be read is a failure, even though the others are shown.
    pub(super) fn exit(&self) -> ExitCode {
        if self.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn total(&self) -> Shard {
        let mut total = Shard::default();
        for shard in &self.shards {
            total.rows.add_all(&shard.rows);
            total.due_entries += shard.due_entries;
            total.disk_bytes += shard.disk_bytes;
        }
        total
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.directory.display())?;
        writeln!(f, "  group      {}", printable(&self.owner.group))?;
        writeln!(f, "  cluster    {}", printable(&self.owner.cluster_id))?;
        writeln!(f, "  changelog  {}", printable(&self.owner.changelog))?;
        match self.used_by {
            None => writeln!(f, "  used by    no process")?,
            Some(0) => writeln!(f, "  used by    a process; what it still caches is not shown")?,
            Some(id) => {
                writeln!(f, "  used by    process {id}; what it still caches is not shown")?;
            }
        }
        writeln!(f)?;
        let mut table = Table::new(&[
            "SHARD",
            "CHANGELOG NEXT",
            "SPILLED AT",
            "OPEN",
            "UNEXPECTED",
            "OVERDUE",
            "COMPLETED",
            "CANCELLED",
            "FAILED",
            "DUE",
            "DISK",
            "OLDEST OPEN",
        ]);
        for shard in &self.shards {
            table.line(shard.cells(&shard.shard.to_string()));
        }
        table.line(self.total().cells("all"));
        write!(f, "{table}")?;
        writeln!(f, "\nOPEN rows know their items, UNEXPECTED ones wait for their expectation.")?;
        for Unreadable { error, .. } in &self.unreadable {
            writeln!(f, "\nerror: {}", printable(error))?;
        }
        Ok(())
    }
}

impl Shard {
    fn cells(&self, name: &str) -> Vec<String> {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let oldest = self.oldest_open.as_ref();
        vec![
            name.to_owned(),
            or_none(self.changelog_next.map(|offset| offset.to_string())),
            or_none(self.spilled_at.clone()),
            self.rows.expected.to_string(),
            self.rows.without_expectation.to_string(),
            self.rows.overdue.to_string(),
            self.rows.completed.to_string(),
            self.rows.cancelled.to_string(),
            self.rows.failed.to_string(),
            self.due_entries.to_string(),
            size(self.disk_bytes),
            or_none(oldest.map(|oldest| format!("{} {}", oldest.since, oldest.key))),
        ]
    }
}

/// Formats a size in KiB, MiB or GiB with one decimal.
fn size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..0x10_0000 => (1 << 10, "KiB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    let tenths = (bytes.saturating_mul(10) + unit / 2) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}
