//! Combines what workers report.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::{Applied, Desired};
use crate::observe::{Observed, Worker};
use rollcall_object::resource::{ReconciliationStatus, WorkerShards};
use rollcall_service::state_api::{ShardState, ShardStatus};

/// Names of more workers than this would make the object too large.
const WORKERS_MAX: usize = 100;

pub(super) fn of(applied: &Applied<'_>, before: &ReconciliationStatus) -> ReconciliationStatus {
    let observed = applied.observed;
    let rollout = observed.rollout.unwrap_or_default();
    let partitions = partitions(observed).or(before.partitions);
    let mut status = ReconciliationStatus {
        replicas: rollout.existing,
        ready_replicas: rollout.ready,
        partitions,
        partitioner: partitioner(observed).or_else(|| before.partitioner.clone()),
        shards: shards_text(applied, partitions),
        workers: ownership(observed),
        ..ReconciliationStatus::default()
    };
    if observed.silent().next().is_some() {
        // Shards run even if a worker did not answer; the last total is better than a partial one.
        let (replicas, ready_replicas) = (status.replicas, status.ready_replicas);
        return ReconciliationStatus { replicas, ready_replicas, partitions, ..before.clone() };
    }
    let shards = by_shard(observed);
    if shards.is_empty() {
        // No worker reports anything now; keep the last values that are still valid.
        status.open_keys = before.open_keys;
        status.overdue_keys = before.overdue_keys;
        status.last_completion_at.clone_from(&before.last_completion_at);
        return status;
    }
    let rows = || shards.values().filter_map(|shard| shard.rows);
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    status.open_keys = Some(number(rows().map(|rows| rows.open).sum()));
    status.overdue_keys = Some(number(rows().map(|rows| rows.overdue).sum()));
    let inputs = || shards.values().flat_map(|shard| &shard.inputs);
    status.lag_records = Some(inputs().filter_map(|input| input.lag_records).sum());
    let behind = inputs().filter_map(|input| input.lag_seconds).fold(0.0, f64::max);
    // A float conversion saturates, which is what we want here.
    status.lag_seconds = Some(behind.round() as i64);
    status.last_completion_at = last_completion(shards.values().copied(), before);
    status
}

/// Returns the number of partitions, if a worker knows it.
pub(super) fn partitions(observed: &Observed) -> Option<i32> {
    let said = observed.workers.iter().filter_map(|worker| worker.says.as_ref()?.partitions);
    said.max().and_then(|partitions| i32::try_from(partitions).ok())
}

/// Returns how the inputs are partitioned, if a worker knows it.
fn partitioner(observed: &Observed) -> Option<String> {
    observed.workers.iter().find_map(|worker| worker.says.as_ref()?.partitioner.clone())
}

/// Returns every shard that a worker has. If two workers report the same shard, the one that runs
/// it counts: the other is giving it up.
pub(super) fn by_shard(observed: &Observed) -> BTreeMap<u32, &ShardStatus> {
    let mut shards: BTreeMap<u32, &ShardStatus> = BTreeMap::new();
    let said = observed.workers.iter().filter_map(|worker| worker.says.as_ref());
    for shard in said.flat_map(|says| &says.shards) {
        let known = shards.entry(shard.shard).or_insert(shard);
        if shard.state == ShardState::Running {
            *known = shard;
        }
    }
    shards
}

/// Returns how many of the shards run.
pub(super) fn running(observed: &Observed) -> usize {
    by_shard(observed).values().filter(|shard| shard.state == ShardState::Running).count()
}

fn shards_text(applied: &Applied<'_>, partitions: Option<i32>) -> Option<String> {
    if applied.desired == Desired::Paused {
        return Some("paused".to_owned());
    }
    partitions.map(|partitions| format!("{}/{partitions}", running(applied.observed)))
}

fn ownership(observed: &Observed) -> Vec<WorkerShards> {
    let shards = |worker: &Worker| {
        let says = worker.says.as_ref()?;
        let shards = ranges(says.shards.iter().map(|shard| shard.shard));
        Some(WorkerShards { name: worker.name.clone(), shards })
    };
    observed.workers.iter().filter_map(shards).take(WORKERS_MAX).collect()
}

/// Returns numbers in ascending order, with ranges: `0-3,7`.
fn ranges(numbers: impl Iterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

fn last_completion<'a>(
    shards: impl Iterator<Item = &'a ShardStatus>,
    before: &ReconciliationStatus,
) -> Option<String> {
    let said = shards.filter_map(|shard| shard.last_completion_at.as_deref());
    let known = said.chain(before.last_completion_at.as_deref());
    let last = known.filter_map(|at| at.parse::<Timestamp>().ok()).max()?;
    // To the second; more digits would only make it change more often.
    Some(format!("{last:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_written_as_ranges() {
        assert_eq!(ranges([].into_iter()), "");
        assert_eq!(ranges([4].into_iter()), "4");
        assert_eq!(ranges([0, 1, 2, 5, 7, 8].into_iter()), "0-2,5,7-8");
    }
}
