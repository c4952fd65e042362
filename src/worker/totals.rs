//! Counts for the worker as a whole, and access to figures that others hold.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::room::Room;
use rollcall_core::{
    record::ShardId,
    shard::{Error, Invariant, Progress},
};
use rollcall_kafka::{BrokerFigures, Brokers, Loss};
use rollcall_registry::{self as registry, Registry};
use rollcall_service::telemetry;
use rollcall_store::{Budget, Counts, Figures, RocksStore, Stores, Volume};

/// The names of the reactions to an [`Error`].
pub const REACTIONS: [&str; 8] = [
    "fenced",
    "outdated",
    "oversized",
    "corrupt",
    "interrupted",
    "misconfigured",
    "violated",
    "aborted",
];

/// The names of the reasons why shards are taken away, in the order of [`Loss`].
pub const LOSSES: [&str; 4] = ["rebalance", "lost", "refused", "stopping"];

/// Returns the name of the reaction to an error.
pub fn reaction(error: &Error) -> &'static str {
    REACTIONS[index(error)]
}

fn index(error: &Error) -> usize {
    match error {
        Error::Fenced(_) => 0,
        Error::Outdated(_) => 1,
        Error::Oversized(_) => 2,
        Error::Corrupt(_) => 3,
        Error::Interrupted(_) => 4,
        Error::Misconfigured(_) => 5,
        Error::Violated { .. } => 6,
        Error::Aborted(_) => 7,
    }
}

/// Counts for the worker as a whole; they only grow.
#[derive(Default)]
pub struct Totals {
    /// Failures after which a shard was opened again.
    pub shard_failures: Failures,
    /// Transactions that were committed.
    transactions: AtomicU64,
    /// The pause between two transactions of each lane.
    pauses: Mutex<BTreeMap<usize, Duration>>,
    /// Commits of shards that failed.
    pub commit_failures: Failures,
    revocations: [AtomicU64; LOSSES.len()],
    revocation_nanos: AtomicU64,
    restored_records: Arc<AtomicU64>,
    /// How long each shard took to open, in seconds.
    openings: Mutex<BTreeMap<ShardId, f64>>,
    brokers: OnceLock<Arc<Brokers>>,
    partitions: OnceLock<i32>,
    disk: OnceLock<(Arc<Stores>, Budget)>,
    spans: OnceLock<Arc<telemetry::Figures>>,
    room: OnceLock<Room>,
    registry: OnceLock<Arc<Registry>>,
    /// The stores of the shards on the lanes; they are dropped with their shards.
    stores: Mutex<BTreeMap<ShardId, Weak<RocksStore>>>,
}

/// Failures by reaction, and violations by invariant.
#[derive(Debug, Default)]
pub struct Failures([AtomicU64; REACTIONS.len()], [AtomicU64; Invariant::ALL.len()]);

impl Failures {
    pub fn add(&self, error: &Error) {
        self.0[index(error)].fetch_add(1, Ordering::Relaxed);
        if let Error::Violated { invariant, .. } = error {
            self.1[*invariant as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how often each of [`Invariant::ALL`] was violated, in this order.
    pub fn violations(&self) -> impl Iterator<Item = u64> {
        self.1.iter().map(|count| count.load(Ordering::Relaxed))
    }

    /// Returns the counts in the order of [`REACTIONS`].
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|count| count.load(Ordering::Relaxed))
    }
}

impl Totals {
    /// Sets what is known once the topics were checked and the state directory opened.
    pub fn started(
        &self,
        partitions: i32,
        stores: Arc<Stores>,
        budget: Budget,
        brokers: Arc<Brokers>,
    ) {
        let _ = self.partitions.set(partitions);
        let _ = self.disk.set((stores, budget));
        let _ = self.brokers.set(brokers);
    }

    /// Sets the schema registry that is asked.
    pub fn asks(&self, registry: Arc<Registry>) {
        let _ = self.registry.set(registry);
    }

