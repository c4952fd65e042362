//! The threads that commit while lanes keep processing.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{command::Command, spawn, view::View};
use rollcall_core::{
    owner::Stay,
    record::{ShardId, Timestamp, millis},
    shard::{Commit, Committed, Error, Result, Running},
};
use rollcall_kafka::{Current, ShardProducer};
use rollcall_service::telemetry::Tracer;
use rollcall_store::RocksStore;

/// Work that blocks on Kafka or on the disk.
pub enum Job {
    Commit(Box<Pending>),
    /// Spills a shard that was given up, which makes it cheap to get back, and closes its store.
    Close(Box<Running<RocksStore>>, Option<ShardProducer>),
}

/// A commit on its way to Kafka and back to its lane.
pub struct Pending {
    pub shard: ShardId,
    /// The stay that this commit belongs to.
    pub stay: Stay,
    pub producer: ShardProducer,
    pub store: Arc<RocksStore>,
    pub commit: Commit,
    pub result: Result<Committed>,
    /// How long Kafka and the store took.
    pub took: Duration,
    pub lane: Sender<Command>,
}

/// Starts `threads` committers. They finish their work and end when the sender and all its clones
/// are dropped.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(
    threads: usize,
    current: &Arc<Current>,
    view: &Arc<View>,
    tracer: Option<&Tracer>,
) -> Result<(Sender<Job>, Vec<thread::JoinHandle<()>>)> {
    let (sender, receiver) = channel();
    let mut handles = Vec::with_capacity(threads);
    let receiver = Arc::new(Mutex::new(receiver));
    for index in 0..threads {
        let name = format!("commit-{index}");
        let (receiver, current) = (Arc::clone(&receiver), Arc::clone(current));
        let (view, tracer) = (Arc::clone(view), tracer.cloned());
        let thread = name.clone();
        let commit = move || run(&receiver, &current, &view, tracer.as_ref(), &name);
        handles.push(spawn(&thread, commit)?);
    }
    Ok((sender, handles))
}

fn run(
    jobs: &Mutex<Receiver<Job>>,
    current: &Current,
    view: &View,
    tracer: Option<&Tracer>,
    name: &str,
) {
    loop {
        view.watchdog.end(name);
        let next = jobs.lock().expect("nothing panics under this lock").recv();
        view.watchdog.begin(name);
        match next {
            Ok(Job::Commit(mut pending)) => {
                let start = Instant::now();
                pending.result = commit(&mut pending, current);
                pending.took = start.elapsed();
                if let Err(error) = &pending.result {
                    view.totals.commit_failures.add(error);
                }
                if let Some(tracer) = tracer {
                    tell(tracer, &mut pending);
                }
                let lane = pending.lane.clone();
                // A lane that has ended does not need the answer.
                let _ = lane.send(Command::Committed(pending));
            }
            Ok(Job::Close(shard, producer)) => {
                drop(producer);
                let id = shard.id();
                if let Err(error) = shard.close() {
                    tracing::warn!(shard = id.0, %error, "the store was left behind the changelog");
                }
            }
            Err(_) => {
                view.watchdog.end(name);
                return;
            }
        }
    }
}

/// Reports a commit and, once it has succeeded, the completions in it.
fn tell(tracer: &Tracer, pending: &mut Pending) {
    let Pending { shard, commit, result, took, .. } = pending;
    let transaction = &mut commit.transaction;
    let size = (transaction.changes.len(), transaction.outputs.len());
    tracer.commit(*shard, size, *took, result.as_ref().err().map(ToString::to_string));
    if result.is_ok() {
        tracer.committed(*shard, &mut transaction.outputs);
    }
}

/// Commits under the newest assignment if it contains the shard.
fn commit(pending: &mut Pending, current: &Current) -> Result<Committed> {
    let Pending { shard, producer, store, commit, .. } = pending;
    let assignment = current.get();
    let authority = assignment.as_ref().and_then(|assignment| assignment.authority_for(*shard));
    let Some(authority) = authority else {
        return Err(Error::Outdated("the group has not given us the shard".to_owned()));
    };
    commit.run(producer, &**store, authority)
}

/// Returns the wall time in milliseconds.
pub fn wall_ms() -> Timestamp {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
