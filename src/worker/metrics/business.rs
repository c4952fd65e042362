//! What happened to keys.

use super::Scene;
use crate::{
    matching::OUTCOMES,
    metrics::{Page, catalogue::business},
    shard::RowCounts,
};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    let counters = &scene.counters;
    let mut outcomes = page.family(&business::OUTCOMES);
    for ((_, name), count) in OUTCOMES.iter().zip(counters.outcomes) {
        outcomes.sample(&[name], count);
    }
    let mut completions = page.family(&business::COMPLETIONS);
    completions.sample(&["false"], counters.completions - counters.late_completions);
    completions.sample(&["true"], counters.late_completions);
    page.family(&business::COMPLETION_SECONDS).histogram(&[], &counters.completion_ms, 1e3);
    let mut rows = page.family(&business::ROWS);
    for (shard, view) in scene.owned() {
        let Some(report) = &view.report else { continue };
        let RowCounts { open, overdue, unexpected, finished } = report.rows;
        // Told apart, so that sums over the states count each key once.
        rows.sample(&[&shard, "open"], open - overdue);
        rows.sample(&[&shard, "overdue"], overdue);
        rows.sample(&[&shard, "unexpected"], unexpected);
        rows.sample(&[&shard, "finished"], finished);
    }
    if let Some(last_ms) = scene.commits.last_completion_ms {
        page.single(&business::LAST_COMPLETION, last_ms as f64 / 1e3);
    }
}
