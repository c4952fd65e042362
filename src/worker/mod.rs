//! One process: joins the group, owns shards, processes them on lanes, answers probes.
//!
//! ```text
//!  membership ─► supervisor ─► openers ─► lanes ◄─► committers
//!  (one thread)  (one thread)  (a few)    (N threads, many shards each)
//! ```
//!
//! Promise: a stop gives all shards up at once and loses nothing; any failure of a shard ends in
//! opening it again. Transactions and RocksDB block, so all of this is plain threads; only HTTP,
//! signals and the check of the topics are asynchronous.

mod at_stop;
mod cadence;
mod command;
mod commits;
mod committer;
mod http;
mod inputs;
mod lane;
mod metrics;
mod plan;
mod pulse;
mod query;
mod status;
mod supervisor;
mod totals;
mod troubles;
mod view;

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use query::Desk;
use supervisor::{Event, Opener, Supervisor};
use troubles::{Concern, Severity};
use view::{Change, View};

use crate::{
    codec::trace::span_seed,
    kafka::{
        self, Connection, Current, DataConsumer, KafkaBroker, Loss, Membership, Owner, Topics,
        Unfit,
    },
    shard::{Error, Plan, Result, ShardId},
    spec::Settings,
    store::{Budget, Identity, Stores},
    telemetry::{Endpoint, Exporter, Tracer},
};

pub use at_stop::{AtStop, Parting, Wanted};
pub use plan::{connection, wanted};

/// Threads that wait for Kafka's commits and the disk's spills.
const COMMITTERS: usize = 4;
/// How long giving shards up may hold the group's rebalance.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);
/// A record fetched ahead takes several times its own bytes in librdkafka, which counts only those.
const FETCH_OVERHEAD: usize = 5;
/// A member that the group refuses again within this time has a twin.
const REFUSED_AGAIN: Duration = Duration::from_secs(60);
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Stores of shards that others have are kept for so long, which makes coming back cheap.
const STORES_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// How to run one worker process.
#[derive(Debug, Clone)]
pub struct Options {
    pub state_dir: PathBuf,
    /// Processing threads.
    pub lanes: usize,
    /// Where to answer probes and metrics.
    pub http: SocketAddr,
    /// Names that it may be asked by, beside the usual ones (`http::Hosts`).
    pub allowed_hosts: Vec<String>,
    /// This process's name in the group; static membership rests on it.
    pub instance_id: String,
    /// How long to look for Kafka before giving up; `None` for ever.
    pub give_up_after: Option<Duration>,
    pub on_misfit: OnMisfit,
    pub at_stop: AtStop,
    /// Base URL of the collector that spans are sent to; wins over environment and object.
    pub otlp_endpoint: Option<String>,
}

/// What to do when the topics do not fit the reconciliation, which somebody has to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMisfit {
    /// End with the reason.
    Exit,
    /// Tell the reason at `/v1/status` and look again, so that nobody has to restart anything.
    Wait,
}

/// Runs a worker until SIGTERM or SIGINT.
///
/// # Errors
/// What nobody but the user can mend, with the remedy.
pub fn run(settings: &Settings, options: &Options) -> Result<()> {
    crate::http::runtime()?.block_on(serve(settings, options))
}

