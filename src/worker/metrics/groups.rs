//! One function for each group of the catalogue.

use std::{collections::BTreeSet, time::Instant};

use super::{
    Scene,
    foremost::{self, Others},
};
use crate::{
    totals::{LOSSES, REACTIONS},
    view::{CHANGES, Report, ShardView, State},
};
use rollcall_core::{
    codec::{REASONS, WRONG_PARTITION},
    matching::OUTCOMES,
    shard::{CachedRows, Invariant, RowCounts},
};
use rollcall_kafka::BrokerFigures;
use rollcall_service::{
    metrics::{
        Families, Metric,
        catalogue::{business, client, commits, input, restore, schemas, sharding, store, tracing},
    },
    telemetry::Figures,
};

/// Metrics of keys.
pub(super) fn business(families: &mut Families, scene: &Scene<'_>) {
    let counters = &scene.counters;
    let mut outcomes = families.family(&business::OUTCOMES);
    for ((_, name), count) in OUTCOMES.iter().zip(counters.outcomes) {
        outcomes.sample(&[name], count);
    }
    let mut completions = families.family(&business::COMPLETIONS);
    completions.sample(&["false"], counters.completions - counters.late_completions);
    completions.sample(&["true"], counters.late_completions);
    let mut failures = families.family(&business::FAILURES);
    failures.sample(&["false"], counters.failures - counters.late_failures);
    failures.sample(&["true"], counters.late_failures);
    families.family(&business::COMPLETION_SECONDS).histogram(&[], &counters.completion_ms, 1e3);
    let mut rows = families.family(&business::ROWS);
    // Reported separately, so that sums over the states count each key once.
    for (state, name) in ["open", "overdue", "unexpected", "finished"].into_iter().enumerate() {
        let count = |&RowCounts { open, overdue, unexpected, finished }: &RowCounts| {
            [open - overdue, overdue, unexpected, finished][state] as f64
        };
        let counts = scene.reported(|report| Some(count(&report.rows)));
        foremost::tell(&mut rows, &[name], counts, Others::Sum);
    }
    let oldest = scene.reported(|report| {
        let waited_ms = report.oldest_open_ms.map_or(0, |since| scene.wall_ms - since);
        // Records may have a timestamp in the future.
        Some(waited_ms.max(0) as f64 / 1e3)
    });
    let mut family = families.family(&business::OLDEST_OPEN);
    foremost::tell(&mut family, &[], oldest, Others::Highest);
    if let Some(after_ms) = scene.overdue_after_ms {
        families.single(&business::OVERDUE_AFTER, after_ms as f64 / 1e3);
    }
    if let Some(last_ms) = scene.commits.last_completion_ms {
        families.single(&business::LAST_COMPLETION, last_ms as f64 / 1e3);
    }
}

/// Metrics of the progress through the input.
pub(super) fn input(families: &mut Families, scene: &Scene<'_>) {
    let mut records = families.family(&input::RECORDS);
    for (shard, view) in &scene.shards {
        let Some(counters) = view.counters() else { continue };
        let shard = shard.to_string();
        for (topic, count) in scene.inputs.iter().zip(&counters.records) {
            records.sample(&[&shard, topic], count);
        }
    }
    let mut skipped = families.family(&input::SKIPPED);
    for (topic, count) in scene.inputs.iter().zip(&scene.counters.skipped) {
        skipped.sample(&[topic], count);
    }
    positions(families, scene);
    let mut unusable_times = families.family(&input::UNUSABLE_TIMES);
    for (topic, count) in scene.inputs.iter().zip(&scene.counters.unusable_times) {
        unusable_times.sample(&[topic], count);
    }
    let mut dead_letters = families.family(&input::DEAD_LETTERS);
    for (reason, count) in REASONS.iter().zip(scene.counters.dead_letters) {
        dead_letters.sample(&[reason], count);
    }
    let mut misplaced = families.family(&input::WRONG_PARTITION);
    for (topic, refused) in scene.inputs.iter().zip(&scene.counters.refused) {
        misplaced.sample(&[topic], refused[WRONG_PARTITION]);
    }
    families.single(&input::LOST, scene.counters.lost_records);
    families.single(&input::RECREATED, scene.counters.recreated_inputs);
}

