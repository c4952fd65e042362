//! What became of spans.

use super::Scene;
use rollcall_service::{
    metrics::{Families, catalogue::tracing},
    telemetry::Figures,
};

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
    let spans = scene.view.totals.spans();
    families.single(&tracing::SENT, spans.map_or(0, Figures::sent));
    let mut dropped = families.family(&tracing::DROPPED);
    dropped.sample(&["queue-full"], spans.map_or(0, Figures::overflowed));
    dropped.sample(&["refused"], spans.map_or(0, Figures::refused));
}
