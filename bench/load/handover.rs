//! Two instances share the work and one goes: how long does the work of each stand still?

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Failure;
use crate::bench::{Bench, Measures, verdict_of, wait_for_completions, wait_until};
use crate::feed::{Flow, Sent};
use crate::gaps::{longest, wait_until_all_flow};
use crate::group::Observer;
use crate::judge::Judge;
use crate::machine;
use crate::system::{Job, System, Template};
use crate::topics::{Inputs, PARTITIONS};
use crate::workload::Workload;

const WAIT_TIMEOUT: Duration = Duration::from_secs(180);
const LOAD_PER_SECOND: u32 = 5_000;
/// Undisturbed time before one instance goes; the JVM compiles its hot code meanwhile.
const SETTLE: Duration = Duration::from_secs(15);
/// How long after the recovery to watch for a second interruption.
const AFTERMATH: Duration = Duration::from_secs(8);

/// How one of the two instances goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// SIGTERM, as on a rollout.
    Graceful,
    /// SIGKILL, as when its node is lost.
    Crash,
}

/// Runs two instances under a steady load and ends the second one.
pub(crate) fn run(
    bench: &Bench,
    template: &Template,
    parting: Parting,
    name: &str,
) -> Result<Measures, Failure> {
    let workload = Workload::ENDLESS;
    let topics = format!("{}-{name}-{}", bench.prefix, template.name);
    let inputs = Inputs::create(&bench.bootstrap, &topics, PARTITIONS)?;
    let job = bench.job(template, &inputs, name)?;
    let judge = Judge::start(&bench.bootstrap, &job.shipping, PARTITIONS, workload)?;
    let observer = Observer::new(&bench.bootstrap, &job.group, &inputs)?;
    let flow = Flow::start(&bench.bootstrap, &inputs, workload, 0, LOAD_PER_SECOND)?;
    let (mut stays, mut goes) = start_both(template, &job, &observer)?;
    let begun = machine::now();
    wait_until_all_flow(&judge, &flow, &mut stays, begun, WAIT_TIMEOUT)?;
    std::thread::sleep(SETTLE);
    goes.check()?;

    let before = partitions_of(&observer.holders()?, "b");
    let settled = machine::now();
    let mut meter_cpu = -stays.usage().cpu_seconds;
    let meter = bench.meter();
    let (parted_at, exit_s) = match parting {
        Parting::Crash => (goes.crash()?, 0.0),
        Parting::Graceful => (goes.ask_to_stop()?, goes.wait()?),
    };
    wait_until_all_flow(&judge, &flow, &mut stays, parted_at, WAIT_TIMEOUT)?;
    std::thread::sleep(AFTERMATH);
    let end = machine::now();
    meter_cpu += stays.usage().cpu_seconds;
    let noise = meter.read(meter_cpu);

    let seen = judge.seen_since(0);
    let gaps = longest(&seen, judge.partitions(), parted_at, end);
    let calm = longest(&seen, judge.partitions(), settled - 5_000_000, settled);
    let of = |moved: bool| {
        let chosen = (0..PARTITIONS).filter(|partition| before.contains(partition) == moved);
        chosen.map(|partition| gaps[partition as usize]).fold(0.0, f64::max)
    };
    let mut measures = vec![
        ("moved", before.len() as f64),
        ("gap_moved_s", of(true)),
        ("gap_staying_s", of(false)),
        ("gap_before_s", calm.iter().copied().fold(0.0, f64::max)),
        ("exit_s", exit_s),
    ];
    measures.extend(noise);
    let orders = flow.end()?;
    let sent = Sent { inputs, workload, records: 0, orders };
    wait_for_completions(&judge, &mut stays, &sent, WAIT_TIMEOUT)?;
    stays.stop()?;
    measures.extend(verdict_of(judge.verdict(orders)?));
    Ok(measures)
}

/// Starts two instances and returns once each holds some of the partitions.
fn start_both(
    template: &Template,
    job: &Job,
    observer: &Observer,
) -> Result<(System, System), Failure> {
    let mut a = System::start(template, job, "a")?;
    let mut b = System::start(template, job, "b")?;
    wait_until("both instances to hold partitions", WAIT_TIMEOUT, || {
        a.check()?;
        b.check()?;
        let holders = observer.holders()?;
        let counts = (partitions_of(&holders, "a").len(), partitions_of(&holders, "b").len());
        Ok(counts.0 > 0 && counts.1 > 0 && counts.0 + counts.1 == PARTITIONS as usize)
    })?;
    Ok((a, b))
}

/// Returns the partitions held by an instance's members; a process may join with several.
fn partitions_of(holders: &BTreeMap<String, Vec<i32>>, instance: &str) -> Vec<i32> {
    let own = holders.iter().filter(|(member, _)| member.starts_with(&format!("{instance}-")));
    own.flat_map(|(_, partitions)| partitions.iter().copied()).collect()
}
