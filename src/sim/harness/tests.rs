//! Tests of the engine behind `rollcall test`.

use std::collections::BTreeSet;

use super::*;
use rollcall_core::matching::{Counting, Phase, Rules};

const HOUR_MS: i64 = 3_600_000;
const START_MS: i64 = 1_700_000_000_000;
const RULES: Rules = Rules {
    counting: Counting::Distinct,
    allow_empty: false,
    failed: None,
    reports_cancelled: false,
    overdue_after_ms: Some(HOUR_MS),
    orphans_after_ms: Some(24 * HOUR_MS),
    expire_after_ms: None,
    memory_ms: 48 * HOUR_MS,
    list_bytes_max: None,
    row_bytes_max: 4_096,
};
const ORDERS: InputIndex = 0;
const MADE: InputIndex = 1;

fn arrival(input: InputIndex, key: &str, value: String, after_ms: i64) -> Arrival {
    Arrival {
        input,
        shard: ShardId(0),
        at_ms: START_MS + after_ms,
        key: Some(key.as_bytes().to_vec()),
        value: Some(value.into_bytes()),
        headers: Vec::new(),
    }
}

fn order(key: &str, after_ms: i64) -> Arrival {
    let value = format!(r#"{{"id":"{key}","items":[{{"id":1}},{{"id":2}}]}}"#);
    arrival(ORDERS, key, value, after_ms)
}

fn made(key: &str, item: u32, after_ms: i64) -> Arrival {
    arrival(MADE, key, format!(r#"{{"orderId":"{key}","productId":{item}}}"#), after_ms)
}

fn script(arrivals: Vec<Arrival>, until_ms: i64) -> Script {
    Script {
        plan: crate::plan(RULES, 1),
        partitions: NonZeroU32::MIN,
        start_ms: START_MS,
        arrivals,
        until_ms: START_MS + until_ms,
    }
}

/// Three orders: one completes in time, one after it was reported, one stays open.
fn three_orders() -> Script {
    let arrivals = vec![
        order("prompt", 0),
        made("late", 1, 0),
        order("late", 1_000),
        made("prompt", 2, 2_000),
        made("prompt", 1, 3_000),
        order("open", 2 * HOUR_MS),
        made("open", 1, 2 * HOUR_MS),
        made("late", 2, 2 * HOUR_MS + 1),
    ];
    script(arrivals, 2 * HOUR_MS + 2)
}

fn run_as_written(script: &Script) -> Findings {
    run(script, &Way::AsWritten).expect("no shard stops")
}

/// Returns the outputs as kinds and keys, sorted.
fn told(findings: &Findings) -> Vec<(Sink, String)> {
    let told = findings.outputs.iter().map(|output| {
        (output.sink, String::from_utf8(output.key.clone().unwrap_or_default()).expect("UTF-8"))
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

fn three_orders_told() -> Vec<(Sink, String)> {
    [(Sink::Completed, "late"), (Sink::Completed, "prompt"), (Sink::Overdue, "late")]
        .map(|(sink, key)| (sink, key.to_owned()))
        .to_vec()
}

fn open_keys(findings: &Findings) -> Vec<&[u8]> {
    findings.open.iter().map(|(key, _)| key.as_slice()).collect()
}

#[test]
fn a_script_runs_as_written() {
    let findings = run_as_written(&three_orders());
    assert_eq!(told(&findings), three_orders_told());
    assert_eq!(open_keys(&findings), [b"open"]);
    let (_, row) = &findings.open[0];
    assert_eq!((row.phase, row.missing, row.expected), (Phase::Open, 1, true));
    assert_eq!(findings.deadlines, [5], "the deadline fired before the third order");
    assert_eq!(findings.died_before, None);
}

#[test]
fn a_deadline_fires_at_its_time_however_far_the_next_record_is() {
    let findings = run_as_written(&script(vec![order("a", 5)], 40 * HOUR_MS));
    let [overdue] = &findings.outputs[..] else { panic!("{findings:?}") };
    let header = |(name, _): &&Header| name == "rollcall-source-timestamp";
    let (_, fired) = overdue.headers.iter().find(header).expect("every output has it");
    let fired = String::from_utf8(fired.clone().expect("a time")).expect("UTF-8");
    let late_ms = fired.parse::<i64>().expect("a time") - (START_MS + 5 + HOUR_MS);
    assert!((0..=2_048).contains(&late_ms), "{late_ms} ms late");
}

#[test]
fn a_deadline_that_is_due_in_the_end_fires_whatever_has_crashed() {
    let script = script(vec![order("a", 5)], HOUR_MS + 5);
    let overdue = [(Sink::Overdue, "a".to_owned())];
    let written = run_as_written(&script);
    assert_eq!(told(&written), overdue);
    for crash in crashes(written.steps, usize::MAX) {
        let findings = run(&script, &Way::Crash(crash)).expect("no shard stops");
        assert_eq!(told(&findings), overdue, "{crash:?}");
    }
}

#[test]
fn a_script_without_time_fires_nothing() {
    let findings = run_as_written(&script(vec![order("a", 0)], HOUR_MS - 1));
    assert_eq!((told(&findings), open_keys(&findings)), (Vec::new(), vec![&b"a"[..]]));
}

#[test]
fn a_crash_at_any_step_changes_nothing() {
    let script = three_orders();
    let written = run_as_written(&script);
    let crashes = crashes(written.steps, usize::MAX);
    assert_eq!(crashes.len() as u64, 2 * written.steps);
    let mut before = BTreeSet::new();
    for crash in crashes {
        let findings = run(&script, &Way::Crash(crash)).expect("no shard stops");
        before.insert(findings.died_before.expect("the step is one of the run"));
        assert_eq!(told(&findings), three_orders_told(), "{crash:?}");
        assert_eq!(open_keys(&findings), [b"open"], "{crash:?}");
    }
    for step in [
        "fetch records",
        "send the offsets",
        "write a row to the changelog",
        "write an output",
        "commit the transaction",
        "write to the local store",
        "read the changelog's end",
    ] {
        assert!(before.contains(step), "no crash before: {step}: {before:?}");
    }
}

#[test]
fn an_output_that_does_not_belong_to_its_transaction_is_found() {
    let script = three_orders();
    let steps = run_as_written(&script).steps;
    let is_wrong = |way: &Way| {
        let shared = kafka::Kafka::new(script.start_ms);
        kafka::lock(&shared).leaks_outputs = true;
        told(&run::run_on(shared, &script, way).expect("no shard stops")) != three_orders_told()
    };
    assert!(!is_wrong(&Way::AsWritten), "only a crash shows it");
    assert!(crashes(steps, usize::MAX).into_iter().any(|crash| is_wrong(&Way::Crash(crash))));
}

#[test]
fn crashes_are_spread_over_the_whole_run() {
    let crashes = crashes(1_000, 10);
    let steps: Vec<u64> = crashes.iter().map(|crash| crash.step).collect();
    assert_eq!(steps, [1, 101, 201, 301, 401, 501, 601, 701, 801, 901]);
    assert_eq!(super::crashes(0, 10), []);
}

#[test]
fn all_orders_that_kafka_allows_are_tried_and_no_other() {
    let script = three_orders();
    let deadlines = run_as_written(&script).deadlines;
    let orders = orders(&script, &deadlines, 100);
    // Before the deadline two orders and three products, after it one order and two products.
    assert_eq!((orders.total, orders.tried.len()), (Some(10 * 3), 30));
    assert_eq!(orders.tried.iter().collect::<BTreeSet<_>>().len(), 30);
    for order in orders.tried {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(order[..5].iter().all(|index| *index < 5), "{order:?} moves across a deadline");
        for input in [ORDERS, MADE] {
            let of_input = |index: &&usize| script.arrivals[**index].input == input;
            assert!(order.iter().filter(of_input).is_sorted(), "{order:?}");
        }
        let way = Way::Order { order, deadlines: deadlines.clone() };
        let findings = run(&script, &way).expect("no shard stops");
        assert_eq!(told(&findings), three_orders_told(), "{way:?}");
        assert_eq!(open_keys(&findings), [b"open"], "{way:?}");
    }
}

#[test]
fn of_too_many_orders_different_ones_are_tried() {
    let arrivals = (0..20).flat_map(|n| [order(&format!("k{n}"), 0), made("k1", n, 0)]).collect();
    let script = script(arrivals, 0);
    let orders = orders(&script, &[], 50);
    assert_eq!(orders.total, Some(137_846_528_820));
    assert_eq!(orders.tried.iter().collect::<BTreeSet<_>>().len(), 50);
    let whole: Vec<usize> = (0..40).step_by(2).chain((1..40).step_by(2)).collect();
    assert_eq!(orders.tried[0], whole, "all orders first");
    assert_eq!(orders, super::orders(&script, &[], 50), "the same every time");
}

#[test]
fn more_orders_than_can_be_counted_are_a_few_as_well() {
    let mut arrivals = Vec::new();
    for n in 0..400 {
        arrivals.push(order(&format!("k{n}"), 0));
        arrivals.push(made("k1", n, 0));
    }
    let orders = orders(&script(arrivals, 0), &[], 3);
    assert_eq!((orders.total, orders.tried.len()), (None, 3));
}

#[test]
fn shards_run_side_by_side_and_a_script_may_be_empty() {
    let mut arrivals = vec![order("a", 0), order("b", 0), made("a", 1, 0), made("b", 1, 0)];
    arrivals.extend([made("a", 2, 0), made("b", 2, 0)]);
    for arrival in &mut arrivals {
        arrival.shard = ShardId(i32::from(arrival.key.as_deref() == Some(b"b")));
    }
    let partitions = NonZeroU32::new(2).expect("two");
    let two = Script { partitions, ..script(arrivals, 0) };
    let both = [(Sink::Completed, "a".to_owned()), (Sink::Completed, "b".to_owned())];
    let written = run_as_written(&two);
    assert_eq!(told(&written), both);
    for crash in crashes(written.steps, usize::MAX) {
        let findings = run(&two, &Way::Crash(crash)).expect("no shard stops");
        assert_eq!(told(&findings), both, "{crash:?}");
    }
    assert_eq!(told(&run_as_written(&script(Vec::new(), HOUR_MS))), []);
    assert_eq!(orders(&script(Vec::new(), 0), &[], 9).tried, [Vec::<usize>::new()]);
}
