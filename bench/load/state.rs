//! Recovery with a large state: after a crash, and after the state on disk was lost.

use std::time::Duration;

use crate::Failure;
use crate::bench::{Bench, Measures, verdict_of, wait_for_completions, wait_until};
use crate::feed::{self, Flow, Sent};
use crate::gaps::wait_until_all_flow;
use crate::judge::Judge;
use crate::system::{Job, System, Template};
use crate::topics::{self, PARTITIONS};
use crate::workload::Workload;

const WAIT_TIMEOUT: Duration = Duration::from_secs(1200);
const LOAD_PER_SECOND: u32 = 5_000;
/// Just enough that every partition shows at once when it works again.
const PROBES_PER_SECOND: u32 = 400;
/// Time under load before the crash.
const SETTLE: Duration = Duration::from_secs(5);

/// Successive runs of the same job, and what has been sent to it so far.
struct Lives<'a> {
    bench: &'a Bench,
    template: &'a Template,
    job: Job,
    judge: Judge,
    sent: Sent,
}

/// Fills the state with `keys` rows, then measures both kinds of recovery.
pub(crate) fn run(
    bench: &Bench,
    template: &Template,
    keys: u32,
    name: &str,
) -> Result<Measures, Failure> {
    // Three records a key on average, and half of the orders still open at the end.
    let (orders, open) = (keys, 100_000);
    let half = Workload { unfinished_percent: 50, ..Workload::ENDLESS };
    let workload = Workload { seed: 5, orders, open, items_max: 4, ..half };
    // Not shared with other runs, since each adds the records sent during its measurement.
    let topics = format!("{}-{name}-{}", bench.prefix, template.name);
    let sent = feed::load_backlog(&bench.bootstrap, &topics, PARTITIONS, workload)?;
    let job = bench.job(template, &sent.inputs, name)?;
    let judge = Judge::start(&bench.bootstrap, &job.shipping, PARTITIONS, workload)?;
    let mut system = System::start(template, &job, "a")?;
    wait_for_completions(&judge, &mut system, &sent, WAIT_TIMEOUT)?;
    let mut lives = Lives { bench, template, job, judge, sent };
    let mut measures = vec![("rows", f64::from(keys))];

    measures.extend(lives.crash(system)?);
    measures.extend(lives.lose_state()?);
    measures.extend(verdict_of(lives.judge.verdict(lives.sent.orders)?));
    Ok(measures)
}

impl Lives<'_> {
    /// Kills the process under load and starts it again at once.
    fn crash(&mut self, mut system: System) -> Result<Measures, Failure> {
        let flow = self.flow(LOAD_PER_SECOND, 1000)?;
        let started_at = system.started_at;
        wait_until_all_flow(&self.judge, &flow, &mut system, started_at, WAIT_TIMEOUT)?;
        std::thread::sleep(SETTLE);
        let killed_at = system.crash()?;

        let meter = self.bench.meter();
        let mut system = System::start(self.template, &self.job, "a")?;
        let flowing_at =
            wait_until_all_flow(&self.judge, &flow, &mut system, killed_at, WAIT_TIMEOUT)?;
        let usage = system.usage();
        let noise = meter.read(usage.cpu_seconds);
        self.finish(flow, system)?;
        Ok(vec![
            ("recovery_s", (flowing_at - killed_at) as f64 / 1e6),
            ("recovery_cpu_s", usage.cpu_seconds),
            ("recovery_noise_cpus", noise[1].1),
        ])
    }

    /// Deletes the state of the stopped process and starts it again.
    fn lose_state(&mut self) -> Result<Measures, Failure> {
        let changelog = topics::changelog_offsets(&self.bench.bootstrap, &self.job.group)?;
        match std::fs::remove_dir_all(self.job.state_dir("a")) {
            // A system that keeps its state in memory has no directory there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            removed => removed?,
        }
        let flow = self.flow(PROBES_PER_SECOND, 20)?;
        wait_until("the first probes", WAIT_TIMEOUT, || Ok(flow.records() > 0))?;

        let meter = self.bench.meter();
        let mut system = System::start(self.template, &self.job, "a")?;
        let started_at = system.started_at;
        let flowing_at =
            wait_until_all_flow(&self.judge, &flow, &mut system, started_at, WAIT_TIMEOUT)?;
        let usage = system.usage();
        let noise = meter.read(usage.cpu_seconds);
        self.finish(flow, system)?;
        let seconds = (flowing_at - started_at) as f64 / 1e6;
        Ok(vec![
            ("changelog_offsets", changelog as f64),
            ("restore_s", seconds),
            ("restored_per_s", changelog as f64 / seconds),
            ("restore_cpu_s", usage.cpu_seconds),
            ("restore_rss_mib", usage.peak_mib),
            ("restore_noise_cpus", noise[1].1),
        ])
    }

    /// Starts sending orders in addition to those sent so far.
    fn flow(&self, per_second: u32, open: usize) -> Result<Flow, Failure> {
        let orders = u32::MAX - self.sent.orders;
        let workload = Workload { orders, open, ..self.sent.workload };
        Flow::start(
            &self.bench.bootstrap,
            &self.sent.inputs,
            workload,
            self.sent.orders,
            per_second,
        )
    }

    /// Ends the flow, waits for outstanding completions, and stops the process.
    fn finish(&mut self, flow: Flow, mut system: System) -> Result<(), Failure> {
        self.sent.orders = flow.end()?;
        wait_for_completions(&self.judge, &mut system, &self.sent, WAIT_TIMEOUT)?;
        system.stop()?;
        Ok(())
    }
}
