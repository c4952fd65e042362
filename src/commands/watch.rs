//! `rollcall watch`: prints what a reconciliation emits, as it is committed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::finish;
use rollcall_order_demo::connection::Cluster;
use rollcall_order_demo::stop::Stop;
use rollcall_order_demo::watch::{From, watch};
use rollcall_order_demo::{Error, Result};
use rollcall_registry::{Background, Viewer};

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
    finish(watched(&file, from))
}

fn watched(file: &Path, from: From) -> Result<()> {
    let settings = rollcall_object::load(file);
    let settings = settings.map_err(|error| Error::Misconfigured(error.to_string()))?;
    let cluster = Cluster::of(&settings)?;
    let background = Background::start()?;
    let viewer = Viewer::new(&settings, background.handle());
    watch(&cluster, &viewer, from, &mut std::io::stdout(), &Stop::on_signal()?)
}
