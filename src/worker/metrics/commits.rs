//! Transactions.

use super::Scene;
use crate::totals::REACTIONS;
use rollcall_service::metrics::{Families, catalogue::commits};

pub(super) fn collect(families: &mut Families, scene: &Scene<'_>) {
    families.family(&commits::SECONDS).histogram(&[], &scene.commits.micros, 1e6);
    let mut failures = families.family(&commits::FAILURES);
    for (reaction, count) in REACTIONS.iter().zip(scene.view.totals.commit_failures.counts()) {
        failures.sample(&[reaction], count);
    }
    families.single(&commits::CHANGELOG_RECORDS, scene.commits.changes);
    families.single(&commits::OUTPUT_RECORDS, scene.commits.outputs);
    families.single(&commits::BYTES, scene.commits.bytes);
    families.single(&commits::LARGE_ROWS, scene.commits.large_rows);
    families.single(&commits::LARGE_ROW_BYTES, scene.commits.large_row_bytes);
}
