//! How far the input is processed.

use super::Scene;
use rollcall_core::codec::{REASONS, WRONG_PARTITION};
use rollcall_service::metrics::{Families, catalogue::input};

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
    let mut records = families.family(&input::RECORDS);
    for (shard, view) in &scene.shards {
        let Some(counters) = view.counters() else { continue };
        let shard = shard.to_string();
        for (topic, count) in scene.inputs.iter().zip(&counters.records) {
            records.sample(&[&shard, topic], count);
        }
    }
    let mut next_offset = families.family(&input::NEXT_OFFSET);
    for (shard, view) in scene.owned() {
        let Some(report) = &view.report else { continue };
        for (topic, next) in scene.inputs.iter().zip(&report.next) {
            next_offset.sample(&[&shard, topic], next);
        }
    }
    let mut lag = families.family(&input::LAG_RECORDS);
    for (shard, view) in scene.owned() {
        let Some(report) = &view.report else { continue };
        for (topic, lag_records) in scene.inputs.iter().zip(&report.lag) {
            if let Some(lag_records) = lag_records {
                lag.sample(&[&shard, topic], lag_records);
            }
        }
    }
    let mut lag = families.family(&input::LAG_SECONDS);
    for (shard, view) in scene.owned() {
        let Some(report) = &view.report else { continue };
        for (topic, lag_ms) in scene.inputs.iter().zip(&report.lag_ms) {
            if let Some(lag_ms) = lag_ms {
                lag.sample(&[&shard, topic], *lag_ms as f64 / 1e3);
            }
        }
    }
    let mut open = families.family(&input::OPEN_TRANSACTION_SECONDS);
    for (shard, view) in scene.owned() {
        let Some(report) = &view.report else { continue };
        for (topic, hidden) in scene.inputs.iter().zip(&report.hidden) {
            let open_ms = hidden.map_or(0, |hidden| scene.wall_ms.saturating_sub(hidden.since_ms));
            open.sample(&[&shard, topic], open_ms.max(0) as f64 / 1e3);
        }
    }
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
