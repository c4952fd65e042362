//! What every process that answers over HTTP has in common: it listens, answers probes and scrapes,
//! and ends at a signal.

use std::{fmt::Display, future::Future, net::SocketAddr};

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

use crate::{metrics::Registry, shard};

/// Why a process cannot begin to answer, with the remedy if there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<Error> for shard::Error {
    fn from(Error(reason): Error) -> Self {
        Self::Misconfigured(reason)
    }
}

/// Returns what runs the HTTP of a process whose work is done elsewhere: a thread.
///
/// # Errors
/// When the process may not have it.
pub fn runtime() -> Result<Runtime, Error> {
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(1).thread_name("http").enable_all().build();
    built.map_err(|error| Error(format!("cannot start: {error}")))
}

/// Listens on `address`.
///
/// # Errors
/// When the address cannot be used.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| {
        Error(format!("cannot listen on {address}: {error}: choose another --http"))
    })
}

/// Answers until the handle is aborted.
pub fn serve(listener: TcpListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "http server ended");
        }
    })
}

/// Returns a probe's answer: what is wrong, if anything is.
pub fn probe(trouble: Option<String>) -> Response {
    match trouble {
        None => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, trouble + "\n").into_response(),
    }
}

/// Returns the route that Prometheus scrapes.
pub fn metrics(registry: Registry) -> Router {
    let answer = move || {
        let registry = registry.clone();
        async move {
            // It looks at files.
            match tokio::task::spawn_blocking(move || registry.render()).await {
                Ok(Ok(text)) => ([("content-type", Registry::CONTENT_TYPE)], text).into_response(),
                Ok(Err(error)) => failed(&error),
                Err(error) => failed(&error),
            }
        }
    };
    Router::new().route("/metrics", get(answer))
}

fn failed(error: &dyn Display) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

/// Returns a future that ends at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not handle signals.
pub fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let failed = |error| Error(format!("cannot handle signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
