//! Tests of a scrape, with shards in prepared states.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use prometheus::proto::{LabelPair, Metric as Sample};

use super::*;
use crate::view::{Report, State};
use rollcall_core::shard::{CachedRows, RowCounts};
use rollcall_service::metrics::catalogue;

const INPUTS: usize = 2;

fn view(shards: i32) -> Arc<View> {
    let view = Arc::new(View::default());
    for shard in (0..shards).map(ShardId) {
        view.set_state(shard, State::Running);
        view.report(shard, report());
    }
    view
}

fn metrics(view: &Arc<View>) -> Metrics {
    let inputs = vec!["orders".to_owned(), "manufactured".to_owned()];
    Metrics::new(Arc::clone(view), inputs, Some(259_200_000))
}

fn text(view: &Arc<View>) -> String {
    let registry = Registry::new(&[("reconciliation", "shipping"), ("worker", "shipping-0")]);
    registry.add(metrics(view)).expect("no name is there twice");
    registry.add(Process::default()).expect("no name is there twice");
    registry.render().expect("families fit together")
}

fn report() -> Report {
    Report {
        counters: Counters::new(INPUTS),
        next: vec![1_234_567; INPUTS],
        lag: vec![Some(4_321); INPUTS],
        lag_ms: vec![Some(12_345); INPUTS],
        hidden: vec![None; INPUTS],
        rows: RowCounts { open: 5_000, overdue: 12, unexpected: 3, finished: 70_000 },
        oldest_open_ms: Some(wall_ms() - 7_200_000),
        cache_bytes: 1 << 20,
        cached: CachedRows { overlay: 1, dirty: 20, clean: 300 },
        commits: Commits::default(),
        committing_since: None,
        throttled: None,
    }
}

fn samples(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

/// Returns the first sample of the series that has all these labels.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| {
        line.split(['{', ' ']).next() == Some(name) && labels.iter().all(|l| line.contains(l))
    };
    text.lines().find(is_it)?.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn every_family_of_the_catalogue_is_told_of_and_no_other() {
    let text = text(&view(1));
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

/// What a scrape allocates for the samples: how often, and how much at once.
fn taken(view: &Arc<View>) -> (usize, usize) {
    let families = metrics(view).collect();
    let samples = families.iter().flat_map(prometheus::proto::MetricFamily::get_metric);
    let (mut blocks, mut bytes) = (0, 0);
    for sample in samples {
        let labels = sample.get_label();
        blocks += 1 + 2 * labels.len();
        bytes += size_of::<Sample>() + size_of_val(labels);
        let text = |pair: &LabelPair| pair.name().len() + pair.value().len();
        bytes += labels.iter().map(text).sum::<usize>();
    }
    (blocks, bytes)
}

#[test]
fn a_scrape_of_a_thousand_shards_grows_by_a_few_lines_for_each() {
    const PER_SHARD_MAX: usize = 20;
    let (one, thousand) = (view(1), view(1_000));
    let lines = samples(&text(&one));
    let began = Instant::now();
    let text = text(&thousand);
    let (took, samples) = (began.elapsed(), samples(&text) - lines);
    let (blocks, bytes) = taken(&thousand);
    println!(
        "1,000 shards: {} bytes of text, {samples} more samples, {blocks} allocations, \
         {bytes} bytes of samples, {took:?}",
        text.len()
    );
    assert!(samples <= 999 * PER_SHARD_MAX, "{} samples for each shard", samples / 999);
    assert!(text.len() < 3 << 20, "{} bytes", text.len());
    assert!(blocks < 10 * samples, "{} allocations for a sample", blocks / samples);
    assert!(bytes < 8 << 20, "{bytes} bytes");
}

#[test]
fn counts_of_a_shard_that_was_given_up_stay_and_its_gauges_go() {
    let view = view(2);
    let mut worked = report();
    worked.counters.records[0] = 7;
    worked.counters.lost_records = 3;
    view.report(ShardId(1), worked);
    view.given_up(ShardId(1));
    let text = text(&view);
    let (shard, topic) = ("shard=\"1\"", "topic=\"orders\"");
    assert_eq!(value(&text, "rollcall_records_total", &[shard, topic]), Some(7.0));
    assert_eq!(value(&text, "rollcall_lag_records", &[shard, topic]), None);
    assert_eq!(value(&text, "rollcall_shard_state", &[shard]), None);
    assert_eq!(value(&text, "rollcall_lost_records_total", &["worker=\"shipping-0\""]), Some(3.0));
}

#[test]
fn the_oldest_key_is_as_old_as_it_is_when_it_is_asked_for() {
    let view = view(1);
    let age = |text: &str| value(text, "rollcall_oldest_open_seconds", &["shard=\"0\""]);
    let two_hours = age(&text(&view)).expect("it is told");
    assert!((7_200.0..7_260.0).contains(&two_hours), "{two_hours}");
    view.report(ShardId(0), Report { oldest_open_ms: None, ..report() });
    let text = text(&view);
    assert_eq!(age(&text), Some(0.0));
    assert_eq!(value(&text, "rollcall_overdue_after_seconds", &[]), Some(259_200.0));
}
