//! The console: one page that shows what all workers of a reconciliation know.
//!
//! ```text
//!  browser ──► /api/… ──┬─► directory: every worker's status, every two seconds
//!                       ├─► ask: keys, missing items, last outputs, from the workers that know
//!                       └─► records: the topics' last records, from Kafka
//! ```
//!
//! Promise: it only reads, and everything it asks for is bounded in time and size. A worker that
//! does not answer is shown as such and holds nobody up. The page needs nothing from elsewhere.
//! Ban: no state that a restart would lose but the last minutes' rates.

#![forbid(unsafe_code)]

mod ask;
mod assets;
mod client;
mod history;
mod merge;
mod records;
mod routes;
mod token;
mod worker_directory;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rollcall_core::shard::Result;
use rollcall_kafka::Connection;
use rollcall_object::Settings;
use rollcall_service::{
    http::{self, Hosts},
    state_api::{KeyStory, Problem},
};

/// How to serve the console.
#[derive(Debug, Clone)]
pub struct Options {
    /// Workers, as `host:port`; a host may have several addresses.
    pub servers: Vec<String>,
    pub http: SocketAddr,
    /// File with the token that is asked for.
    pub token_file: Option<PathBuf>,
    /// Names that the page may be asked by where no token is asked for, beside the usual ones.
    pub allowed_hosts: Vec<String>,
}

/// Serves the console until SIGTERM or SIGINT.
///
/// # Errors
/// What nobody but the user can mend, with the remedy.
pub fn run(settings: &Settings, options: &Options) -> Result<()> {
    http::runtime()?.block_on(serve(settings, options))
}

/// Returns what is known of `key`, from the one of `servers` that has its shard.
///
/// # Errors
/// Why nobody knows, as a worker says it, or who does not answer.
pub async fn story(
    settings: &Settings,
    servers: &[String],
    key: &str,
) -> std::result::Result<KeyStory, Problem> {
    let directory = worker_directory::WorkerDirectory::new(&settings.name, servers);
    directory.call().await;
    let silent = directory.worker_views().into_iter().filter(|worker| !worker.up);
    let silent: Vec<String> =
        silent.filter_map(|worker| Some(format!("{}: {}", worker.name, worker.failure?))).collect();
    ask::key(&directory, key).await.map_err(|mut problem| {
        if !silent.is_empty() {
            problem.detail = format!("{} ({})", problem.detail, silent.join("; "));
        }
        problem
    })
}

async fn serve(settings: &Settings, options: &Options) -> Result<()> {
    let stop = http::stop_signal()?;
    let token = options.token_file.clone().map(token::Token::new).transpose()?;
    let address = options.http;
    let listener = http::listen(address).await?;
    // Whoever has the token may ask by any name; a page from elsewhere has none.
    let hosts = match &token {
        Some(_) => Hosts::all(),
        None => Hosts::new(address, &options.allowed_hosts),
    };
    let connection = Connection::of(settings, "console")?;
    let directory =
        Arc::new(worker_directory::WorkerDirectory::new(&settings.name, &options.servers));
    let records = records::Topics::new(settings, connection);
    let router = routes::router(settings, Arc::clone(&directory), records, token);
    tracing::info!(reconciliation = settings.name, "console: http://{address}/");
    let server = http::serve(listener, router, hosts);
    let result = tokio::select! {
        () = directory.keep() => Ok(()),
        () = stop => Ok(()),
    };
    server.abort();
    result
}
