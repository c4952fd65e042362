//! Feeds a running system, wherever it is, and judges its output.
//!
//! A backlog first, then a steady flow until standard input ends. Each line read from standard
//! input is answered once more records have been sent and more completions have come out, so that a
//! script which disturbs the system meanwhile can check that it still works.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::feed::{self, Flow};
use crate::judge::{Judge, Verdict};
use crate::topics::{self, Inputs, PARTITIONS};
use crate::workload::Workload;

/// Longer than any worker takes to come back.
const WAIT_TIMEOUT: Duration = Duration::from_secs(180);
/// How many records must flow before a line is answered.
const RECORDS_BETWEEN: i64 = 1_000;
const POLL: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, default_value = "localhost:9092")]
    bootstrap: String,
    #[arg(long, default_value = "orders")]
    orders: String,
    #[arg(long, default_value = "manufactured")]
    manufactured: String,
    #[arg(long, default_value = "shipping")]
    shipping: String,
    /// Orders of the backlog.
    #[arg(long, default_value_t = 10_000)]
    backlog: u32,
    /// Records per second of the flow after it.
    #[arg(long, default_value_t = 500)]
    rate: u32,
}

/// Runs until standard input ends, and fails unless each order was completed exactly once.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { bootstrap, orders, manufactured, shipping, backlog, rate } = arguments;
    for topic in [orders, manufactured, shipping] {
        topics::wait_until_usable_at(bootstrap, topic)?;
    }
    let inputs = Inputs {
        orders: orders.clone(),
        manufactured: manufactured.clone(),
        partitions: PARTITIONS,
    };
    // Some stay open for ever: with them there is state to lose.
    let orders = *backlog;
    let workload = Workload { orders, open: 2_000, unfinished_percent: 5, ..Workload::ENDLESS };
    let judge = Judge::start(bootstrap, shipping, PARTITIONS, workload)?;

    let records = feed::send_all(bootstrap, &inputs, workload)?;
    wait_until(&judge, workload.finished_among(*backlog))?;
    say(&format!("{backlog} orders in {records} records: {} completions", judge.count()))?;

    let endless = Workload { orders: u32::MAX - backlog, ..workload };
    let flow = Flow::start(bootstrap, &inputs, endless, *backlog, *rate)?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (sent, seen) = (flow.records() + RECORDS_BETWEEN, judge.count() + 1);
        let deadline = Instant::now() + WAIT_TIMEOUT;
        while flow.records() < sent || judge.count() < seen {
            judge.check()?;
            if Instant::now() >= deadline {
                return Err(format!("nothing flows after: {line}").into());
            }
            std::thread::sleep(POLL);
        }
        say(&format!(
            "{}: {} records in, {} completions out",
            line,
            flow.records(),
            judge.count()
        ))?;
    }
    let begun = flow.end()?;
    wait_until(&judge, workload.finished_among(begun))?;
    judged(begun, workload.finished_among(begun), judge.verdict(begun)?)
}

fn judged(orders: u32, finished: u64, verdict: Verdict) -> Result<(), Failure> {
    let Verdict { lost, duplicated, unfounded } = verdict;
    say(&format!(
        "of {orders} orders {finished} could be completed: {lost} lost, {duplicated} duplicated, \
         {unfounded} unfounded"
    ))?;
    if verdict == Verdict::default() { Ok(()) } else { Err("the answer is wrong".into()) }
}

fn wait_until(judge: &Judge, completions: u64) -> Result<(), Failure> {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while judge.count() < completions {
        judge.check()?;
        if Instant::now() >= deadline {
            let (seen, seconds) = (judge.count(), WAIT_TIMEOUT.as_secs());
            return Err(format!("{seen} of {completions} completions after {seconds} s").into());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Prints a line at once, even into a pipe.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
