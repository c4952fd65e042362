//! Measures Rollcall, or anything that does the same job, from outside: it loads records with a
//! known answer, runs the system as a process, reads the completions as a consumer would, and
//! compares them one by one with the answer. A measurement with a wrong answer is not reported.

mod acceptance;
mod bench;
mod broker;
mod feed;
mod gaps;
mod group;
mod handover;
mod judge;
mod latency;
mod machine;
mod partitions;
mod ready;
mod report;
mod rest;
mod state;
mod system;
mod throughput;
mod topics;
mod workload;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use bench::{Bench, Measures};
use broker::Broker;
use feed::Sent;
use handover::Parting;
use system::Template;
use topics::PARTITIONS;
use workload::Workload;

/// Any error that ends a scenario; it is shown to a person, so only its text matters.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, and append one line of JSON per measurement to the results.
    Run(RunArguments),
    /// Write the results as a table into a document.
    Report(report::Arguments),
    /// Feed a system that runs already while standard input is open, and judge its completions.
    Accept(acceptance::Arguments),
}

#[derive(clap::Args)]
struct RunArguments {
    #[arg(long, default_value = "localhost:9092")]
    bootstrap: String,
    /// NAME=COMMAND of a system under test; {bootstrap} {group} {orders} {manufactured} {shipping}
    /// {instance} {state} {spec} {port} are filled in; {spec:NAME} is an object of bench/ that also
    /// uses what NAME says. May be given several times.
    #[arg(long = "system", required = true)]
    systems: Vec<Template>,
    /// How often everything is repeated; the systems take turns.
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// Records of a backlog. More are used if a scenario needs that many open orders.
    #[arg(long, default_value_t = 2_000_000)]
    records: u32,
    /// Keys in the state that is lost and restored.
    #[arg(long, default_value_t = 2_000_000)]
    keys: u32,
    /// How long a latency is measured; half of it passes before.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Directory for state, specs and logs.
    #[arg(long)]
    scratch: PathBuf,
    /// File to which results are appended.
    #[arg(long)]
    results: PathBuf,
    #[command(flatten)]
    broker: Broker,
    #[arg(required = true)]
    scenarios: Vec<Scenario>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
enum Scenario {
    /// A backlog with 1,000 orders open at a time.
    #[value(name = "throughput-1k")]
    Throughput1k,
    /// A backlog with 100,000 orders open at a time.
    #[value(name = "throughput-100k")]
    Throughput100k,
    /// A backlog with 600,000 orders open at a time.
    #[value(name = "throughput-600k")]
    Throughput600k,
    /// A backlog with a million orders open at a time.
    #[value(name = "throughput-1m")]
    Throughput1m,
    /// As throughput-100k, with 16 partitions.
    #[value(name = "throughput-16")]
    Throughput16,
    /// As throughput-100k, with 64 partitions.
    #[value(name = "throughput-64")]
    Throughput64,
    /// As throughput-100k, with 256 partitions.
    #[value(name = "throughput-256")]
    Throughput256,
    /// As throughput-100k, just after a restart of the broker.
    #[value(name = "throughput-cold")]
    ThroughputCold,
    /// As throughput-100k, where each record says in a header what it is.
    #[value(name = "throughput-headers")]
    ThroughputHeaders,
    /// A crash with a large state, then the loss of that state.
    State,
    /// A graceful stop of one of two instances.
    Graceful,
    /// A crash of one of two instances.
    Failover,
    /// 5,000 records a second.
    Latency,
    /// As latency, with 16 partitions.
    #[value(name = "latency-16")]
    Latency16,
    /// As latency, with 64 partitions.
    #[value(name = "latency-64")]
    Latency64,
    /// As latency, with 256 partitions.
    #[value(name = "latency-256")]
    Latency256,
}

impl Scenario {
    fn name(self) -> String {
        self.to_possible_value().expect("no scenario is skipped").get_name().to_owned()
    }