/// Metrics of where shards are in their inputs.
fn positions(families: &mut Families, scene: &Scene<'_>) {
    let inputs = || scene.inputs.iter().enumerate();
    let mut next_offset = families.family(&input::NEXT_OFFSET);
    for (input, topic) in inputs() {
        let lag = |report: &Report| report.lag.get(input).copied().flatten().unwrap_or(0) as f64;
        let next = |report: &Report| Some((lag(report), *report.next.get(input)?));
        let mut next = scene.reported(next);
        // The sum or the highest of positions means nothing.
        drop(foremost::split(&mut next, |(_, (lag, _))| *lag));
        for (shard, (_, next)) in next {
            next_offset.sample(&[&shard, topic], next);
        }
    }
    let mut family = families.family(&input::LAG_RECORDS);
    for (input, topic) in inputs() {
        let lag = scene.reported(|report| Some((*report.lag.get(input)?)? as f64));
        foremost::tell(&mut family, &[topic], lag, Others::Sum);
    }
    let mut family = families.family(&input::LAG_SECONDS);
    for (input, topic) in inputs() {
        let lag = scene.reported(|report| Some((*report.lag_ms.get(input)?)? as f64 / 1e3));
        foremost::tell(&mut family, &[topic], lag, Others::Highest);
    }
    let mut family = families.family(&input::OPEN_TRANSACTION_SECONDS);
    for (input, topic) in inputs() {
        let open = scene.reported(|report| {
            let hidden = report.hidden.get(input)?;
            let open_ms = hidden.map_or(0, |hidden| scene.wall_ms.saturating_sub(hidden.since_ms));
            Some(open_ms.max(0) as f64 / 1e3)
        });
        foremost::tell(&mut family, &[topic], open, Others::Highest);
    }
}

