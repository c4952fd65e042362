//! What commits have taken.

use std::time::Duration;

use crate::{
    metrics::Histogram,
    shard::{Sink, Transaction},
};

/// Upper bounds of the time that a commit takes, in microseconds.
static BOUNDS_MICROS: [u64; 12] = [
    5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_250_000, 2_500_000,
    5_000_000, 15_000_000,
];

/// What a shard's commits have taken since it was opened.
#[derive(Debug, Clone, Copy)]
pub struct Commits {
    pub micros: Histogram<12>,
    /// Rows, and records for the output topics.
    pub changes: u64,
    pub outputs: u64,
    /// Keys and values of both.
    pub bytes: u64,
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
            last_completion_ms: None,
        }
    }
}

impl Commits {
    /// Counts a transaction that took so long and was in at `wall_ms`.
    pub fn add(&mut self, transaction: &Transaction, took: Duration, wall_ms: i64) {
        self.micros.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.changes += transaction.changes.len() as u64;
        self.outputs += transaction.outputs.len() as u64;
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let outputs = transaction.outputs.iter();
        let output_bytes: usize =
            outputs.map(|output| length(&output.key) + length(&output.value)).sum();
        self.bytes += (transaction.changes.bytes() + output_bytes) as u64;
        if transaction.outputs.iter().any(|output| output.sink == Sink::Completed) {
            self.last_completion_ms = Some(wall_ms);
        }
    }

    /// Returns the sums of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            micros: self.micros.plus(&other.micros),
            changes: self.changes + other.changes,
            outputs: self.outputs + other.outputs,
            bytes: self.bytes + other.bytes,
            last_completion_ms: self.last_completion_ms.max(other.last_completion_ms),
        }
    }
}
