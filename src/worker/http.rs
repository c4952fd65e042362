//! Probes, metrics and the state API over HTTP.

use std::{sync::Arc, time::Instant};

use axum::{Router, extract::State, response::Response, routing::get};
use tokio::task::JoinHandle;

use super::{
    Options, metrics,
    query::{self, StateReader},
    status,
    view::View,
};
use rollcall_core::shard::{Error, Result};
use rollcall_object::Settings;
use rollcall_service::http;

/// Serves on the options' address until the handle is aborted.
///
/// # Errors
/// When the address cannot be used.
pub async fn serve(
    options: &Options,
    reader: &Arc<StateReader>,
    settings: &Settings,
) -> Result<JoinHandle<()>> {
    let listener = http::listen(options.http).await?;
    let view = Arc::clone(&reader.view);
    let registry = metrics::registry(Arc::clone(&view), settings, &options.instance_id)
        .map_err(|error| Error::Misconfigured(format!("metrics: {error}")))?;
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/startupz", get(started))
        .with_state(Arc::clone(&view))
        .merge(http::metrics(registry))
        .merge(status::router(view, settings, &options.instance_id))
        .merge(query::router(Arc::clone(reader)));
    let hosts = http::Hosts::new(options.http, &options.allowed_hosts);
    Ok(http::serve(listener, router, hosts))
}

/// Liveness: every thread makes progress. A worker that waits for a broker is alive.
async fn health(State(view): State<Arc<View>>) -> Response {
    http::probe(match &view.watchdog.stuck(Instant::now())[..] {
        [] => None,
        stuck => Some(format!("stuck: {}", stuck.join(", "))),
    })
}

/// Readiness: a member of the group, with all owned shards restored.
async fn ready(State(view): State<Arc<View>>) -> Response {
    http::probe(view.unready())
}

/// Startup: the group has accepted this worker.
async fn started(State(view): State<Arc<View>>) -> Response {
    http::probe(view.unstarted())
}
