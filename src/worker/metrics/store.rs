//! Rows in memory and on disk.

use super::Scene;
use crate::metrics::{Page, catalogue::store};

/// The volume that holds the state directory.
const STATE: &str = "state";

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    let reports = || scene.owned().filter_map(|(_, view)| view.report.as_ref());
    let cached: usize = reports().map(|report| report.cache_bytes).sum();
    page.single(&store::ROW_CACHE_BYTES, cached);
    page.single(&store::ROW_LOOKUPS, scene.counters.lookups);
    page.single(&store::ROW_MISSES, scene.counters.misses);
    let totals = &scene.view.totals;
    let figures = totals.store_figures();
    page.single(&store::STORE_ROWS, figures.entries);
    page.single(&store::STORE_BYTES, figures.bytes);
    page.single(&store::BLOCK_CACHE_BYTES, figures.block_cache_bytes);
    page.single(&store::UNMERGED_FILES, figures.unmerged_files);
    page.single(&store::STALL_SECONDS, totals.stall().as_secs_f64());
    page.single(&store::BACKGROUND_ERRORS, figures.background_errors);
    // Without a volume, as while no store is open yet, there is nothing to tell.
    if let Some(volume) = totals.volume() {
        page.family(&store::VOLUME_BYTES).sample(&[STATE], volume.size_bytes);
        page.family(&store::VOLUME_FREE_BYTES).sample(&[STATE], volume.free_bytes);
    }
}
