//! Counts and durations of commits.

use std::time::Duration;

use rollcall_core::{
    record::{Histogram, Sink},
    shard::Transaction,
};

/// Upper bounds of a commit's duration, in microseconds.
static BOUNDS_MICROS: [u64; 12] = [
    5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_250_000, 2_500_000,
    5_000_000, 15_000_000,
];

/// A row above this size is large: each commit that changes it writes all of it.
const LARGE_ROW_BYTES: usize = 64 << 10;

/// Figures of a shard's commits since it was opened.
#[derive(Debug, Clone, Copy)]
pub struct Commits {
    pub micros: Histogram<12>,
    /// Number of rows and of records for the output topics.
    pub changes: u64,
    pub outputs: u64,
    /// Size of the keys and values of both.
    pub bytes: u64,
    /// Number of rows above [`LARGE_ROW_BYTES`], their total size, and the largest size.
    pub large_rows: u64,
    pub large_row_bytes: u64,
    pub largest_row_bytes: usize,
    /// Wall time in milliseconds when a completion was last committed.
    pub last_completion_ms: Option<i64>,
}

impl Default for Commits {
    fn default() -> Self {
        Self {
            micros: Histogram::new(&BOUNDS_MICROS),
            changes: 0,
            outputs: 0,
            bytes: 0,
            large_rows: 0,
            large_row_bytes: 0,
            largest_row_bytes: 0,
            last_completion_ms: None,
        }
    }
}

impl Commits {
    /// Counts a transaction that took `took` and was committed at `wall_ms`.
    pub fn add(&mut self, transaction: &Transaction, took: Duration, wall_ms: i64) {
        self.micros.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.changes += transaction.changes.len() as u64;
        self.outputs += transaction.outputs.len() as u64;
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let outputs = transaction.outputs.iter();
        let output_bytes: usize =
            outputs.map(|output| length(&output.key) + length(&output.value)).sum();
        self.bytes += (transaction.changes.bytes() + output_bytes) as u64;
        self.add_large_rows(transaction);
        if transaction.outputs.iter().any(|output| output.sink == Sink::Completed) {
            self.last_completion_ms = Some(wall_ms);
        }
    }

    /// Counts the large rows of a transaction; logs the first one, and whenever one has doubled.
    fn add_large_rows(&mut self, transaction: &Transaction) {
        let rows = transaction.changes.iter().map(|(_, row)| row.len());
        for bytes in rows.filter(|bytes| *bytes > LARGE_ROW_BYTES) {
            self.large_rows += 1;
            self.large_row_bytes += bytes as u64;
            if bytes / 2 >= self.largest_row_bytes {
                self.largest_row_bytes = bytes;
                tracing::warn!(
                    shard = transaction.shard.0,
                    bytes,
                    "a key has very many items, and each commit that changes it writes all of them"
                );
            }
        }
    }

    /// Returns the sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            micros: self.micros.plus(&other.micros),
            changes: self.changes + other.changes,
            outputs: self.outputs + other.outputs,
            bytes: self.bytes + other.bytes,
            large_rows: self.large_rows + other.large_rows,
            large_row_bytes: self.large_row_bytes + other.large_row_bytes,
            largest_row_bytes: self.largest_row_bytes.max(other.largest_row_bytes),
            last_completion_ms: self.last_completion_ms.max(other.last_completion_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::{
        record::ShardId,
        shard::{Batch, Metadata},
    };

    fn transaction(rows: &[usize]) -> Transaction {
        let mut changes = Batch::default();
        for (key, bytes) in rows.iter().enumerate() {
            changes.push(key.to_string().as_bytes(), &vec![1; *bytes]);
        }
        let (offsets, metadata) = (Vec::new(), Metadata::default());
        Transaction { shard: ShardId(0), changes, outputs: Vec::new(), offsets, metadata }
    }

    #[test]
    fn rows_that_are_large_are_counted_apart() {
        let mut commits = Commits::default();
        commits.add(&transaction(&[30, LARGE_ROW_BYTES]), Duration::ZERO, 0);
        assert_eq!((commits.large_rows, commits.large_row_bytes), (0, 0));
        commits.add(&transaction(&[100_000, 30]), Duration::ZERO, 0);
        commits.add(&transaction(&[100_010]), Duration::ZERO, 0);
        assert_eq!((commits.large_rows, commits.large_row_bytes), (2, 200_010));
        assert_eq!(commits.largest_row_bytes, 100_000, "it has not doubled");
    }
}
