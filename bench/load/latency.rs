//! Time from the arrival of the record that completes an order to its completion at a reader.

use std::time::Duration;

use crate::Failure;
use crate::bench::{Bench, Measures, verdict_of, wait_for_completions, wait_until_ready};
use crate::feed::{Flow, Sent};
use crate::gaps::{longest, longest_of_all, wait_until_all_flow};
use crate::judge::{Judge, Seen};
use crate::machine::{self, Micros};
use crate::rest;
use crate::system::{System, Template};
use crate::topics::Inputs;
use crate::workload::Workload;

const WAIT_TIMEOUT: Duration = Duration::from_secs(180);
const LOAD_PER_SECOND: u32 = 5_000;

/// Measures one system at a steady load for `measured`, after half of that time to warm up: a JVM
/// compiles its hot code meanwhile.
pub(crate) fn run(
    bench: &Bench,
    template: &Template,
    partitions: i32,
    measured: Duration,
    name: &str,
) -> Result<Measures, Failure> {
    let workload = Workload::ENDLESS;
    let inputs = Inputs::create(&bench.bootstrap, &bench.group(template, name), partitions)?;
    let job = bench.job(template, &inputs, name)?;
    let judge = Judge::start(&bench.bootstrap, &job.shipping, partitions, workload)?;
    let mut system = System::start(template, &job, "a")?;
    // A start under load leaves a backlog, which some systems take minutes to process.
    wait_until_ready(&mut system)?;
    let flow = Flow::start(&bench.bootstrap, &inputs, workload, 0, LOAD_PER_SECOND)?;
    let begun_at = machine::now();
    wait_until_all_flow(&judge, &flow, &mut system, begun_at, WAIT_TIMEOUT)?;
    std::thread::sleep(measured / 2);

    let from = machine::now();
    let cpu_before = system.usage().cpu_seconds;
    let meter = bench.meter();
    std::thread::sleep(measured);
    let usage = system.usage();
    let cpu_seconds = usage.cpu_seconds - cpu_before;
    let noise = meter.read(cpu_seconds);
    let to = machine::now();
    let arrivals = flow.arrivals();

    let orders = flow.end()?;
    let sent = Sent { inputs, workload, records: 0, orders };
    wait_for_completions(&judge, &mut system, &sent, WAIT_TIMEOUT)?;
    let seen = judge.seen_since(0);
    let latencies = latencies_ms(&seen, &arrivals.appended_ms(), from, to);
    let gaps = longest(&seen, judge.partitions(), from, to);
    let mut measures = vec![
        ("completions", latencies.len() as f64),
        ("p50_ms", quantile(&latencies, 0.5)),
        ("p90_ms", quantile(&latencies, 0.9)),
        ("p99_ms", quantile(&latencies, 0.99)),
        ("p999_ms", quantile(&latencies, 0.999)),
        ("gap_s", longest_of_all(&seen, from, to)),
        ("partition_gap_s", gaps.into_iter().fold(0.0, f64::max)),
        ("cpu_percent", cpu_seconds / measured.as_secs_f64() * 100.0),
        ("broker_cpu_percent", noise[0].1 / measured.as_secs_f64() * 100.0),
        ("rss_mib", usage.peak_mib),
        ("threads", usage.threads),
    ];
    measures.extend(noise);
    measures.extend(rest::run(template, &job, system)?);
    measures.extend(verdict_of(judge.verdict(orders)?));
    Ok(measures)
}

/// Returns the sorted latencies of the orders whose last record arrived between `from` and `to`,
/// whenever they were completed: otherwise a system that falls behind would hide how far.
fn latencies_ms(seen: &[Seen], appended_ms: &[i64], from: Micros, to: Micros) -> Vec<f64> {
    let mut latencies: Vec<f64> = seen
        .iter()
        .filter_map(|seen| Some((seen.at / 1000, *appended_ms.get(seen.order as usize)?)))
        .filter(|(_, appended_ms)| (from..to).contains(&(appended_ms * 1000)))
        .map(|(seen_ms, appended_ms)| (seen_ms - appended_ms) as f64)
        .collect();
    latencies.sort_by(f64::total_cmp);
    latencies
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_belongs_to_the_time_in_which_the_last_record_arrived() {
        let at = |order, ms: i64| Seen { order, partition: 0, at: ms * 1000 };
        let seen = [at(0, 20), at(2, 900), at(1, 26), at(3, 31), at(4, 40)];
        let appended_ms = [9, 11, 19, 20];
        assert_eq!(latencies_ms(&seen, &appended_ms, 10_000, 20_000), [15.0, 881.0]);
    }

    #[test]
    fn a_quantile_is_a_value_that_occurred() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.5), 51.0);
        assert_eq!(quantile(&sorted, 0.99), 100.0);
        assert_eq!(quantile(&sorted, 1.0), 100.0);
    }
}
