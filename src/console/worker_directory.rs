//! Which workers exist: asks every worker for its status, again and again.
//!
//! Promise: a worker that stops answering is reported within seconds and stays listed for a while;
//! its shards are shown without an owner until another worker reports them. A worker that has left
//! on purpose is distinguished: either it has reported that it is stopping, or its name no longer
//! resolves to it, because a headless Service does not list pods that were scaled away.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use serde::Serialize;

use super::{client, history::History};
use rollcall_core::codec::Partitioner;
use rollcall_core::shard::KeysAre;
use rollcall_service::{
    http::client::plain,
    state_api::{ShardState, ShardStatus, WorkerState, WorkerStatus},
};

/// How often all workers are asked.
const ROUND: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Names are resolved again after this many rounds.
const RESOLVE_ROUNDS: u32 = 5;
/// How many workers are asked at the same time.
const ASKED_MAX: usize = 16;
/// How many workers are listed; no reconciliation has more.
const WORKERS_MAX: usize = 256;
/// How long a worker that no longer answers stays listed.
const GONE_AFTER: Duration = Duration::from_secs(600);
/// How long a worker that has left on purpose stays listed.
const LEFT_AFTER: Duration = Duration::from_secs(60);

/// All workers of the reconciliation.
pub struct WorkerDirectory {
    reconciliation: String,
    servers: Vec<String>,
    workers: Mutex<BTreeMap<SocketAddr, Worker>>,
    unresolved: Mutex<BTreeMap<String, String>>,
    history: Mutex<History>,
    keys_are: KeysAre,
}

/// A worker as last seen.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its name as given on the command line.
    pub server: String,
    pub status: Option<WorkerStatus>,
    /// Why it does not answer; `None` if it does.
    pub failure: Option<String>,
    pub seen: Option<Instant>,
    /// Whether that name resolved to it at the last lookup.
    named: bool,
    first_asked: Instant,
}

/// What is shown about a worker.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerView {
    pub name: String,
    pub address: Option<String>,
    pub up: bool,
    /// Whether it stopped on purpose and no longer answers.
    pub left: bool,
    pub failure: Option<String>,
    /// Seconds since its last answer; `None` if it has never answered.
    pub seen_seconds_ago: Option<f64>,
    pub state: Option<WorkerState>,
    pub version: Option<String>,
    pub trouble: Option<rollcall_service::state_api::Trouble>,
    pub shards: usize,
}

/// What is shown about a shard.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardView {
    /// The worker that has it; `None` if no worker reports it.
    pub worker: Option<String>,
    #[serde(flatten)]
    pub status: ShardStatus,
}

impl Worker {
    fn new(server: &str) -> Self {
        let (status, failure, seen) = (None, None, None);
        let (server, first_asked) = (server.to_owned(), Instant::now());
        Self { server, status, failure, seen, named: true, first_asked }
    }

    /// Returns the status that it reports, if it answers.
    pub fn up(&self) -> Option<&WorkerStatus> {
        self.status.as_ref().filter(|_| self.failure.is_none())
    }

    /// Returns whether it stopped on purpose and no longer answers.
    fn left(&self) -> bool {
        let said = self.status.as_ref().map(|status| status.state);
        self.failure.is_some() && (!self.named || said == Some(WorkerState::Stopping))
    }

    /// Returns whether it is still listed.
    fn is_listed(&self) -> bool {
        let silent_for = self.seen.unwrap_or(self.first_asked).elapsed();
        self.failure.is_none()
            || match self.left() {
                // Otherwise its name would bring it back as a worker that has never answered.
                true if self.named => true,
                true => silent_for < LEFT_AFTER,
                false => silent_for < GONE_AFTER,
            }
    }

    fn name(&self) -> String {
        let named = self.status.as_ref().map(|status| status.instance.clone());
        named.unwrap_or_else(|| self.server.clone())
    }
}

impl WorkerDirectory {
    pub fn new(reconciliation: &str, servers: &[String]) -> Self {
        Self {
            reconciliation: reconciliation.to_owned(),
            servers: servers.to_vec(),
            workers: Mutex::default(),
            unresolved: Mutex::default(),
            history: Mutex::default(),
            keys_are: KeysAre::RecordKeys,
        }
    }

    /// Returns the directory of workers with such keys.
    pub fn with(self, keys_are: KeysAre) -> Self {
        Self { keys_are, ..self }
    }

