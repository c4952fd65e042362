//! Probes, metrics and the state API over HTTP.

use std::{future::Future, sync::Arc, time::Instant};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

use super::{
    Options,
    metrics::Metrics,
    query::{self, Desk},
    status,
    view::View,
};
use crate::{
    metrics::Page,
    shard::{Error, Result},
    spec::Settings,
};

#[derive(Clone)]
struct Shared {
    view: Arc<View>,
    metrics: Arc<Metrics>,
}

/// Answers on the options' address until the handle is aborted.
///
/// # Errors
/// When the address cannot be used.
pub async fn serve(
    options: &Options,
    desk: &Arc<Desk>,
    settings: &Settings,
) -> Result<JoinHandle<()>> {
    let address = options.http;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Error::Misconfigured(format!("cannot listen on {address}: {error}: choose another --http"))
    })?;
    let view = Arc::clone(&desk.view);
    let metrics = Arc::new(Metrics::new(Arc::clone(&view), settings, &options.instance_id));
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/startupz", get(started))
        .route("/metrics", get(metrics_text))
        .with_state(Shared { view: Arc::clone(&view), metrics })
        .merge(status::router(view, settings, &options.instance_id))
        .merge(query::router(Arc::clone(desk)));
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "http server ended");
        }
    }))
}

/// Liveness: every thread comes round. A worker that waits for a broker is alive.
async fn health(State(shared): State<Shared>) -> impl IntoResponse {
    answer(match &shared.view.pulse.stuck(Instant::now())[..] {
        [] => None,
        stuck => Some(format!("stuck: {}", stuck.join(", "))),
    })
}

/// Readiness: in the group, and all owned shards restored.
async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    answer(shared.view.unready())
}

/// Startup: the group has let this worker in.
async fn started(State(shared): State<Shared>) -> impl IntoResponse {
    answer((!shared.view.has_joined()).then(|| "not yet in the group".to_owned()))
}

fn answer(trouble: Option<String>) -> (StatusCode, String) {
    match trouble {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, trouble + "\n"),
    }
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    let rendered = tokio::task::spawn_blocking(move || shared.metrics.render()).await;
    match rendered {
        Ok(text) => (StatusCode::OK, [("content-type", Page::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Returns a future that ends at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not handle signals.
pub fn stop_signal() -> Result<impl Future<Output = ()>> {
    let failed = |error| Error::Misconfigured(format!("cannot handle signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
