//! The leader's loop: receives signals and starts looks at objects.
//!
//! Dropping the future ends at once everything that it has started.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kube::Client;
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinSet;

use super::error::{Error, Result};
use super::http::Health;
use super::queue::{Cause, Key, Queue};
use super::reconcile::{Context, Memory, reconcile};
use super::watch::{self, Signal};

/// How many objects are looked at concurrently. A look is mostly waiting.
const AT_ONCE: usize = 16;
const SIGNALS_MAX: usize = 1024;
/// A look that takes longer is assumed to hang. Deleting topics takes the longest.
const LOOK_TIMEOUT: Duration = Duration::from_secs(180);
/// The loop comes round at least this often, for the liveness probe.
const ROUND: Duration = Duration::from_secs(5);

/// A look that has ended.
struct Ended {
    key: Key,
    cause: Cause,
    memory: Memory,
    result: Result<Option<Duration>>,
    took: Duration,
}

struct Controller {
    context: Context,
    queue: Queue,
    /// The existing objects, with what is remembered of each.
    objects: BTreeMap<Key, Memory>,
    /// Objects that a restarted watch has not seen yet.
    unseen: BTreeSet<Key>,
    looks: JoinSet<Ended>,
}

/// Runs until it is dropped. An empty list means all namespaces.
pub async fn run(context: Context, namespaces: &[String], health: Arc<Health>) {
    let (mut signals, _watches) = watches(&context.cluster.client, namespaces);
    let mut controller = Controller {
        context,
        queue: Queue::default(),
        objects: BTreeMap::new(),
        unseen: BTreeSet::new(),
        looks: JoinSet::new(),
    };
    loop {
        controller.start_looks();
        controller.measure();
        health.heartbeat();
        let pause =
            controller.queue.next_at().map(|at| at.saturating_duration_since(Instant::now()));
        let pause = match pause {
            Some(pause) if controller.looks.len() < AT_ONCE => pause.min(ROUND),
            _ => ROUND,
        };
        tokio::select! {
            Some(signal) = signals.recv() => controller.on_signal(signal),
            Some(ended) = controller.looks.join_next() => {
                controller.end(ended.expect("looks catch their panics, and nobody aborts them"));
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Starts all watches; they end when the set is dropped.
fn watches(client: &Client, namespaces: &[String]) -> (Receiver<Signal>, JoinSet<()>) {
    let (sender, receiver) = mpsc::channel(SIGNALS_MAX);
    let mut watches = JoinSet::new();
    let scopes: Vec<Option<String>> = match namespaces {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    };
    for scope in scopes {
        watches.spawn(watch::objects(client.clone(), scope.clone(), sender.clone()));
        for kind in watch::child_kinds() {
            watches.spawn(watch::children(client.clone(), kind, scope.clone(), sender.clone()));
        }
    }
    (receiver, watches)
}

impl Controller {
    fn on_signal(&mut self, signal: Signal) {
        let now = Instant::now();
        match signal {
            Signal::Seen(key, cause) => {
                self.unseen.remove(&key);
                let is_new = !self.objects.contains_key(&key);
                self.objects.entry(key.clone()).or_default();
                if let Some(cause) = cause.or(is_new.then_some(Cause::Change)) {
                    self.queue.add(key, cause, now);
                }
            }
            Signal::Gone(key) => {
                self.objects.remove(&key);
                self.context.metrics.forget(&key);
            }
            Signal::Child(key, cause) => {
                if self.objects.contains_key(&key) {
                    self.queue.add(key, cause, now);
                }
            }
            Signal::Restarted(scope) => {
                // Objects that are gone by the next look are removed then.
                let within =
                    |key: &&Key| scope.as_ref().is_none_or(|scope| *scope == key.namespace);
                let keys: Vec<Key> = self.objects.keys().filter(within).cloned().collect();
                for key in keys {
                    self.queue.add(key.clone(), Cause::Look, now);
                    self.unseen.insert(key);
                }
            }
        }
    }

    fn start_looks(&mut self) {
        while self.looks.len() < AT_ONCE {
            let Some((key, cause)) = self.queue.take(Instant::now()) else { return };
            let mut memory = self.objects.get(&key).cloned().unwrap_or_default();
            let context = self.context.clone();
            self.looks.spawn(async move {
                let start = Instant::now();
                let look = reconcile(&context, &key, cause, &mut memory);
                // A bug triggered by one object must not hold up the others.
                let look = AssertUnwindSafe(look).catch_unwind();
                let result = match tokio::time::timeout(LOOK_TIMEOUT, look).await {
                    Ok(Ok(result)) => result,
                    Ok(Err(panic)) => Err(Error::Panicked(words(panic.as_ref()))),
                    Err(_) => Err(Error::TimedOut { seconds: LOOK_TIMEOUT.as_secs() }),
                };
                Ended { key, cause, memory, result, took: start.elapsed() }
            });
        }
    }

    fn end(&mut self, ended: Ended) {
        let Ended { key, cause, memory, result, took } = ended;
        let metrics = &self.context.metrics;
        metrics.seconds.observe(took.as_secs_f64());
        match result {
            Ok(again) => {
                metrics.reconciles.with_label_values(&["ok"]).inc();
                if again.is_none() && self.unseen.remove(&key) {
                    self.objects.remove(&key);
                }
                self.queue.finish(&key, again.map(|pause| Instant::now() + pause));
            }
            Err(error) => {
                metrics.reconciles.with_label_values(&["error"]).inc();
                metrics.errors.with_label_values(&[error.reason()]).inc();
                let pause = self.queue.fail(&key, cause, Instant::now());
                tracing::warn!(object = %key, again_in = ?pause, "{error}");
            }
        }
        if let Some(kept) = self.objects.get_mut(&key) {
            *kept = memory;
        }
    }

    fn measure(&self) {
        let metrics = &self.context.metrics;
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.objects.set(number(self.objects.len()));
        metrics.queue_length.set(number(self.queue.overdue(Instant::now())));
    }
}

/// Returns the message of a panic.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
