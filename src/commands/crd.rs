//! `rollcall crd`: the custom resource definition, for the API server and for people.

use std::io::Write;
use std::process::ExitCode;

use kube::CustomResourceExt;

use crate::spec::{Reconciliation, reference};

/// Print the custom resource definition of Reconciliation as YAML
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print it as the Markdown page docs/reconciliation.md instead
    #[arg(long)]
    reference: bool,
}

/// Prints the definition.
#[expect(clippy::needless_pass_by_value, reason = "as every subcommand")]
pub fn run(args: Args) -> ExitCode {
    let text = if args.reference { reference::markdown() } else { definition() };
    // Whoever reads through a pipe may stop when it has seen enough.
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn definition() -> String {
    serde_yaml::to_string(&Reconciliation::crd()).expect("a definition is plain data")
}
