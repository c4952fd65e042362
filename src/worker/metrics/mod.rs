//! The worker's metrics, read from the view when they are asked for: nothing is counted twice,
//! and the hot path knows nothing of them. One file for each group of the catalogue.
//!
//! Promise: a scrape grows with the shards by what is told of each of them, about a dozen and a
//! half of lines; outcomes, reasons and histograms are told of the worker as a whole.

mod business;
mod client;
mod commits;
mod input;
mod process;
mod restore;
mod sharding;
mod store;
mod tracing;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    commits::Commits,
    view::{ShardView, View},
};
use crate::{
    metrics::Page,
    shard::{Counters, ShardId},
    spec::Settings,
};

/// Renders the worker's metrics.
pub struct Metrics {
    view: Arc<View>,
    reconciliation: String,
    worker: String,
    /// Topics, the expected one first.
    inputs: Vec<String>,
}

/// What one scrape looks at.
struct Scene<'a> {
    view: &'a View,
    inputs: &'a [String],
    shards: BTreeMap<ShardId, ShardView>,
    /// Of all shards that the worker has or had.
    counters: Counters,
    commits: Commits,
}

impl Metrics {
    pub fn new(view: Arc<View>, settings: &Settings, instance_id: &str) -> Self {
        let inputs = settings.inputs().into_iter().map(str::to_owned).collect();
        let (reconciliation, worker) = (settings.name.clone(), instance_id.to_owned());
        Self { view, reconciliation, worker, inputs }
    }

    /// Returns all metrics in Prometheus' text format. Looks at files, so it may block.
    pub fn render(&self) -> String {
        let shards = self.view.shards();
        let mut scene = Scene {
            view: &self.view,
            inputs: &self.inputs,
            counters: Counters::new(self.inputs.len()),
            commits: Commits::default(),
            shards,
        };
        for shard in scene.shards.values() {
            scene.counters =
                shard.counters().iter().fold(scene.counters, |sum, counters| sum.plus(counters));
            scene.commits = scene.commits.plus(shard.commits());
        }
        let constant = [("reconciliation", &self.reconciliation[..]), ("worker", &self.worker)];
        let mut page = Page::new(&constant);
        business::write(&mut page, &scene);
        input::write(&mut page, &scene);
        sharding::write(&mut page, &scene);
        restore::write(&mut page, &scene);
        commits::write(&mut page, &scene);
        store::write(&mut page, &scene);
        client::write(&mut page, &scene);
        tracing::write(&mut page, &scene);
        process::write(&mut page, &scene);
        page.finish()
    }
}

impl Scene<'_> {
    /// Returns the shards that the group has given to this worker, with their numbers written out.
    fn owned(&self) -> impl Iterator<Item = (String, &ShardView)> {
        let owned = self.shards.iter().filter(|(_, shard)| shard.is_ours());
        owned.map(|(id, shard)| (id.to_string(), shard))
    }
}

#[cfg(test)]
mod tests;
