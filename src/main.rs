//! The command line; each subcommand is a file in `commands`.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use rollcall::commands::{
    console, crd, inspect, manufactured, manufacturer, operator, order, probe, reset, simulate,
    topics, validate, watch, worker,
};

/// Serves librdkafka and RocksDB too; see docs/adr/0006-jemalloc.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Completeness reconciliation on Kafka
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
enum Cli {
    Worker(worker::Args),
    Operator(operator::Args),
    Validate(validate::Args),
    Topics(topics::Args),
    Reset(reset::Args),
    Console(console::Args),
    Crd(crd::Args),
    Inspect(inspect::Args),
    Order(order::Args),
    Manufactured(manufactured::Args),
    Manufacturer(manufacturer::Args),
    Watch(watch::Args),
    Probe(probe::Args),
    #[command(hide = true)]
    Simulate(simulate::Args),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match Cli::parse() {
        Cli::Worker(args) => worker::run(args),
        Cli::Operator(args) => operator::run(args),
        Cli::Validate(args) => validate::run(args),
        Cli::Topics(args) => topics::run(args),
        Cli::Reset(args) => reset::run(args),
        Cli::Console(args) => console::run(args),
        Cli::Crd(args) => crd::run(args),
        Cli::Inspect(args) => inspect::run(args),
        Cli::Order(args) => order::run(args),
        Cli::Manufactured(args) => manufactured::run(args),
        Cli::Manufacturer(args) => manufacturer::run(args),
        Cli::Watch(args) => watch::run(args),
        Cli::Probe(args) => probe::run(args),
        Cli::Simulate(args) => simulate::run(args),
    }
}
