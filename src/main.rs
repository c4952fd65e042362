//! The command line; each subcommand is a file in `commands`.

#![forbid(unsafe_code)]

mod commands;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use commands::{
    console, crd, inspect, manufactured, manufacturer, metrics, operator, order, probe, reset,
    simulate, test, topics, validate, watch, worker,
};
use rollcall_service::log;

/// librdkafka and RocksDB use it too; see docs/adr/0006-jemalloc.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Completeness reconciliation on Kafka
#[derive(Parser)]
#[command(version, arg_required_else_help = true, help_template = TEMPLATE)]
struct Cli {
    /// The format of log lines on standard error; RUST_LOG sets their level [default: info]
    #[arg(long, global = true, value_enum, env = "ROLLCALL_LOG_FORMAT", default_value = "text")]
    log_format: log::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Worker(worker::Args),
    Validate(validate::Args),
    Test(test::Args),
    Topics(topics::Args),
    Inspect(inspect::Args),
    Console(console::Args),
    Watch(watch::Args),
    Reset(reset::Args),
    Operator(operator::Args),
    Crd(crd::Args),
    Order(order::Args),
    Manufactured(manufactured::Args),
    Manufacturer(manufacturer::Args),
    Metrics(metrics::Args),
    Probe(probe::Args),
    Simulate(simulate::Args),
}

/// clap's own template, with the subcommands in [`GROUPS`], which clap cannot do.
const TEMPLATE: &str = "\
{about}

{usage-heading} {usage}{after-help}

Options:
{options}
";

/// The subcommands, grouped by purpose.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Your reconciliation",
        &["worker", "validate", "test", "topics", "inspect", "console", "watch", "reset"],
    ),
    ("On Kubernetes", &["operator", "crd"]),
    ("The demo with orders", &["order", "manufactured", "manufacturer"]),
    ("For developers and images", &["metrics", "probe", "simulate", "help"]),
];

/// Returns the command line with its subcommands in groups.
fn grouped() -> clap::Command {
    let command = Cli::command();
    let about = |name: &str| match command.find_subcommand(name) {
        Some(subcommand) => subcommand.get_about().map(ToString::to_string).unwrap_or_default(),
        None => "Print this, or the help of a command".to_owned(),
    };
    let line = |name: &&str| format!("  {name:<14}{}\n", about(name));
    let group = |(heading, names): &(&str, &[&str])| {
        format!("{heading}:\n{}", names.iter().map(line).collect::<String>())
    };
    let groups: Vec<String> = GROUPS.iter().map(group).collect();
    command.after_help(groups.join("\n").trim_end().to_owned())
}

fn main() -> ExitCode {
    let cli = Cli::from_arg_matches(&grouped().get_matches()).unwrap_or_else(|error| error.exit());
    // The shards of a test would log each of their crashes; its report has what matters.
    if !matches!(cli.command, Command::Test(_)) {
        log::start(cli.log_format);
    }
    match cli.command {
        Command::Worker(args) => worker::run(args),
        Command::Operator(args) => operator::run(args),
        Command::Validate(args) => validate::run(args),
        Command::Test(args) => test::run(args),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_command_once_in_its_group() {
        let help = grouped().render_help().to_string();
        let command = Cli::command();
        for name in command.get_subcommands().map(clap::Command::get_name).chain(["help"]) {
            let lines =
                help.lines().filter(|line| line.trim_start().starts_with(&format!("{name} ")));
            assert_eq!(lines.count(), 1, "{name}: {help}");
            assert_eq!(
                GROUPS.iter().filter(|(_, names)| names.contains(&name)).count(),
                1,
                "{name}"
            );
        }
        let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text}: {help}"));
        let order =
            ["Usage:", "Your reconciliation:", "On Kubernetes:", "The demo with", "Options:"];
        assert!(order.windows(2).all(|two| at(two[0]) < at(two[1])), "{help}");
        assert!(!help.contains("\n\n\n"), "{help}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        grouped().debug_assert();
    }
}