/// Metrics of the shards that this worker has.
pub(super) fn sharding(families: &mut Families, scene: &Scene<'_>) {
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

/// Metrics of shards that are opening.
pub(super) fn restore(families: &mut Families, scene: &Scene<'_>) {
    let mut remaining = families.family(&restore::REMAINING);
    for (shard, view) in scene.owned() {
        // A running shard has nothing left: dashboards and alerts see it reach zero.
        let left = match &view.state {
            State::Opening(progress) => progress.remaining(),
            _ => 0,
        };
        remaining.sample(&[&shard], left);
    }
    families.single(&restore::RESTORED, scene.view.totals.restored_records());
    let took = scene.view.totals.openings().into_iter();
    let took = took.map(|(shard, seconds)| (shard.to_string(), seconds)).collect();
    let mut family = families.family(&restore::OPEN_SECONDS);
    foremost::tell(&mut family, &[], took, Others::Highest);
}

/// Metrics of transactions.
pub(super) fn commits(families: &mut Families, scene: &Scene<'_>) {
    families.single(&commits::TRANSACTIONS, scene.view.totals.transactions());
    let mut pauses = families.family(&commits::PAUSE);
    for (lane, pause) in scene.view.totals.commit_pauses() {
        pauses.sample(&[&lane.to_string()], pause.as_secs_f64());
    }
    families.family(&commits::SECONDS).histogram(&[], &scene.commits.micros, 1e6);
    let mut failures = families.family(&commits::FAILURES);
    for (reaction, count) in REACTIONS.iter().zip(scene.view.totals.commit_failures.counts()) {
        failures.sample(&[reaction], count);
    }
    families.single(&commits::CHANGELOG_RECORDS, scene.commits.changes);
    families.single(&commits::OUTPUT_RECORDS, scene.commits.outputs);
    families.single(&commits::BYTES, scene.commits.bytes);
    families.single(&commits::LARGE_ROWS, scene.commits.large_rows);
    families.single(&commits::LARGE_ROW_BYTES, scene.commits.large_row_bytes);
}

/// The volume that holds the state directory.
const STATE: &str = "state";

/// Metrics of rows in memory and on disk.
pub(super) fn store(families: &mut Families, scene: &Scene<'_>) {
    let reports = || scene.owned().filter_map(|(_, view)| view.report.as_ref());
    let cached: usize = reports().map(|report| report.cache_bytes).sum();
    let totals = &scene.view.totals;
    if let Some(bytes) = totals.memory_budget() {
        families.single(&store::MEMORY_BUDGET, bytes);
    }
    families.single(&store::ROW_CACHE_BYTES, cached);
    let cached = reports().fold(CachedRows::default(), |sum, report| sum.plus(report.cached));
    let mut tiers = families.family(&store::CACHED_ROWS);
    tiers.sample(&["overlay"], cached.overlay);
    tiers.sample(&["dirty"], cached.dirty);
    tiers.sample(&["clean"], cached.clean);
    families.single(&store::ROW_LOOKUPS, scene.counters.lookups);
    families.single(&store::ROW_NEW_KEYS, scene.counters.new_keys);
    families.single(&store::ROW_MISSES, scene.counters.misses);
    let (figures, counts) = (totals.store_figures(), totals.store_counts());
    let mut blocks = families.family(&store::BLOCK_CACHE_LOOKUPS);
    blocks.sample(&["hit"], counts.block_hits);
    blocks.sample(&["miss"], counts.block_misses);
    families.single(&store::STORE_ROWS, figures.entries);
    families.single(&store::STORE_BYTES, figures.bytes);
    families.single(&store::BLOCK_CACHE_BYTES, figures.block_cache_bytes);
    families.single(&store::UNMERGED_FILES, figures.unmerged_files);
    families.single(&store::STALL_SECONDS, counts.spills_waited.as_secs_f64());
    families.single(&store::WRITE_STALL_SECONDS, counts.writes_stalled.as_secs_f64());
    families.single(&store::WRITES_STOPPED, figures.stopped);
    families.single(&store::BACKGROUND_ERRORS, figures.background_errors);
    families.single(&store::BACKGROUND_FAILURES, counts.background_errors);
    // Without a volume, for example before any store is open, there is nothing to report.
    if let Some(volume) = totals.volume() {
        families.family(&store::VOLUME_BYTES).sample(&[STATE], volume.size_bytes);
        families.family(&store::VOLUME_FREE_BYTES).sample(&[STATE], volume.free_bytes);
    }
}

/// Metrics of the connections to the brokers.
pub(super) fn client(families: &mut Families, scene: &Scene<'_>) {
    let brokers = scene.view.totals.brokers();
    let mut round_trips = families.family(&client::ROUND_TRIP);
    for broker in &brokers {
        if let Some(round_trip) = broker.round_trip {
            round_trips
                .sample(&[&broker.id.to_string(), broker.client.name()], round_trip.as_secs_f64());
        }
    }
    let mut tell = |metric: &'static Metric, count: fn(&BrokerFigures) -> u64| {
        let mut family = families.family(metric);
        for broker in &brokers {
            family.sample(&[&broker.id.to_string(), broker.client.name()], count(broker));
        }
    };
    tell(&client::RETRIES, |broker| broker.retries);
    tell(&client::TIMEOUTS, |broker| broker.timeouts);
    tell(&client::ERRORS, |broker| broker.errors);
}

/// Metrics of the schema registry.
pub(super) fn schemas(families: &mut Families, scene: &Scene<'_>) {
    let counts = scene.view.totals.registry();
    let mut requests = families.family(&schemas::REQUESTS);
    requests.sample(&["found"], counts.found);
    requests.sample(&["unknown"], counts.unknown);
    requests.sample(&["failed"], counts.failed);
    families.single(&schemas::CACHED, counts.cached);
    families.single(&schemas::AWAITED, counts.awaited);
}

/// Metrics of spans.
pub(super) fn tracing(families: &mut Families, scene: &Scene<'_>) {
    let spans = scene.view.totals.spans();
    families.single(&tracing::SENT, spans.map_or(0, Figures::sent));
    let mut dropped = families.family(&tracing::DROPPED);
    dropped.sample(&["queue-full"], spans.map_or(0, Figures::overflowed));
    dropped.sample(&["refused"], spans.map_or(0, Figures::refused));
}
