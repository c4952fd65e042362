//! `rollcall console`: serves a web page that shows what all workers of a reconciliation know.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use super::{failed, server};

/// Serve a web page that shows a reconciliation: its flow, shards, workers, orders and topics
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the Reconciliation object; - for standard input
    #[arg(short, long)]
    file: PathBuf,
    /// Workers to ask, as host:port; a name with several addresses, such as that of a headless
    /// Service, stands for all of them
    #[arg(
        long = "server",
        value_name = "HOST:PORT",
        value_parser = server,
        value_delimiter = ',',
        required = true
    )]
    servers: Vec<String>,
    /// Address to serve the page on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    http: SocketAddr,
    /// Another host name that requests may use, such as a proxy's; *.example.com stands for all
    /// names below it, * for any name; may be given several times [default: addresses, localhost,
    /// the host's name, names of Services]
    #[arg(
        long = "allowed-host",
        value_name = "NAME",
        env = "ROLLCALL_ALLOWED_HOSTS",
        value_delimiter = ','
    )]
    allowed_hosts: Vec<String>,
    /// File with a token that readers of the page must enter [default: no token is required]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Serves until SIGTERM or SIGINT.
pub fn run(args: Args) -> ExitCode {
    let Args { file, servers, http, allowed_hosts, token_file } = args;
    let options = rollcall_console::Options { servers, http, token_file, allowed_hosts };
    let result =
        rollcall_object::load(&file).map_err(|error| error.to_string()).and_then(|settings| {
            rollcall_console::run(&settings, &options).map_err(|error| error.to_string())
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}
