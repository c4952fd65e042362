//! A worker's work, from the first query for its topics to the end of its last thread.
//!
//! All of it blocks, so it runs on a separate thread, which is left behind if it does not end.

use std::{
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::runtime;

use super::{
    OnMisfit, Options,
    cadence::Cadence,
    command::Handle,
    committer::Committing,
    lane,
    member::{Clients, Member, ToSupervisor},
    name,
    opener::Opener,
    plan,
    producers::Producers,
    query::StateReader,
    refused,
    room::Room,
    spawn, spiller,
    stop::Stop,
    supervisor::{Event, Supervisor},
    topic_watch::TopicWatch,
    troubles::{Concern, Severity},
    view::View,
};
use rollcall_core::{
    codec::{input::Formats, schemas::Schemas},
    record::trace::span_seed,
    shard::{Error, Plan, Result},
};
use rollcall_kafka::{
    self, Connection, Current, DataConsumer, KafkaBroker, Membership, TopicError, Topics,
};
use rollcall_object::Settings;
use rollcall_registry::Registry;
use rollcall_service::telemetry::{Endpoint, Exporter, Tracer};
use rollcall_store::{Budget, Identity, Stores};

/// Threads that write to the stores.
const SPILLERS: usize = 2;
/// A prefetched record takes several times its size in librdkafka, which counts only the size.
const FETCH_OVERHEAD: usize = 5;
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// How long stores of shards that others have are kept, which makes it cheap to get a shard back.
const STORES_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What a worker is to do.
pub struct Work {
    pub settings: Settings,
    pub options: Options,
    pub endpoint: Option<Endpoint>,
    pub reader: Arc<StateReader>,
    pub stop: Arc<Stop>,
    /// Runs the asynchronous parts.
    pub runtime: runtime::Handle,
}

impl Work {
    /// Works until stopped.
    ///
    /// # Errors
    /// Those that only the user can fix, with the remedy.
    pub fn run(self) -> Result<()> {
        let Self { settings, options, endpoint, reader, stop, runtime } = self;
        let view = &reader.view;
        let mut connection = Connection::of(&settings, &options.instance_id)?;
        connection.mark.clone_from(&options.mark);
        let connection = Arc::new(connection);
        let found = find_topics(&settings, &connection, &options, view, &stop);
        let Some(topics) = runtime.block_on(found)? else { return Ok(()) };
        let formats = formats(&settings, view, &runtime)?;
        tracing::info!(
            reconciliation = settings.name,
            group = connection.group,
            shards = topics.partitions,
            "starting"
        );
        let who = plan::who(&settings, &topics, &options.instance_id);
        let entered = runtime.enter();
        let telling = endpoint.map(|endpoint| Exporter::start(&endpoint, who)).transpose()?;
        drop(entered);
        let (exporter, tracer) = telling.unzip();
        if let Some(exporter) = &exporter {
            view.totals.telling(&exporter.figures);
        }
        let watch = TopicWatch {
            connection: Arc::clone(&connection),
            wanted: plan::wanted(&settings),
            started: topics.clone(),
            view: Arc::clone(view),
            interval: options.topic_check_interval,
        };
        watch.start()?;
        let inputs = settings.inputs().into_iter().map(str::to_owned).collect();
        let watching = refused::watch(Arc::clone(view), Arc::clone(&reader.recent), inputs);
        let watching = runtime.spawn(watching);
        let inputs = (topics, formats);
        let result = start(&settings, &options, &connection, inputs, &reader, &stop, tracer)
            .and_then(Threads::join);
        watching.abort();
        if let Some(exporter) = exporter {
            runtime.block_on(exporter.finish());
        }
        result
    }
}

/// Checks the topics until Kafka answers and, if that is to be waited for, until they fit; `None`
/// if stopped before that.
async fn find_topics(
    settings: &Settings,
    connection: &Connection,
    options: &Options,
    view: &View,
    stop: &Stop,
) -> Result<Option<Topics>> {
    let start = Instant::now();
    let mut pause = RETRY_MIN;
    loop {
        let TopicError { reason, error } = match look(settings, connection).await {
            Ok(topics) => {
                view.troubles.resolve(Concern::Start);
                view.set_partitions(topics.partitions.unsigned_abs());
                return Ok(Some(topics));
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
        if stop.wait(pause).is_some() {
            return Ok(None);
        }
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Checks the topics, and that the group belongs to this object.
async fn look(
    settings: &Settings,
    connection: &Connection,
) -> std::result::Result<Topics, TopicError> {
    let topics = rollcall_kafka::ensure(connection, &plan::wanted(settings)).await?;
    rollcall_kafka::check_owner(connection, &topics, &plan::identity(settings, topics.partitions))?;
    Ok(topics)
}

/// A started worker's threads.
struct Threads {
    membership: thread::JoinHandle<Result<()>>,
    supervisor: thread::JoinHandle<()>,
    spillers: Vec<thread::JoinHandle<()>>,
    events: Sender<Event>,
}

impl Threads {
    /// Waits until the membership has ended, then ends the rest.
    fn join(self) -> Result<()> {
        let lost = |_| Error::Interrupted("a thread of the worker has panicked".to_owned());
        let result = self.membership.join().map_err(lost).flatten();
        let _ = self.events.send(Event::Stop);
        self.supervisor.join().map_err(lost)?;
        // They end with the lanes, once the shards that were given up are spilled.
        for spiller in self.spillers {
            spiller.join().map_err(lost)?;
        }
        tracing::info!("stopped");
        result
    }
}

fn start(
    settings: &Settings,
    options: &Options,
    connection: &Arc<Connection>,
    (topics, formats): (Topics, Vec<Formats>),
    reader: &StateReader,
    stop: &Arc<Stop>,
    tracer: Option<Tracer>,
) -> Result<Threads> {
    let view = &reader.view;
    let budget = Budget::of_process(settings.memory_budget_bytes);
    tracing::info!(bytes = budget.total_bytes, "memory budget: {:?}", budget.source);
    let (cluster_id, group) = (topics.cluster_id.clone(), connection.group.clone());
    let identity = Identity { cluster_id, group, changelog: connection.changelog() };
    let stores = Arc::new(Stores::open(&options.state_dir, &identity, &budget)?);
    prune(&stores);
    let brokers = Arc::clone(&connection.brokers);
    view.totals.started(topics.partitions, Arc::clone(&stores), budget, brokers);
    let seed = tracer.as_ref().map(|_| span_seed(&connection.group));
    let plan = Arc::new(Plan { span_seed: seed, ..plan::plan(settings, &topics, formats) });
    view.placed_by(&plan.placement);
    let topics = Arc::new(topics);
    let current = Arc::new(Current::default());
    let (events, received) = channel();
    let broker = KafkaBroker::new(Arc::clone(connection), Arc::clone(&topics), options.lanes);
    let producers = Arc::new(Producers::new(&broker, options.lanes));
    let (jobs, spillers) = spiller::start(SPILLERS, view, &events)?;
    let committing = Committing {
        current: Arc::clone(&current),
        view: Arc::clone(view),
        tracer: tracer.clone(),
    };
    let shared = lane::Shared {
        committing,
        producers: Arc::clone(&producers),
        spillers: jobs,
        events: events.clone(),
        view: Arc::clone(view),
        recent: Arc::clone(&reader.recent),
        cadence: Cadence::of(settings, options.commit_budget, options.lanes),
    };
    let fetch_kbytes = (budget.fetch_bytes / FETCH_OVERHEAD / options.lanes / 1024).max(1024);
    let lanes = start_lanes(options.lanes, connection, &topics, fetch_kbytes, &shared)?;
    drop(shared);
    let commands: Vec<_> = lanes.iter().map(|lane| lane.commands.clone()).collect();
    reader.open(commands.clone());
    stop.started(broker.clone());
    let (broker_too, events_too) = (broker.clone(), events.clone());
    let opener = Opener { plan, broker: broker_too, producers, stores, events: events_too, tracer };
    let room = look_around(connection, &topics, options.lanes);
    view.totals.looked(room);
    let (view_too, cache_bytes) = (Arc::clone(view), budget.row_cache_bytes);
    let supervisor = Supervisor::new(opener, lanes, view_too, cache_bytes, room);
    let supervisor = spawn("supervisor", move || supervisor.run(&received))?;
    let connection = Arc::clone(connection);
    let clients = Clients { connection, topics, broker, fetch_kbytes, lanes: commands };
    let owner = ToSupervisor { events: events.clone(), view: Arc::clone(view) };
    let lead = settings.lead_topic().to_owned();
    let (view, stop, on_misfit) = (Arc::clone(view), Arc::clone(stop), options.on_misfit);
    let membership = spawn("membership", move || {
        let Clients { connection, broker, .. } = &clients;
        name::await_free(broker, connection, &view.troubles, &stop, on_misfit)?;
        let join = || Membership::join(connection, &lead, Arc::clone(&current), owner.clone());
        let (clients, view, stop) = (&clients, &*view, &*stop);
        Member { join, clients, view, stop, on_misfit }.serve()
    })?;
    Ok(Threads { membership, supervisor, spillers, events })
}

/// Returns how the inputs are read, with the schema registry if one is needed.
fn formats(settings: &Settings, view: &View, runtime: &runtime::Handle) -> Result<Vec<Formats>> {
    let registry = Registry::of(settings, runtime);
    if let Some(registry) = &registry {
        view.totals.asks(Arc::clone(registry));
    }
    let schemas = registry.map(|registry| registry as Arc<dyn Schemas>);
    let formats = settings.formats(schemas.as_ref());
    formats.map_err(|error| Error::Misconfigured(error.to_string()))
}

/// Logs how many shards the system leaves room for, before any is tried.
fn look_around(connection: &Connection, topics: &Topics, lanes: usize) -> Room {
    let servers = connection.base.get("bootstrap.servers").unwrap_or_default();
    let room = Room::look(servers.split(',').count(), lanes);
    if let Some((left, message)) = room.left(0)
        && left < u64::from(topics.partitions.unsigned_abs())
    {
        let shards = topics.partitions;
        tracing::warn!(left, shards, "alone this worker could not run all shards: {message}");
    }
    room
}

fn start_lanes(
    count: usize,
    connection: &Connection,
    topics: &Topics,
    fetch_kbytes: usize,
    shared: &lane::Shared,
) -> Result<Vec<Handle>> {
    let start = |index| {
        let data = DataConsumer::connect(connection, topics, fetch_kbytes)?;
        lane::start(index, data, shared.clone())
    };
    (0..count).map(start).collect()
}

/// Deletes stores that no shard of this process has used for long.
fn prune(stores: &Stores) {
    match stores.prune(STORES_KEPT, std::time::SystemTime::now()) {
        Ok(pruned) if !pruned.is_empty() => tracing::info!(?pruned, "deleted unused stores"),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "unused stores could not be deleted"),
    }
}
