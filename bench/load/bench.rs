//! What all scenarios share: one broker, one scratch directory, names that are never reused, and
//! the meter of other load on the machine.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::broker::Broker;
use crate::feed::Sent;
use crate::judge::{Judge, Verdict};
use crate::machine::{self, Usage};
use crate::system::{Job, System, Template};
use crate::topics::{self, Inputs};

const POLL: Duration = Duration::from_millis(10);
const READY_TIMEOUT: Duration = Duration::from_secs(300);

/// Numbers by name, in the order in which they were measured.
pub(crate) type Measures = Vec<(&'static str, f64)>;

/// The environment of the measurements.
pub(crate) struct Bench {
    pub bootstrap: String,
    pub scratch: PathBuf,
    pub broker: Broker,
    /// Separates this invocation's topics and groups from all others.
    pub prefix: String,
}

impl Bench {
    /// Returns a job over these inputs under a new group, with a new topic for its completions.
    pub(crate) fn job(
        &self,
        template: &Template,
        inputs: &Inputs,
        name: &str,
    ) -> Result<Job, Failure> {
        let group = self.group(template, name);
        let shipping = format!("{group}-shipping");
        topics::create(&self.bootstrap, &[&shipping], inputs.partitions)?;
        Ok(Job {
            bootstrap: self.bootstrap.clone(),
            group,
            inputs: inputs.clone(),
            shipping,
            scratch: self.scratch.clone(),
        })
    }

    /// Returns the name of a run's group, with which the names of all its own topics begin.
    pub(crate) fn group(&self, template: &Template, name: &str) -> String {
        format!("{}-{name}-{}", self.prefix, template.name)
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter {
            started: Instant::now(),
            busy: machine::busy_seconds(),
            broker: self.broker.usage(),
            own: own(),
            of: self.broker.clone(),
        }
    }
}

/// Measures what the machine did besides running the system under test.
pub(crate) struct Meter {
    of: Broker,
    started: Instant,
    busy: f64,
    broker: Usage,
    own: Usage,
}

impl Meter {
    /// Returns the seconds passed, the broker's processor time, and the mean number of processors
    /// that were busy with neither the system, nor the broker, nor this program: the noise.
    pub(crate) fn read(&self, system_cpu: f64) -> Measures {
        let seconds = self.started.elapsed().as_secs_f64();
        let broker = self.of.usage().cpu_seconds - self.broker.cpu_seconds;
        let own = own().cpu_seconds - self.own.cpu_seconds;
        let busy = machine::busy_seconds() - self.busy;
        let noise = (busy - broker - own - system_cpu).max(0.0) / seconds;
        vec![("broker_cpu_s", broker), ("noise_cpus", noise)]
    }
}

fn own() -> Usage {
    machine::usage(std::process::id())
}

/// Returns once `condition` holds; fails if `condition` fails, or after `patience`.
pub(crate) fn wait_until(
    what: &str,
    patience: Duration,
    mut condition: impl FnMut() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > patience {
            return Err(format!("gave up after {} s waiting for {what}", patience.as_secs()).into());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Waits until the system is ready. One that cannot say so is taken at once.
pub(crate) fn wait_until_ready(system: &mut System) -> Result<(), Failure> {
    wait_until("it to be ready", READY_TIMEOUT, || {
        system.check()?;
        Ok(!system.says_when_ready() || system.ready_s().is_some())
    })
}

/// Waits until there are as many completions as expected.
pub(crate) fn wait_for_completions(
    judge: &Judge,
    system: &mut System,
    sent: &Sent,
    patience: Duration,
) -> Result<(), Failure> {
    let expected = sent.workload.finished_among(sent.orders);
    wait_until(&format!("{expected} completions"), patience, || {
        system.check()?;
        judge.check()?;
        Ok(judge.count() >= expected)
    })
    .map_err(|error| format!("{error}; {} are there", judge.count()).into())
}

/// Returns the verdict as measures.
pub(crate) fn verdict_of(verdict: Verdict) -> Measures {
    vec![
        ("lost", verdict.lost as f64),
        ("duplicated", verdict.duplicated as f64),
        ("unfounded", verdict.unfounded as f64),
    ]
}
