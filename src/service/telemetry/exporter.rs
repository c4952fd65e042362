//! The only task that sends spans.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Endpoint, Error, Figures, SpanEvent, Tracer, Who, client::Http, span::SpanEncoder};

/// How many events are sent in one request.
const BATCH_MAX: usize = 512;
/// How long to wait for a batch to fill.
const BATCH_WAIT: Duration = Duration::from_millis(500);
/// A failing collector is retried after longer and longer pauses.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How often a failing collector is reported in the log.
const TOLD_INTERVAL: Duration = Duration::from_secs(600);
/// How long a stop waits for the queue to be sent.
const STOP_WAIT: Duration = Duration::from_secs(3);

/// The running exporter.
#[derive(Debug)]
pub struct Exporter {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    pub figures: Arc<Figures>,
}

impl Exporter {
    /// Starts to send, on the current runtime.
    ///
    /// # Errors
    /// Invalid settings.
    pub fn start(endpoint: &Endpoint, who: Who) -> Result<(Self, Tracer), Error> {
        let http = Http::new(endpoint)?;
        let encoder = SpanEncoder::new(who, endpoint.keys, |name| std::env::var(name).ok());
        let figures = Arc::<Figures>::default();
        let (tracer, received) = Tracer::new(&figures);
        let (stop, stopping) = watch::channel(false);
        let sending = Sending {
            http,
            encoder,
            figures: Arc::clone(&figures),
            received,
            stopping,
            failures: 0,
            told_at: None,
            lost: 0,
        };
        Ok((Self { task: tokio::spawn(sending.run()), stop, figures }, tracer))
    }

    /// Sends what is queued, for a bounded time, and ends.
    pub async fn finish(self) {
        let _ = self.stop.send(true);
        let abort = self.task.abort_handle();
        if timeout(STOP_WAIT, self.task).await.is_err() {
            abort.abort();
            tracing::warn!("the last spans could not be sent within {STOP_WAIT:?}");
        }
    }
}

struct Sending {
    http: Http,
    encoder: SpanEncoder,
    figures: Arc<Figures>,
    received: mpsc::Receiver<SpanEvent>,
    stopping: watch::Receiver<bool>,
    /// Consecutive failures.
    failures: u32,
    told_at: Option<Instant>,
    /// Spans lost since a collector last accepted any.
    lost: u64,
}

impl Sending {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                got = self.received.recv_many(&mut batch, BATCH_MAX) => if got == 0 { return },
                () = stopped(&mut self.stopping) => {
                    // What is queued is still received, then nothing.
                    self.received.close();
                    if self.received.recv_many(&mut batch, BATCH_MAX).await == 0 {
                        return;
                    }
                }
            }
            self.fill(&mut batch).await;
            let spans: Vec<Value> =
                batch.drain(..).flat_map(|told| self.encoder.spans(told)).collect();
            self.send(&spans).await;
        }
    }

    /// Waits a moment for more events for the same request.
    async fn fill(&mut self, batch: &mut Vec<SpanEvent>) {
        let Self { received, stopping, .. } = self;
        let more = async {
            while batch.len() < BATCH_MAX {
                let room = BATCH_MAX - batch.len();
                if received.recv_many(batch, room).await == 0 {
                    return;
                }
            }
        };
        tokio::select! {
            _ = timeout(BATCH_WAIT, more) => {}
            () = stopped(stopping) => {}
        }
    }

    async fn send(&mut self, spans: &[Value]) {
        let count = spans.len() as u64;
        let body = self.encoder.request(spans).to_string().into_bytes();
        match self.http.post(body).await {
            Ok(()) => {
                self.figures.sent.fetch_add(count, Ordering::Relaxed);
                if self.failures > 0 {
                    let lost = std::mem::take(&mut self.lost);
                    tracing::info!(lost, "the collector takes spans again");
                }
                (self.failures, self.told_at) = (0, None);
            }
            Err(cause) => {
                self.figures.refused.fetch_add(count, Ordering::Relaxed);
                self.lost += count;
                if self.told_at.is_none_or(|at| at.elapsed() > TOLD_INTERVAL) {
                    self.told_at = Some(Instant::now());
                    tracing::warn!(
                        lost = self.lost,
                        "the collector does not take spans: {cause}; they are dropped until it \
                         does, nothing else is affected"
                    );
                }
                let pause = PAUSE_MIN * 2_u32.saturating_pow(self.failures.min(10));
                self.failures += 1;
                tokio::select! {
                    () = sleep(pause.min(PAUSE_MAX)) => {}
                    () = stopped(&mut self.stopping) => {}
                }
            }
        }
    }
}

/// Ends when the worker stops or is gone.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
