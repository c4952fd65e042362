//! How many rows a shard has, by state.
//!
//! The counts are committed with every transaction, as part of the offsets' metadata: they are
//! exact whatever crashes, and opening a shard needs no counting.

use serde::{Deserialize, Serialize};

use crate::matching::{Phase, Row};

/// Rows of a shard by state (docs/semantics.md).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowCounts {
    /// Expected but not complete.
    pub open: u64,
    /// Those of `open` that were reported as overdue.
    pub overdue: u64,
    /// Observed but not expected yet.
    pub unexpected: u64,
    /// Completed, failed or cancelled, and still remembered.
    pub finished: u64,
}

impl RowCounts {
    /// Returns the counts of this row alone.
    #[inline]
    pub fn of(row: &Row) -> Self {
        let mut counts = Self::default();
        match row.phase {
            Phase::Absent => {}
            Phase::Open if row.expected => {
                counts.open = 1;
                counts.overdue = u64::from(row.overdue);
            }
            Phase::Open => counts.unexpected = 1,
            Phase::Completed | Phase::Cancelled | Phase::Failed => counts.finished = 1,
        }
        counts
    }

    /// Adds the counts of `other`.
    #[inline]
    pub fn add(&mut self, other: Self) {
        self.open += other.open;
        self.overdue += other.overdue;
        self.unexpected += other.unexpected;
        self.finished += other.finished;
    }

    /// Subtracts the counts of `other`; `None` if they were never added.
    #[inline]
    #[must_use]
    pub fn without(self, other: Self) -> Option<Self> {
        Some(Self {
            open: self.open.checked_sub(other.open)?,
            overdue: self.overdue.checked_sub(other.overdue)?,
            unexpected: self.unexpected.checked_sub(other.unexpected)?,
            finished: self.finished.checked_sub(other.finished)?,
        })
    }
}
