//! What became of spans.

use super::Scene;
use crate::metrics::{Page, catalogue::tracing};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    let spans = scene.view.totals.spans();
    page.single(&tracing::SENT, spans.map_or(0, |spans| spans.sent()));
    let mut dropped = page.family(&tracing::DROPPED);
    dropped.sample(&["queue-full"], spans.map_or(0, |spans| spans.overflowed()));
    dropped.sample(&["refused"], spans.map_or(0, |spans| spans.refused()));
}
