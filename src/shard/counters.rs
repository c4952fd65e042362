//! What a shard has done since it was opened.

use super::InputIndex;
use crate::{
    codec::{REASONS, Reason},
    matching::{Emitted, OUTCOMES, Outcome, Timestamp},
    metrics::Histogram,
};

/// Upper bounds of the time from expectation to completion, in milliseconds: a second to a week.
static COMPLETION_BOUNDS_MS: [u64; 12] = [
    1_000,
    5_000,
    15_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
    14_400_000,
    43_200_000,
    86_400_000,
    259_200_000,
    604_800_000,
];

/// Counts since the shard was opened; they only grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Records taken from each input.
    pub records: Vec<u64>,
    /// Those of them whose timestamp cannot be used (S30), by input.
    pub unusable_times: Vec<u64>,
    /// By outcome, in the order of [`OUTCOMES`].
    pub outcomes: [u64; OUTCOMES.len()],
    /// By reason, in the order of [`REASONS`].
    pub dead_letters: [u64; REASONS.len()],
    /// The same of each input.
    pub refused: Vec<[u64; REASONS.len()]>,
    pub completions: u64,
    /// Completions of keys that were reported overdue before.
    pub late_completions: u64,
    /// From the expectation to the completion, by the records' timestamps.
    pub completion_ms: Histogram<12>,
    /// Input records that were deleted before they were read.
    pub lost_records: u64,
    /// Input partitions whose topic was found deleted and made again, and read from its start.
    pub recreated_inputs: u64,
    /// Keys looked up in memory; those of them that had to be looked up in the store; those that
    /// were known to be new.
    pub lookups: u64,
    pub misses: u64,
    pub new_keys: u64,
}

impl Counters {
    pub fn new(inputs: usize) -> Self {
        Self {
            records: vec![0; inputs],
            unusable_times: vec![0; inputs],
            outcomes: [0; OUTCOMES.len()],
            dead_letters: [0; REASONS.len()],
            refused: vec![[0; REASONS.len()]; inputs],
            completions: 0,
            late_completions: 0,
            completion_ms: Histogram::new(&COMPLETION_BOUNDS_MS),
            lost_records: 0,
            recreated_inputs: 0,
            lookups: 0,
            misses: 0,
            new_keys: 0,
        }
    }

    /// Returns the sums of both.
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        let add = |to: &mut [u64], from: &[u64]| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        };
        add(&mut sum.records, &other.records);
        add(&mut sum.unusable_times, &other.unusable_times);
        add(&mut sum.outcomes, &other.outcomes);
        add(&mut sum.dead_letters, &other.dead_letters);
        sum.refused.iter_mut().zip(&other.refused).for_each(|(to, from)| add(to, from));
        sum.completions += other.completions;
        sum.late_completions += other.late_completions;
        sum.completion_ms = sum.completion_ms.plus(&other.completion_ms);
        sum.lost_records += other.lost_records;
        sum.recreated_inputs += other.recreated_inputs;
        sum.lookups += other.lookups;
        sum.misses += other.misses;
        sum.new_keys += other.new_keys;
        sum
    }

    pub fn outcome(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    /// Counts what was emitted at `at`. Clocks that disagree make a completion take no time.
    pub fn emitted(&mut self, emitted: &Emitted, at: Timestamp) {
        if let Emitted::Completion { late, expected_at } = emitted {
            self.completions += 1;
            self.late_completions += u64::from(*late);
            let took_ms = at.saturating_sub(*expected_at);
            self.completion_ms.observe(u64::try_from(took_ms).unwrap_or(0));
        }
    }

    pub fn dead_letter(&mut self, input: InputIndex, reason: &Reason) {
        self.dead_letters[reason.index()] += 1;
        self.refused[input][reason.index()] += 1;
    }
}
