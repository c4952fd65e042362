//! Rows in memory and on disk.

use super::Scene;
use rollcall_core::shard::CachedRows;
use rollcall_service::metrics::{Families, catalogue::store};

/// The volume that holds the state directory.
const STATE: &str = "state";

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
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
    // Without a volume, as while no store is open yet, there is nothing to tell.
    if let Some(volume) = totals.volume() {
        families.family(&store::VOLUME_BYTES).sample(&[STATE], volume.size_bytes);
        families.family(&store::VOLUME_FREE_BYTES).sample(&[STATE], volume.free_bytes);
    }
}
