//! Probes and metrics over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::metrics::Metrics;
use rollcall_service::http;

/// If the loop has not come round for this long, it hangs. Every wait in it is shorter.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// What the probes report.
#[derive(Debug)]
pub struct Health {
    start: Instant,
    /// Milliseconds from the start to the loop's last round.
    heartbeat_ms: AtomicU64,
    /// The API server has answered once.
    answered: AtomicBool,
}

impl Health {
    pub fn new() -> Self {
        let start = Instant::now();
        Self { start, heartbeat_ms: AtomicU64::new(0), answered: AtomicBool::new(false) }
    }

    /// Records that the loop has come round.
    pub fn heartbeat(&self) {
        let heartbeat_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heartbeat_ms.store(heartbeat_ms, Ordering::Relaxed);
    }

    /// Records that the API server has answered.
    pub fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    fn silent_for(&self) -> Duration {
        let heartbeat = Duration::from_millis(self.heartbeat_ms.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(heartbeat)
    }
}

/// Returns the routes of probes and metrics.
pub fn router(health: Arc<Health>, metrics: &Metrics) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .with_state(health)
        .merge(http::metrics(metrics.registry()))
}

/// Liveness: the loop comes round. Waiting for the API server, or for a definition, is healthy.
async fn healthy(State(health): State<Arc<Health>>) -> Response {
    let silent = health.silent_for();
    http::probe((silent > STUCK_AFTER).then(|| format!("nothing for {} s", silent.as_secs())))
}

/// Readiness: the API server lets this operator take part. A missing definition, or another
/// operator being the leader, does not matter: an installation must not wait for it.
async fn ready(State(health): State<Arc<Health>>) -> Response {
    let answered = health.answered.load(Ordering::Relaxed);
    http::probe((!answered).then(|| "the API server has not answered yet".to_owned()))
}
