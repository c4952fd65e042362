//! Exports what a worker does as spans to an OpenTelemetry collector; off by default.
//!
//! ```text
//!  committers, openers ──► queue (bounded) ──► exporter ──► OTLP over HTTP
//!     never wait             full: dropped       one task, in batches
//!                            and counted
//! ```
//!
//! Promise: recording a span never blocks or fails, and nothing about a transaction is exported
//! before it is committed. Ban: no content of a record, except its key if the object allows that.

mod client;
mod endpoint;
mod exporter;
mod span;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::sync::mpsc::{self, error::TrySendError};

pub use endpoint::Endpoint;
pub use exporter::Exporter;

use rollcall_core::{
    record::{Output, ShardId, Sink, Span},
    shard::{self, Progress},
};

/// Why spans cannot be exported, with the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<Error> for shard::Error {
    fn from(Error(reason): Error) -> Self {
        Self::Misconfigured(reason)
    }
}

/// How many spans may wait for the exporter; further ones are dropped.
const QUEUE_MAX: usize = 4_096;
/// A commit that takes longer is reported.
const SLOW_COMMIT: Duration = Duration::from_secs(1);

/// The process that the spans belong to.
#[derive(Debug, Clone)]
pub struct Who {
    pub reconciliation: String,
    /// The consumer group.
    pub group: String,
    /// This process's name in the group.
    pub worker: String,
    /// The input topics, the expected one first.
    pub inputs: Vec<String>,
    pub completed: String,
    /// How many partitions the completed topic has.
    pub completed_partitions: u32,
}

/// Outcomes of spans; counters only grow.
#[derive(Debug, Default)]
pub struct Figures {
    sent: AtomicU64,
    /// The queue was full.
    overflowed: AtomicU64,
    /// The collector did not accept them.
    refused: AtomicU64,
}

impl Figures {
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// An event on its way to the exporter.
#[derive(Debug)]
enum SpanEvent {
    Completed(Completed),
    Opened(Opened),
    Commit(Committing),
}

#[derive(Debug)]
struct Completed {
    shard: ShardId,
    span: Span,
    state: Option<String>,
    /// Needed for the partition; exported only if that is allowed.
    key: Vec<u8>,
    committed_at: SystemTime,
}

/// A shard was opened, or failed to open.
#[derive(Debug)]
struct Opened {
    shard: ShardId,
    /// When each phase that was reached began, in order.
    phases: Vec<(&'static str, SystemTime)>,
    ended_at: SystemTime,
    restored_records: u64,
    error: Option<String>,
}

/// A commit was slow, or failed.
#[derive(Debug)]
struct Committing {
    shard: ShardId,
    began_at: SystemTime,
    took: Duration,
    changes: usize,
    outputs: usize,
    error: Option<String>,
}

/// Records events.
#[derive(Debug, Clone)]
pub struct Tracer {
    queue: mpsc::Sender<SpanEvent>,
    figures: Arc<Figures>,
}

impl Tracer {
    fn new(figures: &Arc<Figures>) -> (Self, mpsc::Receiver<SpanEvent>) {
        let (queue, received) = mpsc::channel(QUEUE_MAX);
        (Self { queue, figures: Arc::clone(figures) }, received)
    }

    /// Records the completions among the outputs of a committed transaction.
    pub fn committed(&self, shard: ShardId, outputs: &mut [Output]) {
        let committed_at = SystemTime::now();
        for output in outputs.iter_mut().filter(|output| output.sink == Sink::Completed) {
            let Some(carried) = &mut output.carried else { continue };
            let Some(span) = carried.span.take() else { continue };
            self.tell(|| {
                let state = carried.headers.iter().find(|(name, _)| name == "tracestate");
                let state = state.and_then(|(_, value)| String::from_utf8(value.clone()?).ok());
                let key = output.key.clone().unwrap_or_default();
                SpanEvent::Completed(Completed { shard, span: *span, state, key, committed_at })
            });
        }
    }

    /// Records a commit, if it has failed or was slow.
    pub fn commit(
        &self,
        shard: ShardId,
        (changes, outputs): (usize, usize),
        took: Duration,
        error: Option<String>,
    ) {
        if error.is_some() || took >= SLOW_COMMIT {
            let began_at = SystemTime::now() - took;
            self.tell(|| {
                SpanEvent::Commit(Committing { shard, began_at, took, changes, outputs, error })
            });
        }
    }

    /// Records that a shard was opened, or failed to open.
    pub fn opened(&self, shard: ShardId, progress: &Progress, error: Option<String>) {
        let instant = |ms: i64| {
            SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default())
        };
        let phases = progress.phases().map(|(phase, began_ms)| (phase.name(), instant(began_ms)));
        let (phases, ended_at) = (phases.collect(), SystemTime::now());
        let restored_records = progress.restored();
        self.tell(|| {
            SpanEvent::Opened(Opened { shard, phases, ended_at, restored_records, error })
        });
    }

    fn tell(&self, told: impl FnOnce() -> SpanEvent) {
        match self.queue.try_reserve() {
            Ok(place) => place.send(told()),
            Err(TrySendError::Full(())) => {
                self.figures.overflowed.fetch_add(1, Ordering::Relaxed);
            }
            // The worker is stopping.
            Err(TrySendError::Closed(())) => {}
        }
    }
}

#[cfg(test)]
mod tests;
