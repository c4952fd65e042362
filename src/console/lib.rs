//! The console: one page that shows what all workers of a reconciliation know.
//!
//! ```text
//!  browser ──► /api/… ──┬─► directory: every worker's status, every second
//!                       ├─► ask: keys, missing items, last outputs, from the workers that know
//!                       └─► records: the topics' last records, from Kafka, decoded by the
//!                           inputs' formats, for which a schema registry may be asked
//! ```
//!
//! Promise: the console only reads, and everything that it asks for is bounded in time and size. A
//! worker that does not answer is shown as such and delays nobody. The page loads nothing from
//! elsewhere. Ban: no state that a restart would lose, except the last minutes' rates.

#![forbid(unsafe_code)]

mod ask;
mod assets;
mod client;
mod history;
mod merge;
mod record;
mod records;
mod routes;
mod token;
mod worker_directory;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rollcall_core::shard::Result;
use rollcall_kafka::Connection;
use rollcall_object::Settings;
use rollcall_registry::Viewer;
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
    /// File with the token that requests must carry.
    pub token_file: Option<PathBuf>,
    /// Host names that requests may use if no token is required, in addition to the usual ones.
    pub allowed_hosts: Vec<String>,
}

/// Serves the console until SIGTERM or SIGINT.
///
/// # Errors
/// Configuration errors, with the fix.
pub fn run(settings: &Settings, options: &Options) -> Result<()> {
    http::runtime()?.block_on(serve(settings, options))
}

/// Returns what is known about `key`, from the one of `servers` that has its shard.
///
/// # Errors
/// Why no worker knows, in the worker's own words, or which workers do not answer.
pub async fn story(
    settings: &Settings,
    servers: &[String],
    key: &str,
) -> std::result::Result<KeyStory, Problem> {
    let directory =
        worker_directory::WorkerDirectory::new(&settings.name, servers).with(settings.keys_are());
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
    // With a token, any host name is allowed: a page from elsewhere does not have the token.
    let hosts = match &token {
        Some(_) => Hosts::all(),
        None => Hosts::new(address, &options.allowed_hosts),
    };
    let connection = Connection::of(settings, "console")?;
    let directory = {
        let directory = worker_directory::WorkerDirectory::new(&settings.name, &options.servers);
        Arc::new(directory.with(settings.keys_are()))
    };
    let viewer = Viewer::new(settings, &tokio::runtime::Handle::current());
    let records = records::TopicReader::new(settings, connection, viewer);
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
