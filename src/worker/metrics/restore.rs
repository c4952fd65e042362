//! Shards that come up.

use super::Scene;
use crate::{
    metrics::{Page, catalogue::restore},
    worker::view::State,
};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    let mut remaining = page.family(&restore::REMAINING);
    for (shard, view) in scene.owned() {
        // A shard that is up has nothing left: dashboards and alerts see it get there.
        let left = match &view.state {
            State::Opening(progress) => progress.remaining(),
            _ => 0,
        };
        remaining.sample(&[&shard], left);
    }
    page.single(&restore::RESTORED, scene.view.totals.restored_records());
    let mut took = page.family(&restore::OPEN_SECONDS);
    for (shard, seconds) in scene.view.totals.openings() {
        took.sample(&[&shard.to_string()], seconds);
    }
}