    /// Asks all workers again and again; never returns.
    pub async fn keep(&self) {
        for round in 0_u32.. {
            let begun = Instant::now();
            if round.is_multiple_of(RESOLVE_ROUNDS) {
                self.resolve().await;
            }
            self.ask_all().await;
            tokio::time::sleep(ROUND.saturating_sub(begun.elapsed())).await;
        }
    }

    /// Asks all workers once.
    pub async fn call(&self) {
        self.resolve().await;
        self.ask_all().await;
    }

    async fn resolve(&self) {
        for server in &self.servers {
            let found =
                tokio::time::timeout(REQUEST_TIMEOUT, tokio::net::lookup_host(server)).await;
            let found = match found {
                Ok(Ok(found)) => found.collect::<Vec<_>>(),
                Ok(Err(error)) => {
                    let why = plain(&error).map_or_else(|| error.to_string(), str::to_owned);
                    self.note_unresolved(server, Some(why));
                    continue;
                }
                Err(_) => {
                    self.note_unresolved(server, Some("the name is not resolved in time".into()));
                    continue;
                }
            };
            self.note_unresolved(server, None);
            let mut workers = self.workers();
            for (address, worker) in workers.iter_mut() {
                if worker.server == *server {
                    worker.named = found.contains(address);
                }
            }
            for address in found {
                if workers.len() < WORKERS_MAX {
                    workers.entry(address).or_insert_with(|| Worker::new(server));
                }
            }
        }
    }

    fn note_unresolved(&self, server: &str, why: Option<String>) {
        let mut unresolved = self.unresolved.lock().expect("nothing panics under this lock");
        match why {
            Some(why) => unresolved.insert(server.to_owned(), why),
            None => unresolved.remove(server),
        };
    }

    async fn ask_all(&self) {
        let addresses: Vec<SocketAddr> = self.workers().keys().copied().collect();
        let ask = |address| async move {
            let answer = client::get::<WorkerStatus>(address, "/v1/status", REQUEST_TIMEOUT).await;
            self.note(address, answer);
        };
        stream::iter(addresses).map(ask).buffer_unordered(ASKED_MAX).collect::<()>().await;
        let mut workers = self.workers();
        workers.retain(|_, worker| worker.is_listed());
        let up: Vec<&WorkerStatus> = workers.values().filter_map(Worker::up).collect();
        self.history.lock().expect("nothing panics under this lock").add(&up);
    }

    fn note(&self, address: SocketAddr, answer: Result<WorkerStatus, client::Failure>) {
        let mut workers = self.workers();
        let Some(worker) = workers.get_mut(&address) else { return };
        match answer {
            Ok(status) if status.reconciliation != self.reconciliation => {
                worker.failure = Some(format!(
                    "it runs the reconciliation {}, not {}",
                    status.reconciliation, self.reconciliation
                ));
            }
            Ok(status) => {
                worker.status = Some(status);
                worker.seen = Some(Instant::now());
                worker.failure = None;
            }
            Err(failure) => worker.failure = Some(failure.to_string()),
        }
    }

