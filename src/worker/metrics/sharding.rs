//! Which shards this worker has.

use std::time::Instant;

use super::Scene;
use crate::{
    metrics::{Page, catalogue::sharding},
    worker::totals::REACTIONS,
};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    let (view, totals) = (scene.view, &scene.view.totals);
    if let Some(partitions) = totals.partitions() {
        page.single(&sharding::PARTITIONS, partitions);
    }
    page.single(&sharding::JOINED, u8::from(view.has_joined()));
    let mut states = page.family(&sharding::SHARD_STATE);
    for (shard, view) in scene.owned() {
        states.sample(&[&shard, view.state.name()], 1);
    }
    let mut failures = page.family(&sharding::SHARD_FAILURES);
    for (reaction, count) in REACTIONS.iter().zip(totals.shard_failures.counts()) {
        failures.sample(&[reaction], count);
    }
    page.single(&sharding::REBALANCES, view.rebalances());
    let (revocations, seconds) = totals.revocations();
    page.single(&sharding::REVOCATIONS, revocations);
    page.single(&sharding::REVOCATION_SECONDS, seconds);
    let mut stalls = page.family(&sharding::THREAD_STALLED);
    for (thread, stall) in view.pulse.stalls(Instant::now()) {
        stalls.sample(&[&thread], stall.as_secs_f64());
    }
}
