//! How fast a backlog is processed, and at what cost.

use std::time::Duration;

use crate::Failure;
use crate::bench::{Bench, Measures, verdict_of, wait_for_completions, wait_until};
use crate::feed::Sent;
use crate::group::Observer;
use crate::judge::Judge;
use crate::machine;
use crate::rest;
use crate::system::{System, Template};

const WAIT_TIMEOUT: Duration = Duration::from_secs(1200);

/// Runs a system over a backlog, from an empty state to the last completion.
pub(crate) fn run(
    bench: &Bench,
    template: &Template,
    backlog: &Sent,
    name: &str,
) -> Result<Measures, Failure> {
    let job = bench.job(template, &backlog.inputs, name)?;
    let observer = Observer::new(&bench.bootstrap, &job.group, &backlog.inputs)?;
    let judge =
        Judge::start(&bench.bootstrap, &job.shipping, job.inputs.partitions, backlog.workload)?;
    let meter = bench.meter();
    let mut system = System::start(template, &job, "a")?;
    let started_at = system.started_at;

    // The rate counts from the first commit: joining the group and starting a JVM are excluded.
    let mut flowing = (0, started_at);
    wait_until("the first commit", WAIT_TIMEOUT, || {
        system.check()?;
        flowing = (observer.processed()?, machine::now());
        Ok(flowing.0 > 0)
    })?;
    wait_for_completions(&judge, &mut system, backlog, WAIT_TIMEOUT)?;

    let usage = system.usage();
    let noise = meter.read(usage.cpu_seconds);
    let end = judge.last_at().ok_or("no completion was seen")?;

    let (processed, flowing_at) = flowing;
    let seconds_since = |start| (end - start) as f64 / 1e6;
    let rest = backlog.records as f64 - processed as f64;
    let per_million = |cpu_seconds| cpu_seconds / backlog.records as f64 * 1e6;
    let mut measures = vec![
        ("records", backlog.records as f64),
        ("records_per_s", rest / seconds_since(flowing_at)),
        ("first_commit_s", (flowing_at - started_at) as f64 / 1e6),
        ("seconds_from_start", seconds_since(started_at)),
        ("cpu_s_per_million", per_million(usage.cpu_seconds)),
        ("broker_cpu_s_per_million", per_million(noise[0].1)),
        ("rss_mib", usage.peak_mib),
        ("threads", usage.threads),
    ];
    measures.extend(noise);
    measures.extend(rest::run(template, &job, system)?);
    measures.extend(verdict_of(judge.verdict(backlog.orders)?));
    Ok(measures)
}
