//! Shards that come up.

use super::Scene;
use crate::view::State;
use rollcall_service::metrics::{Families, catalogue::restore};

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
    let mut remaining = families.family(&restore::REMAINING);
    for (shard, view) in scene.owned() {
        // A shard that is up has nothing left: dashboards and alerts see it get there.
        let left = match &view.state {
            State::Opening(progress) => progress.remaining(),
            _ => 0,
        };
        remaining.sample(&[&shard], left);
    }
    families.single(&restore::RESTORED, scene.view.totals.restored_records());
    let mut took = families.family(&restore::OPEN_SECONDS);
    for (shard, seconds) in scene.view.totals.openings() {
        took.sample(&[&shard.to_string()], seconds);
    }
}