    /// Returns what the schema registry was asked for.
    pub fn registry(&self) -> registry::Counts {
        self.registry.get().map(|registry| registry.counts()).unwrap_or_default()
    }

    /// Sets what the system leaves room for.
    pub fn looked(&self, room: Room) {
        let _ = self.room.set(room);
    }

    /// Returns how many shards fit in addition to those that are active; `None` if nothing limits
    /// them.
    pub fn room(&self, active: usize) -> Option<u64> {
        self.room.get()?.left(active).map(|(left, _)| left)
    }

    /// Records that the group took shards away, why, and how long giving them up has delayed it.
    pub fn revoked(&self, why: Loss, took: Duration) {
        self.revocations[why as usize].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.revocation_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Records that a shard was opened.
    pub fn opened(&self, shard: ShardId, took: Duration) {
        let mut openings = self.openings.lock().expect("nothing panics under this lock");
        openings.insert(shard, took.as_secs_f64());
    }

    /// Records the store of a shard that runs.
    pub fn stored(&self, shard: ShardId, store: &Arc<RocksStore>) {
        let mut stores = self.stores.lock().expect("nothing panics under this lock");
        stores.insert(shard, Arc::downgrade(store));
    }

    /// Records that spans are sent.
    pub fn telling(&self, figures: &Arc<telemetry::Figures>) {
        let _ = self.spans.set(Arc::clone(figures));
    }

    /// Returns the figures of spans; `None` if none are sent.
    pub fn spans(&self) -> Option<&telemetry::Figures> {
        self.spans.get().map(|figures| &**figures)
    }

    pub fn partitions(&self) -> Option<i32> {
        self.partitions.get().copied()
    }

    /// Returns how often shards were taken away, in the order of [`LOSSES`], and the seconds that
    /// giving them up took.
    pub fn revocations(&self) -> ([u64; LOSSES.len()], f64) {
        let nanos = self.revocation_nanos.load(Ordering::Relaxed);
        let counts = self.revocations.each_ref().map(|count| count.load(Ordering::Relaxed));
        (counts, nanos as f64 / 1e9)
    }

    pub fn restored_records(&self) -> u64 {
        self.restored_records.load(Ordering::Relaxed)
    }

    /// Records that a transaction was committed.
    pub fn committed(&self) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many transactions were committed.
    pub fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Sets the pause between two transactions of a lane.
    pub fn pauses(&self, lane: usize, pause: Duration) {
        self.pauses.lock().expect("nothing panics under this lock").insert(lane, pause);
    }

    /// Returns the pauses between two transactions, by lane.
    pub fn commit_pauses(&self) -> BTreeMap<usize, Duration> {
        self.pauses.lock().expect("nothing panics under this lock").clone()
    }

    /// Returns the progress of a restore that begins; it is updated during the restore.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::new(Progress::adding_to(Arc::clone(&self.restored_records)))
    }

    pub fn openings(&self) -> BTreeMap<ShardId, f64> {
        self.openings.lock().expect("nothing panics under this lock").clone()
    }

    pub fn brokers(&self) -> Vec<BrokerFigures> {
        self.brokers.get().map(|brokers| brokers.figures()).unwrap_or_default()
    }

    pub fn memory_budget(&self) -> Option<usize> {
        self.disk.get().map(|(_, budget)| budget.total_bytes)
    }

    pub fn volume(&self) -> Option<Volume> {
        self.disk.get()?.0.volume().ok()
    }

    /// Returns the counts of the stores.
    pub fn store_counts(&self) -> Counts {
        self.disk.get().map(|(stores, _)| stores.counts()).unwrap_or_default()
    }

    /// Returns the figures of all open stores.
    pub fn store_figures(&self) -> Figures {
        let mut stores = self.stores.lock().expect("nothing panics under this lock");
        stores.retain(|_, store| store.strong_count() > 0);
        let open: Vec<_> = stores.values().filter_map(Weak::upgrade).collect();
        drop(stores);
        open.iter().fold(Figures::default(), |sum, store| sum.with(store.figures()))
    }
}
