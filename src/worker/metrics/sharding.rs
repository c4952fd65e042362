//! Which shards this worker has.

use std::{collections::BTreeSet, time::Instant};

use super::Scene;
use crate::{
    totals::{LOSSES, REACTIONS},
    view::{CHANGES, ShardView, State},
};
use rollcall_core::shard::Invariant;
use rollcall_service::metrics::{Families, catalogue::sharding};

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
    let (view, totals) = (scene.view, &scene.view.totals);
    if let Some(partitions) = totals.partitions() {
        families.single(&sharding::PARTITIONS, partitions);
    }
    families.single(&sharding::JOINED, u8::from(view.is_member()));
    let reasons: BTreeSet<_> = view.troubles.all().into_iter().map(|found| found.reason).collect();
    let mut troubles = families.family(&sharding::TROUBLE);
    for reason in &reasons {
        troubles.sample(&[reason], 1_u8);
    }
    let active =
        |(_, view): &(_, &ShardView)| matches!(view.state, State::Opening(_) | State::Running);
    if let Some(room) = totals.room(scene.owned().filter(active).count()) {
        families.single(&sharding::SHARD_ROOM, room);
    }
    let mut states = families.family(&sharding::SHARD_STATE);
    for (shard, view) in scene.owned() {
        states.sample(&[&shard, view.state.name()], 1_u8);
    }
    let mut failures = families.family(&sharding::SHARD_FAILURES);
    for (reaction, count) in REACTIONS.iter().zip(totals.shard_failures.counts()) {
        failures.sample(&[reaction], count);
    }
    let mut violations = families.family(&sharding::INVARIANT_VIOLATIONS);
    for (invariant, count) in Invariant::ALL.iter().zip(totals.shard_failures.violations()) {
        violations.sample(&[invariant.name()], count);
    }
    let mut rebalances = families.family(&sharding::REBALANCES);
    for (reason, count) in CHANGES.iter().zip(view.rebalances()) {
        rebalances.sample(&[reason], count);
    }
    let (counts, seconds) = totals.revocations();
    let mut revocations = families.family(&sharding::REVOCATIONS);
    for (reason, count) in LOSSES.iter().zip(counts) {
        revocations.sample(&[reason], count);
    }
    families.single(&sharding::REVOCATION_SECONDS, seconds);
    let mut stalls = families.family(&sharding::THREAD_STALLED);
    for (thread, stall) in view.watchdog.stalls(Instant::now()) {
        stalls.sample(&[&thread], stall.as_secs_f64());
    }
}
