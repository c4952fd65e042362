//! What a scrape says of shards that stand as the tests put them.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use super::*;
use crate::{
    metrics::catalogue,
    shard::RowCounts,
    worker::view::{Report, State},
};

const INPUTS: usize = 2;

fn metrics(shards: i32) -> Metrics {
    let view = Arc::new(View::default());
    for shard in (0..shards).map(ShardId) {
        view.set_state(shard, State::Running);
        view.report(shard, report());
    }
    let inputs = vec!["orders".to_owned(), "manufactured".to_owned()];
    Metrics { view, reconciliation: "shipping".to_owned(), worker: "shipping-0".to_owned(), inputs }
}

fn report() -> Report {
    Report {
        counters: Counters::new(INPUTS),
        next: vec![1_234_567; INPUTS],
        lag: vec![Some(4_321); INPUTS],
        lag_ms: vec![Some(12_345); INPUTS],
        rows: RowCounts { open: 5_000, overdue: 12, unexpected: 3, finished: 70_000 },
        cache_bytes: 1 << 20,
        commits: Commits::default(),
    }
}

fn samples(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

fn value(text: &str, sample: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(sample))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn every_family_of_the_catalogue_is_told_of_and_no_other() {
    let text = metrics(1).render();
    let told: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let known: BTreeSet<_> = catalogue::WORKER
        .iter()
        .flat_map(|group| group.metrics)
        .map(|metric| metric.name)
        .collect();
    let unknown: Vec<_> = told.iter().filter(|name| !known.contains(*name)).collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:?}");
    let distinct: BTreeSet<_> = told.iter().copied().collect();
    assert_eq!(distinct.len(), told.len(), "a family is told twice");
}

#[test]
fn a_scrape_of_a_thousand_shards_grows_by_a_few_lines_for_each() {
    const PER_SHARD_MAX: usize = 20;
    let (one, thousand) = (metrics(1).render(), metrics(1_000));
    let began = Instant::now();
    let text = thousand.render();
    let (took, samples) = (began.elapsed(), samples(&text) - samples(&one));
    println!("1,000 shards: {} bytes, {samples} more samples, {took:?}", text.len());
    assert!(samples <= 999 * PER_SHARD_MAX, "{} samples for each shard", samples / 999);
    assert!(text.len() < 3 << 20, "{} bytes", text.len());
}

#[test]
fn counts_of_a_shard_that_was_given_up_stay_and_its_gauges_go() {
    let metrics = metrics(2);
    let mut worked = report();
    worked.counters.records[0] = 7;
    worked.counters.lost_records = 3;
    metrics.view.report(ShardId(1), worked);
    metrics.view.given_up(ShardId(1));
    let text = metrics.render();
    let shard = "reconciliation=\"shipping\",worker=\"shipping-0\",shard=\"1\"";
    let topic = "topic=\"orders\"";
    assert_eq!(value(&text, &format!("rollcall_records_total{{{shard},{topic}}}")), Some(7.0));
    assert_eq!(value(&text, &format!("rollcall_lag_records{{{shard},{topic}}}")), None);
    assert_eq!(value(&text, &format!("rollcall_shard_state{{{shard}")), None);
    assert_eq!(value(&text, "rollcall_lost_records_total"), Some(3.0));
}
