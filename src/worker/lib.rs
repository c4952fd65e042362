//! A worker process: joins the group, owns shards, processes them on lanes, and serves HTTP.
//!
//! ```text
//!  membership ─► supervisor ─► openers ─► lanes ◄─► committers
//!  (one thread)  (one thread)  (a few)    (N threads, many shards each)
//! ```
//!
//! Promise: a stop gives up all shards at once and loses nothing; after any failure, a shard is
//! opened again. Transactions and RocksDB block, so all of this uses plain threads; only HTTP,
//! signals and the check of the topics are asynchronous.

#![forbid(unsafe_code)]

mod cadence;
mod command;
mod commits;
mod committer;
mod http;
mod inputs;
mod lane;
mod member;
mod metrics;
mod name;
mod opener;
mod plan;
mod producers;
mod query;
mod refused;
mod room;
mod shutdown;
mod spiller;
mod standing;
mod start;
mod status;
mod step_log;
mod stop;
mod supervisor;
mod topic_watch;
mod totals;
mod troubles;
mod view;
mod watch;
mod watchdog;

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, thread, time::Duration};

use query::StateReader;
use start::Work;
use stop::Stop;
use tokio::{runtime::Handle, sync::oneshot};
use view::View;

use rollcall_core::shard::{Error, Result};
use rollcall_object::Settings;
use rollcall_service::telemetry::Endpoint;

pub use name::{default_instance_id, mark};
pub use plan::{plan, wanted};
pub use room::raise_limit_of_files;
pub use shutdown::{Departure, ShutdownPolicy};

/// How to run one worker process.
#[derive(Debug, Clone)]
pub struct Options {
    pub state_dir: PathBuf,
    /// Processing threads.
    pub lanes: usize,
    /// How many partitions the transactions of all lanes may touch in a second.
    pub commit_budget: Option<NonZeroU32>,
    /// The address of probes and metrics.
    pub http: SocketAddr,
    /// Host names to accept in requests, besides the usual ones (`http::Hosts`).
    pub allowed_hosts: Vec<String>,
    /// This process's name in the group, for static membership.
    pub instance_id: String,
    /// Distinguishes it from another process of the same name; see [`mark`].
    pub mark: String,
    /// How long to wait for Kafka before giving up; `None` for ever.
    pub give_up_after: Option<Duration>,
    pub on_misfit: OnMisfit,
    pub at_stop: ShutdownPolicy,
    /// Base URL of the collector that receives spans; overrides environment and object.
    pub otlp_endpoint: Option<String>,
    /// How often the topics are checked while the worker runs.
    pub topic_check_interval: Duration,
}

/// What to do when the topics do not fit the reconciliation, which somebody has to fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMisfit {
    /// Exit with the reason.
    Exit,
    /// Report the reason at `/v1/status` and check again, so that no restart is needed.
    Wait,
}

/// Runs a worker until SIGTERM or SIGINT.
///
/// # Errors
/// Those that only the user can fix, with the remedy.
pub fn run(settings: &Settings, options: &Options) -> Result<()> {
    match rollcall_service::http::runtime()?.block_on(serve(settings, options)) {
        Some(result) => result,
        // Some threads are blocked in a call to a broker that does not answer.
        None => rollcall_kafka::end_process(),
    }
}

/// Returns the worker's result; `None` if its threads are to be left behind.
async fn serve(settings: &Settings, options: &Options) -> Option<Result<()>> {
    let view = Arc::new(View::default());
    let reader = StateReader::new(Arc::clone(&view), settings, options.state_dir.clone());
    let reader = Arc::new(reader);
    let listening = async {
        let signal = rollcall_service::http::stop_signal()?;
        Ok::<_, Error>((signal, http::serve(options, &reader, settings).await?))
    };
    let (signal, server) = match listening.await {
        Ok(listening) => listening,
        Err(error) => return Some(Err(error)),
    };
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
        return Some(Ok(()));
    }
    let stop = Arc::<Stop>::default();
    let mut ended = match begin(settings, options, reader, &stop) {
        Ok(ended) => ended,
        Err(error) => return Some(Err(error)),
    };
    let result = tokio::select! {
        result = &mut ended => result.ok(),
        () = &mut signal => {
            view.stopping();
            stop::end(&stop, options.at_stop.clone(), &mut ended).await
        }
    };
    server.abort();
    result
}

/// Runs the work on a separate thread, and returns a receiver for its result.
fn begin(
    settings: &Settings,
    options: &Options,
    reader: Arc<StateReader>,
    stop: &Arc<Stop>,
) -> Result<oneshot::Receiver<Result<()>>> {
    let given = options.otlp_endpoint.as_deref();
    let endpoint = Endpoint::find(given, &settings.tracing, |name| std::env::var(name).ok())?;
    let (settings, options) = (settings.clone(), options.clone());
    let (stop, runtime) = (Arc::clone(stop), Handle::current());
    let work = Work { settings, options, endpoint, reader, stop, runtime };
    let (end, ended) = oneshot::channel();
    let run = move || {
        let _ = end.send(work.run());
    };
    spawn("worker", run)?;
    Ok(ended)
}

/// Starts a thread.
///
/// # Errors
/// When the system refuses it.
fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|error| refused(name, &error))
}

/// Returns the error for a thread that the system has refused.
fn refused(thread: &str, error: &std::io::Error) -> Error {
    Error::Interrupted(format!(
        "the system refuses the thread {thread}: {error}: raise the limit of processes and threads \
         (pids.max of the control group, RLIMIT_NPROC)"
    ))
}
