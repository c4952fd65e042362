//! What happened to keys.

use super::Scene;
use crate::{
    matching::OUTCOMES,
    metrics::{Page, catalogue::business},
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
}
