//! Runs a case in every way, until one gives something else than what is expected.

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_sim::harness::{self, Crash, Findings, Orders, Restart, Way, crashes, orders};

use super::{
    case::{Case, Order},
    found::Found,
    judge::judge,
    subject::Subject,
};

/// How many runs of a case there may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub orders: usize,
    pub crashes: usize,
}

/// What has become of a case.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The orders that were tried, and how many there are; `None` if there are more than can be
    /// counted, or if the case is only run as written.
    pub orders: Option<(usize, Option<u128>)>,
    /// The crashes that were tried, and how many there are.
    pub crashes: (usize, usize),
    pub failure: Option<Failure>,
    pub took: Duration,
}

/// Why a case has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How it was run, in one line.
    pub way: String,
    /// More about that.
    pub notes: Vec<String>,
    /// How the outcome differs; see [`judge`].
    pub lines: Vec<String>,
}

/// Runs cases, as many at a time as the machine has processors.
pub fn run_all(cases: &[Case], subject: &Subject, bounds: Bounds) -> Vec<Verdict> {
    let verdicts: Vec<OnceLock<Verdict>> = cases.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(at) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < cases.len())
        {
            verdicts[at].get_or_init(|| run(&cases[at], subject, bounds));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    verdicts.into_iter().map(|verdict| verdict.into_inner().expect("each has run")).collect()
}

/// Runs a case.
fn run(case: &Case, subject: &Subject, bounds: Bounds) -> Verdict {
    let began = Instant::now();
    let mut verdict =
        Verdict { orders: None, crashes: (0, 0), failure: None, took: Duration::ZERO };
    verdict.failure = Trial { case, subject }.run(bounds, &mut verdict).err();
    verdict.took = began.elapsed();
    verdict
}

/// What a way to run a case is called, in one line, and more about it.
type Called = (String, Vec<String>);

struct Trial<'a> {
    case: &'a Case,
    subject: &'a Subject,
}

impl Trial<'_> {
    fn run(&self, bounds: Bounds, verdict: &mut Verdict) -> Result<(), Failure> {
        let written = self.go(&Way::AsWritten, |_| ("as written".to_owned(), Vec::new()))?;
        if self.case.order == Order::Any {
            let Orders { tried, total } =
                orders(&self.case.script, &written.deadlines, bounds.orders);
            let count = tried.len();
            for (nth, order) in tried.into_iter().enumerate() {
                let called = self.called(&order, nth + 1, count);
                let deadlines = written.deadlines.clone();
                self.go(&Way::Order { order, deadlines }, |_| called)?;
            }
            verdict.orders = Some((count, total));
        }
        let tried = crashes(written.steps, bounds.crashes);
        let total = crashes(written.steps, usize::MAX).len();
        let count = tried.len();
        for crash in tried {
            self.go(&Way::Crash(crash), |findings| of_crash(crash, findings))?;
        }
        verdict.crashes = (count, total);
        Ok(())
    }

    /// Runs the case in one way, and compares.
    fn go(&self, way: &Way, called: impl FnOnce(&Findings) -> Called) -> Result<Findings, Failure> {
        let findings = match harness::run(&self.case.script, way) {
            Ok(findings) => findings,
            Err(error) => {
                let (way, notes) = called(&Findings::default());
                let lines = vec![format!("a shard stops: {error}")];
                return Err(Failure { way, notes, lines });
            }
        };
        let found = Found::new(&findings, self.subject, &self.case.script.plan.rules);
        let lines = judge(&self.case.expected, &found);
        if lines.is_empty() {
            return Ok(findings);
        }
        let (way, notes) = called(&findings);
        Err(Failure { way, notes, lines })
    }

    fn called(&self, order: &[usize], nth: usize, count: usize) -> Called {
        let way = format!("as written it passes, but not in order {nth} of {count}");
        let mut notes = vec!["the records were read in this order:".to_owned()];
        notes.extend(
            order.iter().map(|index| format!("  in[{index}] {}", self.case.arrivals[*index])),
        );
        notes
            .push("write `order: strict` in the case if the order of topics may matter".to_owned());
        (way, notes)
    }
}

fn of_crash(crash: Crash, findings: &Findings) -> Called {
    let Crash { step, restart } = crash;
    let before = findings.died_before.unwrap_or("end");
    let place = match restart {
        Restart::SameMachine => "the same machine",
        Restart::OtherMachine => "another machine",
    };
    let way = format!("as written it passes, but not with a crash before step {step}: {before}");
    let note = "a crash must not change anything: please report this as a bug of Rollcall";
    (way, vec![format!("it was started again on {place}"), note.to_owned()])
}
