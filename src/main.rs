//! The command line; each subcommand is a file in `commands`.

use std::process::ExitCode;

use clap::Parser;
use rollcall::commands::{
    console, crd, inspect, manufactured, manufacturer, metrics, operator, order, probe, reset,
    simulate, topics, validate, watch, worker,
};
use rollcall::log;

/// Serves librdkafka and RocksDB too; see docs/adr/0006-jemalloc.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Completeness reconciliation on Kafka
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// What log lines on standard error look like; RUST_LOG says which there are [default: info]
    #[arg(long, global = true, value_enum, env = "ROLLCALL_LOG_FORMAT", default_value = "text")]
    log_format: log::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
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
    Metrics(metrics::Args),
    Watch(watch::Args),
    Probe(probe::Args),
    #[command(hide = true)]
    Simulate(simulate::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.log_format);
    match cli.command {
        Command::Worker(args) => worker::run(args),
        Command::Operator(args) => operator::run(args),
        Command::Validate(args) => validate::run(args),
        Command::Topics(args) => topics::run(args),
        Command::Reset(args) => reset::run(args),
        Command::Console(args) => console::run(args),
        Command::Crd(args) => crd::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Order(args) => order::run(args),
        Command::Manufactured(args) => manufactured::run(args),
        Command::Manufacturer(args) => manufacturer::run(args),
        Command::Metrics(args) => metrics::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Probe(args) => probe::run(args),
        Command::Simulate(args) => simulate::run(args),
    }
}