async fn serve(settings: &Settings, options: &Options) -> Result<()> {
    let view = Arc::new(View::default());
    let stop = Arc::new(OnceLock::new());
    let signal = crate::http::stop_signal()?;
    let desk = Desk::new(Arc::clone(&view), settings, options.state_dir.clone());
    let desk = Arc::new(desk);
    let server = http::serve(options, &desk, settings).await?;
    tokio::pin!(signal);
    if settings.paused {
        tracing::info!(
            reconciliation = settings.name,
            "paused: owning nothing and processing nothing until stopped; to go on, set \
             spec.paused to false and start again"
        );
        view.paused();
        signal.await;
        server.abort();
        return Ok(());
    }
    let given = options.otlp_endpoint.as_deref();
    let endpoint = Endpoint::find(given, &settings.tracing, |name| std::env::var(name).ok())?;
    let connection = Arc::new(plan::connection(settings, &options.instance_id)?);
    let topics = tokio::select! {
        topics = find_topics(settings, &connection, options, &view) => topics?,
        () = &mut signal => return Ok(()),
    };
    tracing::info!(
        reconciliation = settings.name,
        group = connection.group,
        shards = topics.partitions,
        "starting"
    );
    let who = plan::who(settings, &topics, &options.instance_id);
    let telling = endpoint.map(|endpoint| Exporter::start(&endpoint, who)).transpose()?;
    let (exporter, tracer) = telling.unzip();
    if let Some(exporter) = &exporter {
        view.totals.telling(&exporter.figures);
    }
    let worker = start(settings, options, &connection, topics, &desk, &stop, tracer)?;
    let mut membership = tokio::task::spawn_blocking(move || worker.join());
    let result = tokio::select! {
        ended = &mut membership => ended,
        () = &mut signal => {
            let parting = options.at_stop.decide().await;
            tracing::info!(?parting, "stopping: giving all shards up");
            view.stopping();
            let _ = stop.set(parting);
            membership.await
        }
    };
    if let Some(exporter) = exporter {
        exporter.finish().await;
    }
    server.abort();
    result.map_err(|error| Error::Interrupted(format!("the worker's threads ended: {error}")))?
}