    fn partitions(self) -> i32 {
        match self {
            Self::Throughput16 | Self::Latency16 => 16,
            Self::Throughput64 | Self::Latency64 => 64,
            Self::Throughput256 | Self::Latency256 => 256,
            Self::Throughput1k
            | Self::Throughput100k
            | Self::Throughput600k
            | Self::Throughput1m
            | Self::ThroughputCold
            | Self::ThroughputHeaders
            | Self::State
            | Self::Graceful
            | Self::Failover
            | Self::Latency => PARTITIONS,
        }
    }

    /// Returns the backlog that all runs of all systems process.
    fn backlog(self, records: u32) -> Option<Workload> {
        let of = |open: u32| Workload {
            seed: 3,
            // An order has four records on average; when the last order begins, `open` orders
            // should be open.
            orders: (records / 4).max(open + open / 4),
            open: open as usize,
            headers: self == Self::ThroughputHeaders,
            ..Workload::ENDLESS
        };
        match self {
            Self::Throughput1k => Some(of(1_000)),
            Self::Throughput100k
            | Self::Throughput16
            | Self::Throughput64
            | Self::Throughput256
            | Self::ThroughputCold
            | Self::ThroughputHeaders => Some(of(100_000)),
            Self::Throughput600k => Some(of(600_000)),
            Self::Throughput1m => Some(of(1_000_000)),
            Self::State
            | Self::Graceful
            | Self::Failover
            | Self::Latency
            | Self::Latency16
            | Self::Latency64
            | Self::Latency256 => None,
        }
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Report(arguments) => report::write(&arguments),
        Command::Accept(arguments) => acceptance::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &RunArguments) -> Result<(), Failure> {
    std::fs::create_dir_all(&arguments.scratch)?;
    let bench = Bench {
        bootstrap: arguments.bootstrap.clone(),
        scratch: arguments.scratch.clone(),
        broker: arguments.broker.clone(),
        prefix: format!("bench-{}", machine::now() / 1_000_000),
    };
    let mut backlogs = HashMap::new();
    for scenario in &arguments.scenarios {
        if let Some(workload) = scenario.backlog(arguments.records) {
            let name = format!("{}-{}", bench.prefix, scenario.name());
            let sent =
                feed::load_backlog(&bench.bootstrap, &name, scenario.partitions(), workload)?;
            backlogs.insert(*scenario, sent);
        }
    }
    let mut failed = 0;
    for run in 1..=arguments.runs {
        for scenario in &arguments.scenarios {
            for template in &arguments.systems {
                let unique = format!("{}-{run}", scenario.name());
                let result = measure(&bench, template, *scenario, &backlogs, arguments, &unique);
                let (name, system) = (scenario.name(), &template.name);
                failed += match result {
                    Ok(measures) => {
                        report::append(&arguments.results, &name, system, run, &measures)?
                    }
                    Err(error) => {
                        eprintln!("{name} {system} run {run}: {error}");
                        1
                    }
                };
                let group = bench.group(template, &unique);
                topics::delete(&bench.bootstrap, &format!("{group}-"))?;
            }
        }
    }
    if failed > 0 { Err(format!("{failed} measurements failed").into()) } else { Ok(()) }
}

fn measure(
    bench: &Bench,
    template: &Template,
    scenario: Scenario,
    backlogs: &HashMap<Scenario, Sent>,
    arguments: &RunArguments,
    name: &str,
) -> Result<Measures, Failure> {
    if scenario == Scenario::ThroughputCold {
        bench.broker.restart()?;
    }
    match (scenario, backlogs.get(&scenario)) {
        (_, Some(backlog)) => throughput::run(bench, template, backlog, name),
        (Scenario::State, None) => state::run(bench, template, arguments.keys, name),
        (Scenario::Graceful, None) => handover::run(bench, template, Parting::Graceful, name),
        (Scenario::Failover, None) => handover::run(bench, template, Parting::Crash, name),
        (_, None) => {
            let measured = Duration::from_secs(u64::from(arguments.seconds));
            latency::run(bench, template, scenario.partitions(), measured, name)
        }
    }
}
