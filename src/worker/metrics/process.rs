//! The process itself.

use super::Scene;
use crate::metrics::{self, Page, catalogue::process};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    if let Some(bytes) = scene.view.totals.memory_budget() {
        page.single(&process::MEMORY_BUDGET, bytes);
    }
    metrics::process::write(page);
}
