//! Rates over the last minutes, computed from the workers' counters.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use serde::Serialize;

use rollcall_service::state_api::{ShardTotals, WorkerStatus};

/// How many samples are kept: about five minutes.
const SAMPLES_MAX: usize = 150;
const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// The rates at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// Wall time, in milliseconds.
    pub at_ms: i64,
    pub records_per_second: f64,
    pub completions_per_second: f64,
    pub dead_letters_per_second: f64,
}

/// Rates over the last minutes.
#[derive(Debug, Default)]
pub struct History {
    /// By worker and shard: counters start again at zero with each worker.
    counts: BTreeMap<(String, u32), ShardTotals>,
    sampled: Option<Instant>,
    samples: VecDeque<Rates>,
}

impl History {
    /// Adds the counters of all workers that answer.
    pub fn add(&mut self, workers: &[&WorkerStatus]) {
        let now = Instant::now();
        let since = self.sampled.map(|sampled| now.duration_since(sampled));
        if since.is_some_and(|since| since < SAMPLE_EVERY) {
            return;
        }
        let at_ms = jiff::Timestamp::now().as_millisecond();
        self.sample(at_ms, since.map(|since| since.as_secs_f64()), workers);
        self.sampled = Some(now);
    }

    fn sample(&mut self, at_ms: i64, seconds: Option<f64>, workers: &[&WorkerStatus]) {
        let mut counts = BTreeMap::new();
        let mut grown = ShardTotals::default();
        for worker in workers {
            for shard in &worker.shards {
                let Some(now) = shard.totals else { continue };
                let id = (worker.instance.clone(), shard.shard);
                // What was counted before the first sample says nothing about the rate.
                let before = self.counts.get(&id).copied().unwrap_or(now);
                grown.records += now.records.saturating_sub(before.records);
                grown.completions += now.completions.saturating_sub(before.completions);
                grown.dead_letters += now.dead_letters.saturating_sub(before.dead_letters);
                counts.insert(id, now);
            }
        }
        self.counts = counts;
        let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) else { return };
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(Rates {
            at_ms,
            records_per_second: grown.records as f64 / seconds,
            completions_per_second: grown.completions as f64 / seconds,
            dead_letters_per_second: grown.dead_letters as f64 / seconds,
        });
    }

    /// Returns the samples, the oldest first.
    pub fn samples(&self) -> Vec<Rates> {
        self.samples.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_service::state_api::{ShardState, ShardStatus, WorkerState};

    fn worker(instance: &str, records: u64) -> WorkerStatus {
        WorkerStatus {
            reconciliation: "shipping".to_owned(),
            instance: instance.to_owned(),
            version: "0".to_owned(),
            state: WorkerState::Joined,
            partitioner: None,
            partitions: Some(1),
            trouble: None,
            troubles: vec![],
            shards: vec![ShardStatus {
                shard: 0,
                state: ShardState::Running,
                reason: None,
                inputs: vec![],
                totals: Some(ShardTotals { records, ..ShardTotals::default() }),
                rows: None,
                restore: None,
                last_completion_at: None,
            }],
        }
    }

    #[test]
    fn a_rate_is_what_came_between_two_looks() {
        let mut history = History::default();
        history.sample(0, None, &[&worker("a", 500)]);
        history.sample(1, Some(2.0), &[&worker("a", 700)]);
        let rates: Vec<f64> = history.samples().iter().map(|s| s.records_per_second).collect();
        assert_eq!(rates, [100.0]);
    }

    #[test]
    fn a_worker_that_starts_anew_is_no_flood_and_no_ebb() {
        let mut history = History::default();
        history.sample(0, None, &[&worker("a", 500)]);
        history.sample(1, Some(1.0), &[&worker("a", 3)]);
        history.sample(2, Some(1.0), &[&worker("a", 5), &worker("b", 90_000)]);
        let rates: Vec<f64> = history.samples().iter().map(|s| s.records_per_second).collect();
        assert_eq!(rates, [0.0, 2.0]);
    }
}
