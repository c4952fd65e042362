//! `rollcall simulate`: runs the shards' actual code on a simulated Kafka where everything fails.

use std::{
    io::IsTerminal,
    ops::RangeInclusive,
    process::ExitCode,
    str::FromStr,
    time::{Duration, Instant},
};

use super::exit_with;
use rollcall_sim::{Tally, Tracing};

/// Run simulated schedules with crashes, zombies and lost answers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many schedules (10000), or which seeds (FIRST..LAST)
    #[arg(default_value = "10000")]
    seeds: Seeds,

    /// Run only this seed and print each step
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,

    /// Stop after this many failed schedules
    #[arg(long, default_value_t = 1)]
    failures: usize,
}

/// A range of seeds, both ends included.
#[derive(Debug, Clone)]
struct Seeds(RangeInclusive<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.parse().map_err(|_| format!("{text:?} is no number; use 10000 or FIRST..LAST"))
        };
        let seeds = match text.split_once("..") {
            Some((first, last)) => number(first)?..=number(last)?,
            None => match number(text)? {
                0 => return Err("at least one schedule has to run".to_owned()),
                count => 0..=count - 1,
            },
        };
        if seeds.is_empty() {
            return Err(format!("{text:?} holds no seed; the first comes first"));
        }
        Ok(Self(seeds))
    }
}

/// Runs the schedules and prints how to replay those that fail.
pub fn run(args: Args) -> ExitCode {
    let Args { seeds, seed, failures } = args;
    match seed {
        Some(seed) => replay(seed),
        None => campaign(&seeds, failures),
    }
}

fn replay(seed: u64) -> ExitCode {
    let (trace, end, code) = match rollcall_sim::run(seed, Tracing::On) {
        Ok((summary, trace)) => {
            let rollcall_sim::Summary { steps, transactions, .. } = summary;
            let end = format!("seed {seed}: right, {steps} steps, {transactions} transactions");
            (trace, end, ExitCode::SUCCESS)
        }
        Err(failure) => (failure.trace.clone(), failure.to_string(), ExitCode::FAILURE),
    };
    exit_with(&format!("{trace}{end}\n"), code)
}

fn campaign(seeds: &Seeds, failures: usize) -> ExitCode {
    let began = Instant::now();
    let count = seeds.0.end() - seeds.0.start() + 1;
    let live = std::io::stderr().is_terminal();
    let interval = Duration::from_secs(if live { 1 } else { 30 });
    let tally = rollcall_sim::campaign(seeds.0.clone(), failures, interval, |tally| {
        let start = if live { "\r\x1b[K" } else { "" };
        let end = if live { "" } else { "\n" };
        eprint!(
            "{start}{} of {count} schedules, {} failed{end}",
            tally.schedules,
            tally.failed.len()
        );
    });
    if live {
        eprintln!();
    }
    let Tally { schedules, steps, transactions, seen, failed } = tally;
    let took = began.elapsed().as_secs_f64();
    let seen: Vec<String> = seen.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let mut text = format!(
        "{schedules} schedules in {took:.1} s: {transactions} transactions, {steps} steps, {} \
         failed\n{}\n",
        failed.len(),
        seen.join(", ")
    );
    for &seed in &failed {
        if let Err(failure) = rollcall_sim::run(seed, Tracing::Off) {
            text += &format!("{failure}\n");
        }
    }
    exit_with(&text, if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
