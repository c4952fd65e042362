//! The worker's metrics, collected from the view on each scrape: nothing is counted twice, and the
//! hot path does not know about them. Each group of the catalogue has a function in `groups`.
//!
//! Promise: a hundred shards add about twenty lines each to a scrape, and every further one only a
//! few: its state, and its records by input; see `foremost`. Outcomes, reasons and histograms are
//! reported for the worker as a whole.

mod foremost;
mod groups;

use std::{collections::BTreeMap, sync::Arc};

use prometheus::{
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::{
    commits::Commits,
    committer::wall_ms,
    view::{Report, ShardView, View},
};
use rollcall_core::{
    record::{ShardId, Timestamp},
    shard::Counters,
};
use rollcall_object::Settings;
use rollcall_service::metrics::{Families, Metric, Process, Registry, catalogue};

/// Collects the worker's metrics.
pub struct Metrics {
    view: Arc<View>,
    /// Topics, the expected one first.
    inputs: Vec<String>,
    overdue_after_ms: Option<i64>,
    descs: Vec<Desc>,
}

/// Returns all of a worker's metrics.
///
/// # Errors
/// Duplicate names, which the tests rule out.
pub fn registry(
    view: Arc<View>,
    settings: &Settings,
    instance_id: &str,
) -> prometheus::Result<Registry> {
    let inputs = settings.inputs().into_iter().map(str::to_owned).collect();
    let constant = [("reconciliation", &settings.name[..]), ("worker", instance_id)];
    let registry = Registry::new(&constant);
    registry.add(Metrics::new(view, inputs, settings.rules().overdue_after_ms))?;
    registry.add(Process::default())?;
    Ok(registry)
}

/// The state that one scrape reads.
struct Scene<'a> {
    view: &'a View,
    inputs: &'a [String],
    overdue_after_ms: Option<i64>,
    wall_ms: Timestamp,
    shards: BTreeMap<ShardId, ShardView>,
    /// For all shards that the worker has or had.
    counters: Counters,
    commits: Commits,
}

impl Metrics {
    fn new(view: Arc<View>, inputs: Vec<String>, overdue_after_ms: Option<i64>) -> Self {
        let groups = catalogue::WORKER.iter().filter(|group| !group.is_of_every_process());
        let descs = groups.flat_map(|group| group.metrics).copied().map(Metric::desc).collect();
        Self { view, inputs, overdue_after_ms, descs }
    }
}

impl Collector for Metrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    /// Reads files, so it may block.
    fn collect(&self) -> Vec<MetricFamily> {
        let shards = self.view.shards();
        let mut scene = Scene {
            view: &self.view,
            inputs: &self.inputs,
            overdue_after_ms: self.overdue_after_ms,
            wall_ms: wall_ms(),
            counters: Counters::new(self.inputs.len()),
            commits: Commits::default(),
            shards,
        };
        for shard in scene.shards.values() {
            scene.counters =
                shard.counters().iter().fold(scene.counters, |sum, counters| sum.plus(counters));
            scene.commits = scene.commits.plus(shard.commits());
        }
        let mut families = Families::default();
        groups::business(&mut families, &scene);
        groups::input(&mut families, &scene);
        groups::sharding(&mut families, &scene);
        groups::restore(&mut families, &scene);
        groups::commits(&mut families, &scene);
        groups::store(&mut families, &scene);
        groups::client(&mut families, &scene);
        groups::schemas(&mut families, &scene);
        groups::tracing(&mut families, &scene);
        families.finish()
    }
}

impl Scene<'_> {
    /// Returns the shards that the group has assigned to this worker, with their numbers as text.
    fn owned(&self) -> impl Iterator<Item = (String, &ShardView)> {
        let owned = self.shards.iter().filter(|(_, shard)| shard.is_ours());
        owned.map(|(id, shard)| (id.to_string(), shard))
    }

    /// Returns a value from the report of each shard that has one.
    fn reported<T>(&self, value: impl Fn(&Report) -> Option<T>) -> Vec<(String, T)> {
        let reports = self.owned().filter_map(|(shard, view)| Some((shard, view.report.as_ref()?)));
        reports.filter_map(|(shard, report)| Some((shard, value(report)?))).collect()
    }
}

#[cfg(test)]
mod tests;
