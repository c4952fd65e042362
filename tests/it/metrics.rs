//! The metrics of a running worker.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_service::metrics::{Kind, Metric, catalogue};

use super::eventually::eventually;
use super::kafka::{Broker, WAIT_TIMEOUT};
use super::reconciliation::Reconciliation;
use super::worker::Worker;

/// Returns the names of all series; those of a histogram under the family's name.
fn told(worker: &Worker) -> BTreeSet<String> {
    let (status, text) = worker.get("/metrics").expect("it answers");
    assert_eq!(status, 200);
    let histograms: Vec<_> = catalogue::WORKER
        .iter()
        .flat_map(|group| group.metrics)
        .filter(|metric| metric.kind == Kind::Histogram)
        .collect();
    let family = |series: &str| {
        let part = |metric: &&&&Metric| {
            series
                .strip_prefix(metric.name)
                .is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
        };
        histograms.iter().find(part).map_or(series, |metric| metric.name).to_owned()
    };
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| family(line.split(['{', ' ']).next().unwrap_or_default())).collect()
}

#[test]
fn a_worker_tells_every_metric_of_the_catalogue_and_no_other() {
    let shop = Reconciliation::new(&Broker::shared(), "told");
    let worker = shop.worker("w-1");
    shop.order("o-1", &[1]);
    shop.made("o-1", 1);
    shop.settle();
    let known: BTreeSet<String> = catalogue::WORKER
        .iter()
        .flat_map(|group| group.metrics)
        .map(|metric| metric.name.to_owned())
        // Present only while there is trouble.
        .filter(|name| name != "rollcall_trouble")
        .collect();
    // The client reports the brokers every ten seconds.
    eventually("every metric is exposed", WAIT_TIMEOUT, || {
        let missing: Vec<_> = known.difference(&told(&worker)).cloned().collect();
        missing.is_empty().then_some(())
    });
    let unknown: Vec<_> = told(&worker).difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:?}");
}

#[test]
fn the_numbers_are_those_of_what_was_sent() {
    let shop = Reconciliation::new(&Broker::shared(), "counted").with("overdue/after", "1s");
    let worker = shop.worker("w-1");
    shop.order("late", &[1, 2]);
    shop.order("done", &[1]);
    shop.made("done", 1);
    shop.made("early", 7);
    shop.made_value(Some("bad"), Some("{"));
    shop.settle();
    let own = [format!("reconciliation=\"{}\"", shop.name), "worker=\"w-1\"".to_owned()];
    let sum = |name: &str, label: &str| {
        let text = worker.get("/metrics").map(|answer| answer.1).unwrap_or_default();
        let of = |line: &&str| {
            line.starts_with(&format!("{name}{{"))
                && line.contains(label)
                && own.iter().all(|label| line.contains(label))
        };
        let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
        text.lines().filter(of).filter_map(value).sum::<f64>()
    };
    for (name, label, expected) in [
        ("rollcall_records_total", "topic=", 5.0),
        ("rollcall_outcomes_total", "outcome=\"expected\"", 2.0),
        ("rollcall_completions_total", "late=\"false\"", 1.0),
        ("rollcall_completion_seconds_count", "", 1.0),
        ("rollcall_dead_letters_total", "reason=\"malformed-json\"", 1.0),
        ("rollcall_rows", "state=\"open\"", 0.0),
        ("rollcall_rows", "state=\"overdue\"", 1.0),
        ("rollcall_overdue_after_seconds", "", 1.0),
        ("rollcall_rows", "state=\"unexpected\"", 1.0),
        ("rollcall_rows", "state=\"finished\"", 1.0),
        ("rollcall_shard_state", "state=\"running\"", 4.0),
        ("rollcall_lag_seconds", "topic=", 0.0),
    ] {
        let what = format!("{name} {label} is {expected}");
        eventually(&what, WAIT_TIMEOUT, || (sum(name, label) == expected).then_some(()));
    }
    // The late one has waited longer than its second, which made it overdue.
    let what = "the oldest open key is past its deadline";
    eventually(what, WAIT_TIMEOUT, || {
        (sum("rollcall_oldest_open_seconds", "") > 1.0).then_some(())
    });
}

/// Returns whether the worker exposes such a sample.
fn tells(worker: &Worker, name: &str, labels: &[&str]) -> bool {
    let text = worker.get("/metrics").map(|answer| answer.1).unwrap_or_default();
    let is_it = |line: &str| {
        line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label))
    };
    text.lines().any(is_it)
}

#[test]
fn every_kind_of_client_tells_how_far_the_brokers_are() {
    let shop = Reconciliation::new(&Broker::shared(), "measured");
    let worker = shop.worker("w-1");
    for client in ["member", "data", "producer"] {
        // Covers the round trips of the last ten seconds, so there has to be something to commit.
        let label = format!("client=\"{client}\"");
        let mut round = 0;
        eventually(&format!("{client} tells"), WAIT_TIMEOUT, || {
            round += 1;
            shop.order(&format!("{client}-{round}"), &[1]);
            shop.flush();
            tells(&worker, "rollcall_broker_round_trip_seconds", &[&label]).then_some(())
        });
        assert!(tells(&worker, "rollcall_broker_retries_total", &[&label]));
    }
}

#[test]
fn a_worker_whose_broker_is_gone_does_not_claim_to_have_read_everything() {
    let broker = Arc::new(Broker::start());
    let shop = Reconciliation::new(&broker, "out-of-sight");
    let worker = shop.worker("w-1");
    let told = |name: &str| tells(&worker, name, &["shard=\"0\""]);
    eventually("the ends are in sight", WAIT_TIMEOUT, || {
        told("rollcall_lag_seconds").then_some(())
    });
    broker.crash();
    // In a single scrape, and before the group takes the shard away, which also ends its gauges.
    eventually("the ends are out of sight", WAIT_TIMEOUT, || {
        let text = worker.get("/metrics")?.1;
        let owned = text.lines().any(|line| line.starts_with("rollcall_shard_state{"));
        assert!(owned, "the shards were taken away before anything was said");
        (!text.lines().any(|line| line.starts_with("rollcall_lag_seconds{"))).then_some(())
    });
}
