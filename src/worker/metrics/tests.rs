//! Tests of a scrape, with shards in prepared states.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use prometheus::proto::{LabelPair, Metric as Sample};

use super::*;
use crate::view::{Report, State};
use rollcall_core::shard::{CachedRows, RowCounts};
use rollcall_service::metrics::catalogue;

const INPUTS: usize = 3;

fn view(shards: i32) -> Arc<View> {
    let view = Arc::new(View::default());
    for shard in (0..shards).map(ShardId) {
        view.set_state(shard, State::Running);
        view.report(shard, report());
    }
    view
}

fn metrics(view: &Arc<View>) -> Metrics {
    let inputs: [_; INPUTS] = ["orders", "manufactured", "shipped"];
    Metrics::new(Arc::clone(view), inputs.map(str::to_owned).into(), Some(259_200_000))
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
fn a_scrape_of_a_thousand_shards_stays_below_a_megabyte() {
    const BYTES_MAX: usize = 1_000_000;
    /// Its state, what is left to restore, and its records of each input.
    const PER_SHARD_MAX: usize = 2 + INPUTS;
    let (hundred, thousand) = (view(100), view(1_000));
    let lines = samples(&text(&hundred));
    let took = |view| {
        let began = Instant::now();
        text(view);
        began.elapsed()
    };
    let took = (0..5).map(|_| took(&thousand)).min().expect("there were some");
    let text = text(&thousand);
    let samples = samples(&text);
    let (blocks, bytes) = taken(&thousand);
    println!(
        "1,000 shards: {} bytes of text, {samples} samples, {blocks} allocations, \
         {bytes} bytes of samples, {took:?}",
        text.len()
    );
    assert!(text.len() <= BYTES_MAX, "{} bytes", text.len());
    let others = 50;
    assert!(samples - lines <= 900 * PER_SHARD_MAX + others, "{lines} grow to {samples}");
    assert!(blocks < 10 * samples, "{} allocations for a sample", blocks / samples);
    assert!(bytes < 8 << 20, "{bytes} bytes");
}

/// Returns the values of the series with this label, by shard.
fn by_shard(text: &str, name: &str, label: &str) -> BTreeMap<String, f64> {
    let is_it = |line: &&str| line.split(['{', ' ']).next() == Some(name) && line.contains(label);
    let parse = |line: &str| {
        let shard = line.split_once("shard=\"")?.1.split_once('"')?.0;
        Some((shard.to_owned(), line.rsplit_once(' ')?.1.parse().ok()?))
    };
    text.lines().filter(is_it).filter_map(parse).collect()
}

/// A view whose shards have more of everything the higher their number.
fn rising(shards: i32) -> Arc<View> {
    let view = view(shards);
    for shard in 0..shards {
        let more = i64::from(shard);
        let rows = RowCounts { open: 10 + more.unsigned_abs(), overdue: 10, ..report().rows };
        let lag = vec![Some(more); INPUTS];
        let lag_ms = vec![Some(more * 1_000); INPUTS];
        let next = vec![more; INPUTS];
        let oldest_open_ms = Some(wall_ms() - more * 1_000);
        let reported = Report { rows, lag, lag_ms, next, oldest_open_ms, ..report() };
        view.report(ShardId(shard), reported);
        view.totals
            .opened(ShardId(shard), std::time::Duration::from_secs(shard.unsigned_abs().into()));
    }
    view
}

/// The families that have a sample for each shard only while there are few.
const SPARED: [(&str, &str); 7] = [
    ("rollcall_rows", "state=\"open\""),
    ("rollcall_oldest_open_seconds", ""),
    ("rollcall_next_offset", "topic=\"orders\""),
    ("rollcall_lag_records", "topic=\"orders\""),
    ("rollcall_lag_seconds", "topic=\"orders\""),
    ("rollcall_open_transaction_seconds", "topic=\"orders\""),
    ("rollcall_last_open_seconds", ""),
];

#[test]
fn a_hundred_shards_have_every_gauge_of_their_own() {
    let text = text(&rising(100));
    for (name, label) in SPARED {
        let values = by_shard(&text, name, label);
        assert_eq!(values.len(), 100, "{name}");
        assert!(!values.contains_key("others"), "{name}");
    }
}

#[test]
fn of_many_shards_the_highest_are_told_and_the_others_together() {
    const SHARDS: i32 = 300;
    let text = text(&rising(SHARDS));
    for (name, label) in SPARED {
        let values = by_shard(&text, name, label);
        let position = name == "rollcall_next_offset";
        assert_eq!(values.contains_key("others"), !position, "{name}");
        assert_eq!(values.len(), if position { 100 } else { 101 }, "{name}");
        if name != "rollcall_open_transaction_seconds" {
            assert!(
                values.contains_key("299") && !values.contains_key("199"),
                "{name}: {values:?}"
            );
        }
    }
    let sum = |name, label| by_shard(&text, name, label).into_values().sum::<f64>();
    let all: f64 = (0..SHARDS).map(f64::from).sum();
    assert_eq!(sum("rollcall_lag_records", "topic=\"shipped\""), all);
    assert_eq!(sum("rollcall_rows", "state=\"open\""), all);
    assert_eq!(sum("rollcall_rows", "state=\"overdue\""), 10.0 * f64::from(SHARDS));
    let others = |name, label| by_shard(&text, name, label)["others"];
    assert_eq!(others("rollcall_lag_seconds", "topic=\"shipped\""), 199.0);
    assert_eq!(others("rollcall_last_open_seconds", ""), 199.0);
    for (name, label) in
        [("rollcall_records_total", "topic=\"orders\""), ("rollcall_shard_state", "")]
    {
        let values = by_shard(&text, name, label);
        assert_eq!(values.len(), 300, "{name}");
        assert!(!values.contains_key("others"), "{name}");
    }
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
