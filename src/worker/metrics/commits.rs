//! Transactions.

use super::Scene;
use crate::{
    metrics::{Page, catalogue::commits},
    worker::totals::REACTIONS,
};

pub(super) fn write(page: &mut Page, scene: &Scene<'_>) {
    page.family(&commits::SECONDS).histogram(&[], &scene.commits.micros, 1e6);
    let mut failures = page.family(&commits::FAILURES);
    for (reaction, count) in REACTIONS.iter().zip(scene.view.totals.commit_failures.counts()) {
        failures.sample(&[reaction], count);
    }
    page.single(&commits::CHANGELOG_RECORDS, scene.commits.changes);
    page.single(&commits::OUTPUT_RECORDS, scene.commits.outputs);
    page.single(&commits::BYTES, scene.commits.bytes);
}