/// Checks the topics until Kafka answers and, if that is waited for, until they fit.
async fn find_topics(
    settings: &Settings,
    connection: &Connection,
    options: &Options,
    view: &View,
) -> Result<Topics> {
    let start = Instant::now();
    let mut pause = RETRY_MIN;
    loop {
        let Unfit { reason, error } = match kafka::ensure(connection, &plan::wanted(settings)).await
        {
            Ok(topics) => {
                view.troubles.resolve(Concern::Start);
                view.set_partitions(topics.partitions.unsigned_abs());
                return Ok(topics);
            }
            Err(unfit) => unfit,
        };
        let message = match &error {
            Error::Interrupted(reason) => reason.clone(),
            _ if options.on_misfit == OnMisfit::Wait => error.to_string(),
            _ => return Err(error),
        };
        view.troubles.report(Concern::Start, Severity::Unready, reason, &message);
        if options.give_up_after.is_some_and(|limit| start.elapsed() > limit) {
            return Err(Error::Misconfigured(format!("given up: {message}")));
        }
        tracing::warn!(reason, "not started yet, trying again in {pause:?}: {message}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// A started worker's threads.
struct Threads {
    membership: thread::JoinHandle<Result<()>>,
    supervisor: thread::JoinHandle<()>,
    committers: Vec<thread::JoinHandle<()>>,
    events: Sender<Event>,
}

impl Threads {
    /// Waits until the membership has ended, then ends the rest.
    fn join(self) -> Result<()> {
        let lost = |_| Error::Interrupted("a thread of the worker has panicked".to_owned());
        let result = self.membership.join().map_err(lost).flatten();
        let _ = self.events.send(Event::Stop);
        self.supervisor.join().map_err(lost)?;
        // They end with the lanes, once the shards given up are spilled.
        for committer in self.committers {
            committer.join().map_err(lost)?;
        }
        tracing::info!("stopped");
        result
    }
}

fn start(
    settings: &Settings,
    options: &Options,
    connection: &Arc<Connection>,
    topics: Topics,
    desk: &Desk,
    stop: &Arc<OnceLock<Parting>>,
    tracer: Option<Tracer>,
) -> Result<Threads> {
    let view = &desk.view;
    let budget = Budget::of_process(settings.memory_budget_bytes);
    tracing::info!(bytes = budget.total_bytes, "memory budget: {:?}", budget.source);
    let identity = Identity {
        cluster_id: topics.cluster_id.clone(),
        group: connection.group.clone(),
        changelog: connection.changelog(),
    };
    let stores = Arc::new(Stores::open(&options.state_dir, &identity, &budget)?);
    prune(&stores);
    let brokers = Arc::clone(&connection.brokers);
    view.totals.started(topics.partitions, Arc::clone(&stores), budget, brokers);
    let seed = tracer.as_ref().map(|_| span_seed(&connection.group));
    let plan = Arc::new(Plan { span_seed: seed, ..plan::plan(settings, &topics) });
    let topics = Arc::new(topics);
    let current = Arc::new(Current::default());
    let (events, received) = channel();
    let (committers, committing) = committer::start(COMMITTERS, &current, view, tracer.as_ref());
    let shared = lane::Shared {
        committers,
        events: events.clone(),
        view: Arc::clone(view),
        recent: Arc::clone(&desk.recent),
        commit_interval: settings.commit_interval,
    };
    let fetch_kbytes = (budget.fetch_bytes / FETCH_OVERHEAD / options.lanes / 1024).max(1024);
    let mut lanes = Vec::with_capacity(options.lanes);
    for index in 0..options.lanes {
        let data = DataConsumer::connect(connection, &topics, fetch_kbytes)?;
        lanes.push(lane::start(format!("lane-{index}"), data, shared.clone()));
    }
    desk.open(lanes.iter().map(|lane| lane.commands.clone()).collect());
    let opener = Opener {
        plan,
        broker: KafkaBroker::new(Arc::clone(connection), Arc::clone(&topics)),
        stores,
        events: events.clone(),
        tracer,
    };
    let supervisor = Supervisor::new(opener, lanes, Arc::clone(view), budget.row_cache_bytes);
    let supervisor = spawn("supervisor", move || supervisor.run(&received));
    let owner = ToSupervisor { events: events.clone(), view: Arc::clone(view) };
    let (connection, lead) = (Arc::clone(connection), settings.lead_topic().to_owned());
    let join = move || Membership::join(&connection, &lead, Arc::clone(&current), owner.clone());
    let membership = join()?;
    let (view, stop) = (Arc::clone(view), Arc::clone(stop));
    let membership = spawn("membership", move || be_member(membership, join, &view, &stop));
    drop(shared);
    Ok(Threads { membership, supervisor, committers: committing, events })
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(run).expect("a thread can be started")
}

/// Serves the group until told to stop.
///
/// A broker that dies in the middle of a join can know this process under a newer name than the
/// process does, and refuse the older one as that of another process. So a member that is refused
/// joins anew; refused again soon, there is another process under the same instance id.
fn be_member<O: Owner>(
    mut membership: Membership<O>,
    join: impl Fn() -> Result<Membership<O>>,
    view: &View,
    stop: &OnceLock<Parting>,
) -> Result<()> {
    let mut refused_at: Option<Instant> = None;
    let parting = loop {
        if let Some(parting) = stop.get() {
            break parting;
        }
        view.pulse.beat("membership");
        let Err(error) = membership.poll() else { continue };
        membership.abandon();
        if refused_at.is_some_and(|at| at.elapsed() < REFUSED_AGAIN) {
            return Err(error);
        }
        refused_at = Some(Instant::now());
        tracing::warn!("joining the group anew: {error}");
        membership = join()?;
    };
    match parting {
        Parting::Leave => membership.leave(),
        Parting::Stay => membership.stay(),
    }
    Ok(())
}

/// Passes what the group says on to the supervisor.
#[derive(Clone)]
struct ToSupervisor {
    events: Sender<Event>,
    view: Arc<View>,
}

impl Owner for ToSupervisor {
    fn gained(&self, shards: &BTreeSet<ShardId>) {
        self.view.joined(if shards.is_empty() { Change::Others } else { Change::Gained });
        if shards.is_empty() {
            // The group's generation has changed, and nothing of ours.
            return;
        }
        tracing::info!(gained = %list(shards), "assignment");
        let _ = self.events.send(Event::Gained(shards.clone()));
    }

    fn losing(&self, shards: &BTreeSet<ShardId>, why: Loss) {
        let (done, released) = channel();
        let start = Instant::now();
        let _ = self.events.send(Event::Losing(shards.clone(), done));
        // It disconnects when the last shard is released.
        let timed_out = released.recv_timeout(RELEASE_TIMEOUT)
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        self.view.totals.revoked(why, start.elapsed());
        let seconds = start.elapsed().as_secs_f64();
        tracing::info!(lost = %list(shards), ?why, seconds, "released");
        if timed_out {
            tracing::warn!("a shard was not released in time; its next owner fences it");
        }
    }
}

fn list(shards: &BTreeSet<ShardId>) -> String {
    shards.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Deletes stores that no shard of this process has used for long.
fn prune(stores: &Stores) {
    match stores.prune(STORES_KEPT, std::time::SystemTime::now()) {
        Ok(pruned) if !pruned.is_empty() => tracing::info!(?pruned, "deleted unused stores"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "unused stores could not be deleted"),
    }
}
