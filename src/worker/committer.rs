//! The threads that commit while lanes keep processing: one for each lane, which waits for Kafka.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{command::Command, producers::Slot, spawn, view::View};
use rollcall_core::{
    owner::{Sent, Stay},
    record::{ShardId, Timestamp, millis},
    shard::{Attempt, Commit, Result, Size},
};
use rollcall_kafka::Current;
use rollcall_service::telemetry::Tracer;

/// A transaction on its way to Kafka and back to its lane.
pub struct LaneTransaction {
    pub sent: Sent,
    pub parts: Vec<Part>,
    /// `None` until it has ended.
    pub attempt: Option<Attempt>,
    /// How long Kafka took.
    pub took: Duration,
    /// The longest time that brokers have held the client back because of its quota.
    pub throttled: Duration,
}

/// What one shard commits in a transaction of its lane.
pub struct Part {
    pub shard: ShardId,
    /// The stay that it belongs to.
    pub stay: Stay,
    pub commit: Commit,
}

impl LaneTransaction {
    pub fn new(sent: Sent, parts: Vec<Part>) -> Self {
        Self { sent, parts, attempt: None, took: Duration::ZERO, throttled: Duration::ZERO }
    }

    /// Returns the size of all parts together.
    pub fn size(&self) -> Size {
        Size::sum(self.parts.iter().map(|part| part.commit.transaction.size()))
    }
}

/// What all committers share.
#[derive(Clone)]
pub struct Committing {
    pub current: Arc<Current>,
    pub view: Arc<View>,
    pub tracer: Option<Tracer>,
}

/// Starts a committer. It ends when the sender is dropped.
///
/// # Errors
/// When the system refuses the thread.
pub fn start(
    name: String,
    slot: Arc<Slot>,
    shared: Committing,
    lane: Sender<Command>,
) -> Result<(Sender<Box<LaneTransaction>>, thread::JoinHandle<()>)> {
    let (sender, jobs) = channel();
    let thread = name.clone();
    let handle = spawn(&thread, move || run(&name, &slot, &shared, &jobs, &lane))?;
    Ok((sender, handle))
}

fn run(
    name: &str,
    slot: &Slot,
    shared: &Committing,
    jobs: &Receiver<Box<LaneTransaction>>,
    lane: &Sender<Command>,
) {
    let watchdog = &shared.view.watchdog;
    loop {
        watchdog.end(name);
        let Ok(mut job) = jobs.recv() else { return };
        watchdog.begin(name);
        let begun = Instant::now();
        let parts: Vec<&Commit> = job.parts.iter().map(|part| &part.commit).collect();
        // under the newest assignment.
        let (attempt, throttled) = slot.commit(&parts, shared.current.get().as_deref());
        (job.took, job.throttled) = (begun.elapsed(), throttled);
        report(shared, &mut job, &attempt);
        job.attempt = Some(attempt);
        // A lane that has ended does not need the answer.
        let _ = lane.send(Command::Ended(job));
    }
}

/// Reports the parts and, if they have been committed, the completions in them.
fn report(shared: &Committing, job: &mut LaneTransaction, attempt: &Attempt) {
    if attempt.results.iter().any(Result::is_ok) {
        shared.view.totals.committed();
    }
    for (part, result) in job.parts.iter_mut().zip(&attempt.results) {
        if let Err(error) = result {
            shared.view.totals.commit_failures.add(error);
        }
        let Some(tracer) = &shared.tracer else { continue };
        let transaction = &mut part.commit.transaction;
        let size = (transaction.changes.len(), transaction.outputs.len());
        let error = result.as_ref().err().map(ToString::to_string);
        tracer.commit(part.shard, size, job.took, error);
        if result.is_ok() {
            tracer.committed(part.shard, &mut transaction.outputs);
        }
    }
}

/// Returns the wall time in milliseconds.
pub fn wall_ms() -> Timestamp {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
