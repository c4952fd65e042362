//! What a shard has done since it was opened: counted when it is committed, not when it is
//! attempted.

use crate::record::InputIndex;
use crate::{
    codec::{REASONS, Reason},
    matching::{Emitted, OUTCOMES, Outcome},
    record::{Histogram, Timestamp},
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

/// Counts for some period of time; see [`Ledger`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    /// Records taken from each input.
    pub records: Vec<u64>,
    /// Those of them with an unusable timestamp (S30), by input.
    pub unusable_times: Vec<u64>,
    /// Those of them that belong to none of their topic's entries, by input.
    pub skipped: Vec<u64>,
    /// By outcome, in the order of [`OUTCOMES`].
    pub outcomes: [u64; OUTCOMES.len()],
    /// By reason, in the order of [`REASONS`].
    pub dead_letters: [u64; REASONS.len()],
    /// The same for each input.
    pub refused: Vec<[u64; REASONS.len()]>,
    pub completions: u64,
    /// Completions of keys that were reported overdue before.
    pub late_completions: u64,
    pub failures: u64,
    /// Failures of keys that were reported overdue before.
    pub late_failures: u64,
    /// Cancelled keys that were reported (S29).
    pub cancellations: u64,
    /// Time from the expectation to the completion, by the records' timestamps.
    pub completion_ms: Histogram<12>,
    /// Input records that were deleted before they were read.
    pub lost_records: u64,
    /// Input partitions whose topic was found deleted and recreated, and which are read from the
    /// start.
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
            skipped: vec![0; inputs],
            outcomes: [0; OUTCOMES.len()],
            dead_letters: [0; REASONS.len()],
            refused: vec![[0; REASONS.len()]; inputs],
            completions: 0,
            late_completions: 0,
            failures: 0,
            late_failures: 0,
            cancellations: 0,
            completion_ms: Histogram::new(&COMPLETION_BOUNDS_MS),
            lost_records: 0,
            recreated_inputs: 0,
            lookups: 0,
            misses: 0,
            new_keys: 0,
        }
    }

    /// Returns the sum of both.
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.add(other);
        sum
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        let add = |to: &mut [u64], from: &[u64]| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        };
        add(&mut self.records, &other.records);
        add(&mut self.unusable_times, &other.unusable_times);
        add(&mut self.skipped, &other.skipped);
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.dead_letters, &other.dead_letters);
        self.refused.iter_mut().zip(&other.refused).for_each(|(to, from)| add(to, from));
        self.completions += other.completions;
        self.late_completions += other.late_completions;
        self.failures += other.failures;
        self.late_failures += other.late_failures;
        self.cancellations += other.cancellations;
        self.completion_ms = self.completion_ms.plus(&other.completion_ms);
        self.lost_records += other.lost_records;
        self.recreated_inputs += other.recreated_inputs;
        self.lookups += other.lookups;
        self.misses += other.misses;
        self.new_keys += other.new_keys;
    }

    pub fn outcome(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    /// Counts what was emitted at `at`. If clocks disagree, a completion counts as taking no time.
    pub fn emitted(&mut self, emitted: &Emitted, at: Timestamp) {
        match emitted {
            Emitted::Completion { late, expected_at, .. } => {
                self.completions += 1;
                self.late_completions += u64::from(*late);
                let took_ms = at.saturating_sub(*expected_at);
                self.completion_ms.observe(u64::try_from(took_ms).unwrap_or(0));
            }
            Emitted::Failed { late, .. } => {
                self.failures += 1;
                self.late_failures += u64::from(*late);
            }
            Emitted::Cancelled { .. } => self.cancellations += 1,
            Emitted::Overdue { .. } => {}
        }
    }

    pub fn dead_letter(&mut self, input: InputIndex, reason: &Reason) {
        self.dead_letters[reason.index()] += 1;
        self.refused[input][reason.index()] += 1;
    }
}

/// The counts of a shard, by how far they have progressed. What does not commit is dropped with its
/// shard and never counted: it is done again.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Since the shard was opened; it only grows.
    pub committed: Counters,
    /// In the commit that is under way.
    taken: Counters,
    /// In the running overlay.
    pub running: Counters,
}

impl Ledger {
    /// Starts with what was found while opening the shard, which the first commit settles.
    pub fn new(found: Counters) -> Self {
        let none = Counters::new(found.records.len());
        Self { committed: none.clone(), taken: none, running: found }
    }

    /// Returns whether a record of the input has had an unusable timestamp, committed or not.
    pub fn has_unusable_times(&self, input: InputIndex) -> bool {
        let all = [&self.committed, &self.taken, &self.running];
        all.iter().any(|counters| counters.unusable_times[input] > 0)
    }

    /// Ends the running overlay, which is about to be committed.
    pub fn take(&mut self) {
        let none = Counters::new(self.running.records.len());
        self.taken = std::mem::replace(&mut self.running, none);
    }

    /// Counts what was taken: it has been committed.
    pub fn commit(&mut self) {
        self.committed.add(&self.taken);
        self.taken = Counters::new(self.running.records.len());
    }
}
