//! Probes and metrics over HTTP.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use super::error::{Error, Result};
use super::metrics::Metrics;

/// An operator whose loop has not come round for so long hangs. Every wait in it is shorter.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// What the probes tell.
#[derive(Debug)]
pub struct Health {
    start: Instant,
    /// Milliseconds from the start to the loop's last round.
    beat_ms: AtomicU64,
    /// The API server has answered once.
    answered: AtomicBool,
}

impl Health {
    pub fn new() -> Self {
        let start = Instant::now();
        Self { start, beat_ms: AtomicU64::new(0), answered: AtomicBool::new(false) }
    }

    /// Says that the loop has come round.
    pub fn beat(&self) {
        let beat_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(beat_ms, Ordering::Relaxed);
    }

    /// Says that the API server has answered.
    pub fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    fn silent_for(&self) -> Duration {
        let beat = Duration::from_millis(self.beat_ms.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(beat)
    }
}

#[derive(Clone)]
struct Shared {
    health: Arc<Health>,
    metrics: Metrics,
}

/// Answers on `address` until the handle is aborted.
///
/// # Errors
/// When the address cannot be used.
pub async fn serve(
    address: SocketAddr,
    health: Arc<Health>,
    metrics: Metrics,
) -> Result<JoinHandle<()>> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Error::Start(format!("cannot listen on {address}: {error}: choose another --http"))
    })?;
    let router = Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(Shared { health, metrics });
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "http server ended");
        }
    }))
}

/// Liveness: the loop comes round. Waiting for the API server, or for a definition, is life.
async fn healthy(State(shared): State<Shared>) -> impl IntoResponse {
    let silent = shared.health.silent_for();
    answer((silent > STUCK_AFTER).then(|| format!("nothing for {} s", silent.as_secs())))
}

/// Readiness: the API server lets this operator take part. A definition that is not there yet, or
/// another one that leads, does not matter: installing must not wait for it.
async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let answered = shared.health.answered.load(Ordering::Relaxed);
    answer((!answered).then(|| "the API server has not answered yet".to_owned()))
}

fn answer(trouble: Option<String>) -> (StatusCode, String) {
    match trouble {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, trouble + "\n"),
    }
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
    match shared.metrics.render() {
        Ok(text) => (StatusCode::OK, [("content-type", FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Returns a future that ends at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not handle signals.
pub fn stop_signal() -> Result<impl Future<Output = ()>> {
    let failed = |error| Error::Start(format!("cannot handle signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
