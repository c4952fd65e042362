//! Time from the arrival of the record that completes an order to its completion at a reader.

use std::time::Duration;

use crate::Failure;
use crate::bench::{Bench, Measures, verdict_of, wait_for_completions};
use crate::feed::{Flow, Sent};
use crate::gaps::wait_until_all_flow;
use crate::judge::Judge;
use crate::machine;
use crate::system::{System, Template};
use crate::topics::Inputs;
use crate::workload::Workload;

const WAIT_TIMEOUT: Duration = Duration::from_secs(180);
const LOAD_PER_SECOND: u32 = 5_000;
/// Time for a JVM to compile its hot code; not measured.
const WARM_UP: Duration = Duration::from_secs(15);
const MEASURED: Duration = Duration::from_secs(30);

/// Measures one system at a steady load.
pub(crate) fn run(bench: &Bench, template: &Template, name: &str) -> Result<Measures, Failure> {
    let workload =
        Workload { seed: 11, orders: u32::MAX, open: 1000, items_max: 5, unfinished_percent: 0 };
    let inputs =
        Inputs::create(&bench.bootstrap, &format!("{}-{name}-{}", bench.prefix, template.name))?;
    let job = bench.job(template, &inputs, name)?;
    let judge = Judge::start(&bench.bootstrap, &job.shipping, workload)?;
    let flow = Flow::start(&bench.bootstrap, &inputs, workload, 0, LOAD_PER_SECOND)?;
    let mut system = System::start(template, &job, "a")?;
    let started_at = system.started_at;
    wait_until_all_flow(&judge, &flow, &mut system, started_at, WAIT_TIMEOUT)?;
    std::thread::sleep(WARM_UP);

    let (from, seen_before) = (machine::now(), judge.count() as usize);
    let cpu_before = system.usage().cpu_seconds;
    let meter = bench.meter();
    std::thread::sleep(MEASURED);
    let usage = system.usage();
    let cpu_seconds = usage.cpu_seconds - cpu_before;
    let noise = meter.read(cpu_seconds);
    let seen = judge.seen_since(seen_before);
    let appended = flow.arrivals().appended_ms();
    let mut latencies: Vec<f64> = seen
        .iter()
        .map(|seen| (seen.at / 1000, appended.get(seen.order as usize).copied().unwrap_or(0)))
        .filter(|(_, appended_ms)| *appended_ms * 1000 >= from)
        .map(|(seen_ms, appended_ms)| (seen_ms - appended_ms) as f64)
        .collect();
    latencies.sort_by(f64::total_cmp);

    let orders = flow.end()?;
    let sent = Sent { inputs, workload, records: 0, orders };
    wait_for_completions(&judge, &mut system, &sent, WAIT_TIMEOUT)?;
    system.stop()?;
    let mut measures = vec![
        ("completions", latencies.len() as f64),
        ("p50_ms", quantile(&latencies, 0.5)),
        ("p99_ms", quantile(&latencies, 0.99)),
        ("p999_ms", quantile(&latencies, 0.999)),
        ("cpu_percent", cpu_seconds / MEASURED.as_secs_f64() * 100.0),
        ("rss_mib", usage.rss_mib),
    ];
    measures.extend(noise);
    measures.extend(verdict_of(judge.verdict(orders)?));
    Ok(measures)
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_occurred() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.5), 51.0);
        assert_eq!(quantile(&sorted, 0.99), 100.0);
        assert_eq!(quantile(&sorted, 1.0), 100.0);
    }
}
