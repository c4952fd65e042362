//! The worker's metrics, read from the view when they are asked for: nothing is counted twice,
//! and the hot path knows nothing of them.

use std::sync::Arc;

use prometheus::{
    Encoder, GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::view::{ShardView, State, View};
use crate::{
    codec::REASONS,
    matching::OUTCOMES,
    shard::{RowCounts, ShardId},
    spec::Settings,
};

/// Renders the worker's metrics.
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    pub fn new(view: Arc<View>, settings: &Settings) -> Self {
        let labels = [("reconciliation".to_owned(), settings.name.clone())].into();
        let registry = Registry::new_custom(Some("rollcall".to_owned()), Some(labels))
            .expect("the prefix is a legal name");
        let inputs = settings.inputs().into_iter().map(str::to_owned).collect();
        let collector = Shards { view, inputs };
        registry.register(Box::new(collector)).expect("one collector is registered once");
        Self { registry }
    }

    /// Returns all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// Families that do not fit together.
    pub fn render(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

struct Shards {
    view: Arc<View>,
    inputs: Vec<String>,
}

/// The families, made anew for each scrape: their number is bounded by the shards owned.
struct Families {
    records: IntCounterVec,
    outcomes: IntCounterVec,
    dead_letters: IntCounterVec,
    completions: IntCounterVec,
    lost: IntCounterVec,
    lookups: IntCounterVec,
    misses: IntCounterVec,
    commits: IntCounterVec,
    commit_seconds: GaugeVec,
    changes: IntCounterVec,
    next: IntGaugeVec,
    lag: IntGaugeVec,
    lag_seconds: GaugeVec,
    rows: IntGaugeVec,
    state: IntGaugeVec,
    restore_remaining: IntGaugeVec,
    restored: IntGaugeVec,
    cache_bytes: IntGaugeVec,
    rebalances: IntCounterVec,
}

impl Families {
    fn new() -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels)
        };
        let shard = ["shard"];
        Ok(Self {
            records: counter("records_total", "Input records processed", &["shard", "topic"])?,
            outcomes: counter(
                "outcomes_total",
                "What events did to their keys",
                &["shard", "outcome"],
            )?,
            dead_letters: counter("dead_letters_total", "Records refused", &["shard", "reason"])?,
            completions: counter("completions_total", "Completions emitted", &["shard", "late"])?,
            lost: counter(
                "input_lost_total",
                "Input offsets deleted before they were read",
                &shard,
            )?,
            lookups: counter("row_lookups_total", "Rows looked up", &shard)?,
            misses: counter("row_misses_total", "Rows read from the store", &shard)?,
            commits: counter("commits_total", "Transactions committed", &shard)?,
            commit_seconds: GaugeVec::new(
                Opts::new("commit_seconds_total", "Time that commits took, spills included"),
                &shard,
            )?,
            changes: counter("changelog_records_total", "Rows written to the changelog", &shard)?,
            next: gauge("next_offset", "First input offset not processed", &["shard", "topic"])?,
            lag: gauge("lag_records", "Input offsets still to read", &["shard", "topic"])?,
            lag_seconds: GaugeVec::new(
                Opts::new("lag_seconds", "Age of the last record processed; 0 at the end"),
                &["shard", "topic"],
            )?,
            rows: gauge("rows", "Rows by what they wait for", &["shard", "state"])?,
            state: gauge(
                "shard_state",
                "1 for the state that the shard is in",
                &["shard", "state"],
            )?,
            restore_remaining: gauge(
                "restore_remaining_offsets",
                "Changelog offsets still to restore",
                &shard,
            )?,
            restored: gauge("restore_records", "Changelog records restored so far", &shard)?,
            cache_bytes: gauge("row_cache_bytes", "Bytes of rows in memory", &shard)?,
            rebalances: counter("rebalances_total", "Changes of this worker's assignment", &[])?,
        })
    }

    fn add(&self, shard: ShardId, view: &ShardView, inputs: &[String]) {
        let id = &shard.to_string()[..];
        if let Some(counters) = view.counters() {
            for (topic, count) in inputs.iter().zip(&counters.records) {
                self.records.with_label_values(&[id, topic]).inc_by(*count);
            }
            for ((_, name), count) in OUTCOMES.iter().zip(counters.outcomes) {
                self.outcomes.with_label_values(&[id, name]).inc_by(count);
            }
            for (name, count) in REASONS.iter().zip(counters.dead_letters) {
                self.dead_letters.with_label_values(&[id, name]).inc_by(count);
            }
            let late = counters.late_completions;
            self.completions.with_label_values(&[id, "false"]).inc_by(counters.completions - late);
            self.completions.with_label_values(&[id, "true"]).inc_by(late);
            self.lost.with_label_values(&[id]).inc_by(counters.lost_records);
            self.lookups.with_label_values(&[id]).inc_by(counters.lookups);
            self.misses.with_label_values(&[id]).inc_by(counters.misses);
        }
        let commits = view.commits();
        self.commits.with_label_values(&[id]).inc_by(commits.count);
        self.commit_seconds.with_label_values(&[id]).set(commits.nanos as f64 / 1e9);
        self.changes.with_label_values(&[id]).inc_by(commits.changes);
        if !view.is_ours() {
            return;
        }
        self.state.with_label_values(&[id, view.state.name()]).set(1);
        if let State::Opening(progress) = &view.state {
            self.restore_remaining.with_label_values(&[id]).set(progress.remaining());
            let restored = i64::try_from(progress.restored()).unwrap_or(i64::MAX);
            self.restored.with_label_values(&[id]).set(restored);
        }
        if let Some(report) = &view.report {
            let bytes = i64::try_from(report.cache_bytes).unwrap_or(i64::MAX);
            self.cache_bytes.with_label_values(&[id]).set(bytes);
            for (topic, next) in inputs.iter().zip(&report.next) {
                self.next.with_label_values(&[id, topic]).set(*next);
            }
            for (topic, lag) in inputs.iter().zip(&report.lag_ms) {
                if let Some(lag) = lag {
                    self.lag_seconds.with_label_values(&[id, topic]).set(*lag as f64 / 1e3);
                }
            }
            let RowCounts { open, overdue, unexpected, finished } = report.rows;
            let rows = [
                ("open", open),
                ("overdue", overdue),
                ("unexpected", unexpected),
                ("finished", finished),
            ];
            for (state, count) in rows {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                self.rows.with_label_values(&[id, state]).set(count);
            }
            for (topic, lag) in inputs.iter().zip(&report.lag) {
                if let Some(lag) = lag {
                    self.lag.with_label_values(&[id, topic]).set(*lag);
                }
            }
        }
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counters = [
            &self.records,
            &self.outcomes,
            &self.dead_letters,
            &self.completions,
            &self.lost,
            &self.lookups,
            &self.misses,
            &self.commits,
            &self.changes,
            &self.rebalances,
        ];
        let gauges = [
            &self.next,
            &self.lag,
            &self.rows,
            &self.state,
            &self.restore_remaining,
            &self.restored,
            &self.cache_bytes,
        ];
        let mut families: Vec<_> = counters.iter().flat_map(|family| family.collect()).collect();
        families.extend(gauges.iter().flat_map(|family| family.collect()));
        families.extend(self.commit_seconds.collect());
        families.extend(self.lag_seconds.collect());
        families
    }
}

impl Collector for Shards {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let families = Families::new().expect("names and labels are legal");
        for (shard, view) in self.view.shards() {
            families.add(shard, &view, &self.inputs);
        }
        families.rebalances.with_label_values::<&str>(&[]).inc_by(self.view.rebalances());
        families.collect()
    }
}
