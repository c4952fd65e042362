//! One run of a script: writes the records, lets the time pass, and starts the process again when
//! it has died.

use std::ops::Range;

use super::{
    Arrival, Crash, Findings, Restart, Script, Way,
    kafka::{Kafka, Machine, Shared, lock},
    port::Port,
    process::{Process, shards},
};
use rollcall_core::{
    record::{InputIndex, ShardId, Timestamp},
    shard::{Error, Result},
};

/// How often a worker that waits looks at its deadlines. It groups them by the second, so they fire
/// a moment late.
const GLANCE_MS: Timestamp = 1_000;
/// After so many glances a deadline has fired.
const GLANCES_MAX: u32 = 10;

/// Runs a script.
///
/// # Errors
/// Why a shard has stopped, with the remedy: such a script has no outputs to look at.
pub fn run(script: &Script, way: &Way) -> Result<Findings> {
    run_on(Kafka::new(script.start_ms), script, way)
}

/// Runs a script on a cluster that is empty.
pub(super) fn run_on(shared: Shared, script: &Script, way: &Way) -> Result<Findings> {
    let mut restart = Restart::SameMachine;
    if let Way::Crash(crash) = way {
        lock(&shared).crash_at = Some(crash.step);
        restart = crash.restart;
    }
    let mut run = Run { script, shared, restart, machine: 0, process: None };
    let deadlines = match way {
        Way::AsWritten | Way::Crash(_) => run.as_written()?,
        Way::Order { order, deadlines } => {
            run.in_order(order, deadlines)?;
            Vec::new()
        }
    };
    run.pass_until(script.until_ms)?;
    let open = run.alive(|process| Ok(process.open_keys()))?;
    let mut kafka = lock(&run.shared);
    let outputs = kafka.outputs(shards(script.partitions));
    let (steps, died_before) = (kafka.steps, kafka.died_before);
    Ok(Findings { outputs, open, steps, died_before, deadlines })
}

/// Returns the crashes at each of the `steps` of a run as written: at most `max` of them, evenly
/// spread.
pub fn crashes(steps: u64, max: usize) -> Vec<Crash> {
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    let every = [Restart::SameMachine, Restart::OtherMachine];
    let total = steps.saturating_mul(every.len());
    let count = total.min(max);
    let nth = |n: usize| {
        let at = n * total / count;
        let step = u64::try_from(at / every.len() + 1).expect("it fits: it was one");
        Crash { step, restart: every[at % every.len()] }
    };
    (0..count).map(nth).collect()
}

/// A run under way.
struct Run<'a> {
    script: &'a Script,
    shared: Shared,
    restart: Restart,
    machine: Machine,
    /// `None` before the start, and after a crash.
    process: Option<Process>,
}

impl Run<'_> {
    /// Returns the arrivals before which deadlines fired.
    fn as_written(&mut self) -> Result<Vec<usize>> {
        let mut deadlines = Vec::new();
        for (index, arrival) in self.script.arrivals.iter().enumerate() {
            if self.pass_until(arrival.at_ms)? {
                deadlines.push(index);
            }
            lock(&self.shared).write(arrival);
            self.settle()?;
        }
        Ok(deadlines)
    }

    fn in_order(&mut self, order: &[usize], deadlines: &[usize]) -> Result<()> {
        let arrivals = &self.script.arrivals;
        for backlog in backlogs(arrivals.len(), deadlines) {
            let (first, last) = (&arrivals[backlog.start], &arrivals[backlog.end - 1]);
            self.pass_until(first.at_ms)?;
            let mut kafka = lock(&self.shared);
            kafka.now_ms = last.at_ms.max(kafka.now_ms);
            arrivals[backlog.clone()].iter().for_each(|arrival| kafka.write(arrival));
            drop(kafka);
            for &index in &order[backlog] {
                let Arrival { shard, input, .. } = arrivals[index];
                self.read_one(shard, input)?;
            }
            self.settle()?;
        }
        Ok(())
    }

    /// Lets time pass, from deadline to deadline, until all that are due by then have fired, which
    /// may take a moment longer; returns whether one fired.
    fn pass_until(&mut self, until_ms: Timestamp) -> Result<bool> {
        let mut has_fired = self.settle()?;
        let (mut last, mut glances) = (None, 0);
        loop {
            let rules = &self.script.plan.rules;
            let open = self.alive(|process| Ok(process.open_keys()))?;
            let due = open.iter().filter_map(|(_, row)| row.due(rules)).min();
            let Some(due_ms) = due.filter(|due_ms| *due_ms <= until_ms) else { break };
            glances = if last.replace(due_ms) == Some(due_ms) { glances + 1 } else { 0 };
            if glances > GLANCES_MAX {
                return Err(Error::Interrupted("a deadline does not fire".to_owned()));
            }
            let mut kafka = lock(&self.shared);
            kafka.now_ms = due_ms.max(kafka.now_ms + GLANCE_MS);
            drop(kafka);
            has_fired |= self.settle()?;
        }
        let mut kafka = lock(&self.shared);
        kafka.now_ms = kafka.now_ms.max(until_ms);
        drop(kafka);
        Ok(self.settle()? || has_fired)
    }

    fn settle(&mut self) -> Result<bool> {
        self.alive(Process::settle)
    }

    fn read_one(&mut self, shard: ShardId, input: InputIndex) -> Result<()> {
        self.alive(|process| process.read_one(shard, input))
    }

    /// Lets the process do something; if it dies of that, another one does it, too.
    fn alive<T>(&mut self, mut act: impl FnMut(&mut Process) -> Result<T>) -> Result<T> {
        loop {
            let acted = self.process().and_then(&mut act);
            if !lock(&self.shared).is_dead {
                return acted;
            }
            self.process = None;
            lock(&self.shared).is_dead = false;
            if self.restart == Restart::OtherMachine {
                self.machine += 1;
            }
        }
    }

    fn process(&mut self) -> Result<&mut Process> {
        let process = match self.process.take() {
            Some(process) => process,
            None => {
                let (shared, inputs) = (self.shared.clone(), self.script.plan.inputs.len());
                Process::start(self.script, Port { shared, machine: self.machine, inputs })?
            }
        };
        Ok(self.process.insert(process))
    }
}

/// Returns the arrivals between two deadlines each.
pub fn backlogs(arrivals: usize, deadlines: &[usize]) -> Vec<Range<usize>> {
    let starts = [0].into_iter().chain(deadlines.iter().copied());
    let ends = deadlines.iter().copied().chain([arrivals]);
    starts.zip(ends).map(|(start, end)| start..end).filter(|backlog| !backlog.is_empty()).collect()
}
