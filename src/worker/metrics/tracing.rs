//! What became of spans.

use super::Scene;
use crate::{
    metrics::{Page, catalogue::tracing},
    telemetry::Figures,
};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    let spans = scene.view.totals.spans();
    page.single(&tracing::SENT, spans.map_or(0, Figures::sent));
    let mut dropped = page.family(&tracing::DROPPED);
    dropped.sample(&["queue-full"], spans.map_or(0, Figures::overflowed));
    dropped.sample(&["refused"], spans.map_or(0, Figures::refused));
}
