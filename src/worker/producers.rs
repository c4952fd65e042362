//! The transactional producers of the lanes. Committers use them, and whoever opens shards makes
//! sure that they are ready before.
//!
//! Promise: a shard is opened only after the producers of this process have settled whatever an
//! earlier process under its name, or an earlier producer, has left open.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::refused;
use rollcall_core::shard::{Attempt, Commit, Error, Producer, Result, commit_parts};
use rollcall_kafka::{GroupAssignment, KafkaBroker, LaneProducer, Sockets};

/// Pauses between attempts to find out the result of a transaction.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// After this long without finding it out, the shards are opened again, which does.
const SETTLING_MAX: Duration = Duration::from_secs(30);

/// The producers of all lanes.
pub struct Producers {
    broker: KafkaBroker,
    lanes: Vec<RwLock<Arc<Slot>>>,
}

/// The producer of a lane, until another one takes over.
pub struct Slot {
    broker: KafkaBroker,
    producer: Mutex<LaneProducer>,
    failed: Mutex<Failed>,
    /// Those of the producer, also while it is committing.
    sockets: Arc<Sockets>,
    is_ready: AtomicBool,
    /// Another producer has taken over: this one must not take its transactional id back.
    is_retired: AtomicBool,
}

/// The failed attempts to make a producer ready.
#[derive(Default)]
struct Failed {
    attempts: u64,
    last: Option<Error>,
}

impl Failed {
    /// Returns the error of an attempt that has failed since there were this many.
    fn since(&self, attempts: u64) -> Option<Error> {
        self.last.clone().filter(|_| self.attempts > attempts)
    }

    fn add(&mut self, error: Error) {
        *self = Self { attempts: self.attempts + 1, last: Some(error) };
    }
}

impl Producers {
    pub fn new(broker: &KafkaBroker, lanes: usize) -> Self {
        let slot = |lane| RwLock::new(Slot::new(broker, lane));
        Self { broker: broker.clone(), lanes: (0..lanes).map(slot).collect() }
    }

    /// Returns the number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Returns the current producer of a lane.
    pub fn slot(&self, lane: usize) -> Arc<Slot> {
        Arc::clone(&self.lanes[lane].read().expect("nothing panics under this lock"))
    }

    /// Replaces the producer of a lane if whatever uses the new one can be started. A transaction
    /// of the old one can no longer commit once the new one is ready.
    ///
    /// # Errors
    /// That of `start`; the old one stays then.
    pub fn replace<T>(
        &self,
        lane: usize,
        start: impl FnOnce(Arc<Slot>) -> Result<T>,
    ) -> Result<(Arc<Slot>, T)> {
        let slot = Slot::new(&self.broker, lane);
        let started = start(Arc::clone(&slot))?;
        let mut current = self.lanes[lane].write().expect("nothing panics under this lock");
        let old = std::mem::replace(&mut *current, Arc::clone(&slot));
        old.is_retired.store(true, Ordering::Relaxed);
        Ok((slot, started))
    }

    /// Makes the producers of all lanes ready.
    ///
    /// # Errors
    /// When Kafka does not answer or refuses.
    pub fn make_ready(&self) -> Result<()> {
        let slots: Vec<Arc<Slot>> = (0..self.lanes.len()).map(|lane| self.slot(lane)).collect();
        let unready: Vec<&Slot> =
            slots.iter().map(|slot| &**slot).filter(|slot| !slot.is_ready()).collect();
        // Each waits for brokers most of the time.
        thread::scope(|scope| {
            let mut started = Vec::with_capacity(unready.len());
            for slot in unready {
                let builder = thread::Builder::new().name("producer".to_owned());
                started.push(builder.spawn_scoped(scope, || slot.make_ready()));
            }
            let lost = |_| Error::Interrupted("a thread has panicked".to_owned());
            started.into_iter().try_for_each(|thread| {
                let thread = thread.map_err(|error| refused("producer", &error))?;
                thread.join().map_err(lost).flatten()
            })
        })
    }
}

impl Slot {
    fn new(broker: &KafkaBroker, lane: usize) -> Arc<Self> {
        let producer = broker.producer(lane);
        Arc::new(Self {
            broker: broker.clone(),
            sockets: producer.sockets(),
            producer: Mutex::new(producer),
            failed: Mutex::default(),
            is_ready: AtomicBool::new(false),
            is_retired: AtomicBool::new(false),
        })
    }

    fn failed(&self) -> MutexGuard<'_, Failed> {
        self.failed.lock().expect("nothing panics under this lock")
    }

    fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Makes the producer ready. All shards of the lane may wait for this at once, and an attempt
    /// may take half a minute: it is made for all that wait for it.
    fn make_ready(&self) -> Result<()> {
        let attempts = self.failed().attempts;
        let mut producer = self.producer.lock().expect("nothing panics under this lock");
        if self.is_retired.load(Ordering::Relaxed) {
            return Err(Error::Interrupted(
                "another producer of the lane has taken over".to_owned(),
            ));
        }
        if !producer.is_ready() {
            if let Some(error) = self.failed().since(attempts) {
                return Err(error);
            }
            producer.renew().inspect_err(|error| self.failed().add(error.clone()))?;
        }
        self.is_ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Commits the parts in one transaction, and finds out its result; returns also for how long
    /// brokers have throttled the client.
    pub fn commit(
        &self,
        parts: &[&Commit],
        assignment: Option<&GroupAssignment>,
    ) -> (Attempt, Duration) {
        let mut producer = self.producer.lock().expect("nothing panics under this lock");
        let (began, mut is_told) = (Instant::now(), false);
        let mut again = |error: &Error, failures: u32| {
            if failures > 0 {
                thread::sleep((PAUSE_MIN * 2_u32.saturating_pow(failures.min(8))).min(PAUSE_MAX));
            }
            if failures > 0 || !std::mem::replace(&mut is_told, true) {
                tracing::warn!(failures, "the result of a transaction is unknown: {error}");
            }
            self.is_ready.store(false, Ordering::Release);
            !self.is_retired.load(Ordering::Relaxed)
                && !matches!(error, Error::Misconfigured(_))
                && began.elapsed() < SETTLING_MAX
        };
        let attempt = commit_parts(parts, &mut *producer, &self.broker, assignment, &mut again);
        self.is_ready.store(producer.is_ready(), Ordering::Release);
        (attempt, producer.take_throttled())
    }

    /// Handles the client's reports if nothing is being committed, and returns for how long brokers
    /// have throttled it. If a commit hangs, gets it going again.
    pub fn serve(&self) -> Duration {
        let Ok(producer) = self.producer.try_lock() else {
            self.sockets.unblock();
            return Duration::ZERO;
        };
        producer.serve();
        producer.take_throttled()
    }
}
