//! What happened to keys.

use super::Scene;
use rollcall_core::{matching::OUTCOMES, shard::RowCounts};
use rollcall_service::metrics::{Families, catalogue::business};

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
    let counters = &scene.counters;
    let mut outcomes = families.family(&business::OUTCOMES);
    for ((_, name), count) in OUTCOMES.iter().zip(counters.outcomes) {
        outcomes.sample(&[name], count);
    }
    let mut completions = families.family(&business::COMPLETIONS);
    completions.sample(&["false"], counters.completions - counters.late_completions);
    completions.sample(&["true"], counters.late_completions);
    families.family(&business::COMPLETION_SECONDS).histogram(&[], &counters.completion_ms, 1e3);
    let mut rows = families.family(&business::ROWS);
    for (shard, view) in scene.owned() {
        let Some(report) = &view.report else { continue };
        let RowCounts { open, overdue, unexpected, finished } = report.rows;
        // Told apart, so that sums over the states count each key once.
        rows.sample(&[&shard, "open"], open - overdue);
        rows.sample(&[&shard, "overdue"], overdue);
        rows.sample(&[&shard, "unexpected"], unexpected);
        rows.sample(&[&shard, "finished"], finished);
    }
    let mut oldest = families.family(&business::OLDEST_OPEN);
    for (shard, view) in scene.owned() {
        let Some(report) = &view.report else { continue };
        let waited_ms = report.oldest_open_ms.map_or(0, |since| scene.wall_ms - since);
        // Records may be dated in the future.
        oldest.sample(&[&shard], waited_ms.max(0) as f64 / 1e3);
    }
    if let Some(after_ms) = scene.overdue_after_ms {
        families.single(&business::OVERDUE_AFTER, after_ms as f64 / 1e3);
    }
    if let Some(last_ms) = scene.commits.last_completion_ms {
        families.single(&business::LAST_COMPLETION, last_ms as f64 / 1e3);
    }
}