    fn workers(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Worker>> {
        self.workers.lock().expect("nothing panics under this lock")
    }

    /// Returns the workers that answer.
    pub fn up(&self) -> Vec<(SocketAddr, WorkerStatus)> {
        let workers = self.workers();
        let up = workers.iter().filter_map(|(at, worker)| Some((*at, worker.up()?.clone())));
        up.collect()
    }

    /// Returns how many partitions the topics have, once a worker has reported it.
    pub fn partitions(&self) -> Option<u32> {
        self.workers().values().filter_map(|worker| worker.status.as_ref()?.partitions).max()
    }

    /// Returns whether every shard runs on a worker that answers.
    pub fn is_whole(&self, partitions: NonZeroU32) -> bool {
        let running = self.shard_views().into_iter();
        let running = running.filter(|shard| shard.status.state == ShardState::Running).count();
        running as u64 == u64::from(partitions.get())
    }

    /// Returns how the inputs are partitioned by keys, once a worker knows; `None` where keys do
    /// not show their partition.
    pub fn partitioner(&self) -> Option<Partitioner> {
        let workers = self.workers();
        let mut said = workers.values().filter_map(|worker| worker.up()?.partitioner.as_deref());
        said.find_map(Partitioner::named).filter(|_| self.keys_are == KeysAre::RecordKeys)
    }

    /// Returns all workers as the page shows them.
    pub fn worker_views(&self) -> Vec<WorkerView> {
        let mut views: Vec<WorkerView> = self
            .workers()
            .iter()
            .map(|(address, worker)| WorkerView {
                name: worker.name(),
                address: Some(address.to_string()),
                up: worker.up().is_some(),
                left: worker.left(),
                failure: worker.failure.clone(),
                seen_seconds_ago: worker.seen.map(|seen| seen.elapsed().as_secs_f64()),
                state: worker.up().map(|status| status.state),
                version: worker.status.as_ref().map(|status| status.version.clone()),
                trouble: worker.up().and_then(|status| status.trouble.clone()),
                shards: worker.up().map_or(0, |status| status.shards.len()),
            })
            .collect();
        let unresolved = self.unresolved.lock().expect("nothing panics under this lock");
        views.extend(unresolved.iter().map(|(server, why)| WorkerView {
            name: server.clone(),
            address: None,
            up: false,
            left: false,
            failure: Some(why.clone()),
            seen_seconds_ago: None,
            state: None,
            version: None,
            trouble: None,
            shards: 0,
        }));
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    /// Returns the shards that workers report; shards of workers that are gone have no owner.
    pub fn shard_views(&self) -> Vec<ShardView> {
        let mut shards: BTreeMap<u32, ShardView> = BTreeMap::new();
        let workers = self.workers();
        for worker in workers.values() {
            let Some(status) = worker.up() else { continue };
            for shard in &status.shards {
                let view =
                    ShardView { worker: Some(status.instance.clone()), status: shard.clone() };
                // While a shard moves, two workers may claim it: the one where it runs is right.
                let running = shard.state == ShardState::Running;
                if running || !shards.contains_key(&shard.shard) {
                    shards.insert(shard.shard, view);
                }
            }
        }
        shards.into_values().collect()
    }

    /// Runs `look` on the rates over the last minutes.
    pub fn history<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.history.lock().expect("nothing panics under this lock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(instance: &str, state: WorkerState) -> WorkerStatus {
        WorkerStatus {
            reconciliation: "shipping".to_owned(),
            instance: instance.to_owned(),
            version: "0".to_owned(),
            state,
            partitioner: None,
            partitions: Some(1),
            trouble: None,
            troubles: vec![],
            shards: vec![],
        }
    }

    fn silent() -> Result<WorkerStatus, client::Failure> {
        let failure = rollcall_service::http::client::Failure::TimedOut(REQUEST_TIMEOUT);
        Err(client::Failure::Unanswered(failure))
    }

    /// A worker that has answered once and no longer does.
    fn gone(state: WorkerState) -> (WorkerDirectory, SocketAddr) {
        let directory = WorkerDirectory::new("shipping", &["workers:8080".to_owned()]);
        let address = "10.0.0.1:8080".parse().expect("an address");
        directory.workers().insert(address, Worker::new("workers:8080"));
        directory.note(address, Ok(status("shipping-0", state)));
        directory.note(address, silent());
        (directory, address)
    }

    #[test]
    fn a_worker_that_does_not_answer_is_down_unless_it_was_told_to_stop() {
        let shown = |directory: &WorkerDirectory| directory.worker_views().remove(0);
        let (directory, _) = gone(WorkerState::Joined);
        assert!(!shown(&directory).up && !shown(&directory).left);
        let (directory, _) = gone(WorkerState::Stopping);
        assert!(!shown(&directory).up && shown(&directory).left);
    }

    #[test]
    fn a_worker_that_its_name_leads_to_no_longer_has_left_and_is_soon_forgotten() {
        let (directory, address) = gone(WorkerState::Joined);
        let listed = |seen_ago: Duration, named: bool| {
            let mut workers = directory.workers();
            let worker = workers.get_mut(&address).expect("it is listed");
            (worker.named, worker.seen) = (named, Instant::now().checked_sub(seen_ago));
            (worker.left(), worker.is_listed())
        };
        assert_eq!(listed(LEFT_AFTER * 2, true), (false, true), "it is down");
        assert_eq!(listed(GONE_AFTER * 2, true), (false, false));
        assert_eq!(listed(Duration::ZERO, false), (true, true), "it was scaled away");
        assert_eq!(listed(LEFT_AFTER * 2, false), (true, false));
    }
}
