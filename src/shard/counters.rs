//! What a shard has done since it was opened.

use crate::{
    codec::{REASONS, Reason},
    matching::{OUTCOMES, Outcome},
};

/// Counts since the shard was opened; they only grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Records taken from each input.
    pub records: Vec<u64>,
    /// By outcome, in the order of [`OUTCOMES`].
    pub outcomes: [u64; OUTCOMES.len()],
    /// By reason, in the order of [`REASONS`].
    pub dead_letters: [u64; REASONS.len()],
    pub completions: u64,
    /// Completions of keys that were reported overdue before.
    pub late_completions: u64,
    /// Input records that were deleted before they were read.
    pub lost_records: u64,
    /// Keys looked up in memory, and those of them that had to be read from the store.
    pub lookups: u64,
    pub misses: u64,
}

impl Counters {
    pub fn new(inputs: usize) -> Self {
        Self {
            records: vec![0; inputs],
            outcomes: [0; OUTCOMES.len()],
            dead_letters: [0; REASONS.len()],
            completions: 0,
            late_completions: 0,
            lost_records: 0,
            lookups: 0,
            misses: 0,
        }
    }

    /// Returns the sums of both.
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        let add = |to: &mut [u64], from: &[u64]| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        };
        add(&mut sum.records, &other.records);
        add(&mut sum.outcomes, &other.outcomes);
        add(&mut sum.dead_letters, &other.dead_letters);
        sum.completions += other.completions;
        sum.late_completions += other.late_completions;
        sum.lost_records += other.lost_records;
        sum.lookups += other.lookups;
        sum.misses += other.misses;
        sum
    }

    pub fn outcome(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    pub fn dead_letter(&mut self, reason: &Reason) {
        self.dead_letters[reason.index()] += 1;
    }
}
