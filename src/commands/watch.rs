//! `rollcall watch`: prints what a reconciliation emits, as it is committed.

use std::path::PathBuf;
use std::process::ExitCode;

use super::finish;
use rollcall_order_demo::connection::Cluster;
use rollcall_order_demo::stop::Stop;
use rollcall_order_demo::watch::{From, watch};

/// Print completions and all other outputs as they are committed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The Reconciliation object
    #[arg(short, long)]
    file: PathBuf,
    /// Also print what was committed before
    #[arg(long)]
    from_beginning: bool,
}

/// Prints until SIGINT or SIGTERM.
pub fn run(args: Args) -> ExitCode {
    let Args { file, from_beginning } = args;
    let from = if from_beginning { From::Beginning } else { From::Now };
    finish(
        Cluster::of_file(&file)
            .and_then(|cluster| watch(&cluster, from, &mut std::io::stdout(), &Stop::on_signal()?)),
    )
}
