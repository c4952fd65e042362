//! The shards that this process owns, as assigned by the group's coordinator.
//!
//! One consumer per process subscribes to the expected topic alone and fetches nothing: shard p is
//! partition p of every input, so co-partitioning holds by construction. Data is read by other
//! consumers, so a rebalance does not affect the shards that stay.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    bindings::rd_kafka_resp_err_t as ResponseCode,
    client::ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    util::Timeout,
};

use super::{
    Client, Connection, Protocol,
    admission::Refused,
    context::Context,
    native::{self, GroupMetadata, TokenClient},
};
use rollcall_core::{
    record::ShardId,
    shard::{Assignment, Error, Result, Tenure},
};

/// Maximum delay of the client's timed work. It sends a heartbeat, which reports that shards are
/// free, only when something wakes it, and left alone it wakes twice a second.
const POLL: Duration = Duration::from_millis(50);
/// The coordinator may begin a new epoch without notice and then rejects commits of the previous
/// one. This is how soon the new epoch is noticed.
const EPOCH_POLL: Duration = Duration::from_millis(20);
/// How long leaving the group may take; otherwise the end of the session has the same effect.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(8);

pub type GroupAssignment = Assignment<GroupMetadata>;

/// The newest assignment, read at every commit.
#[derive(Default)]
pub struct Current {
    assignment: RwLock<Option<Arc<GroupAssignment>>>,
    /// The number of the last tenure. It outlives a membership, as transactions do.
    tenures: AtomicU64,
}

impl Current {
    pub fn get(&self) -> Option<Arc<GroupAssignment>> {
        self.assignment.read().expect("nothing panics under this lock").clone()
    }

    fn next_tenure(&self) -> Tenure {
        Tenure(self.tenures.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn set(&self, assignment: Option<GroupAssignment>) {
        *self.assignment.write().expect("nothing panics under this lock") =
            assignment.map(Arc::new);
    }
}

/// Why shards are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The group assigns them to others.
    Rebalance,
    /// The group no longer counts this process as a member: its session has ended.
    Lost,
    /// The group knows another process under this name.
    Refused,
    /// This process leaves the group.
    Stopping,
}

/// Handles shards that come and go. Called on the membership thread, which must not be blocked for
/// longer than the group tolerates.
pub trait Owner: Send + Sync + 'static {
    /// The shards are ours now, each in a tenure of its own.
    fn gained(&self, shards: &BTreeMap<ShardId, Tenure>);

    /// The shards are about to move to others. Returns when none of them can commit any more, or
    /// after a bounded time.
    fn losing(&self, shards: &BTreeSet<ShardId>, why: Loss);
}

/// How the group regards this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is a member, with or without shards. It stays a member during a rebalance.
    Member,
    /// It is not a member; holds the group's last rejection, if any.
    Outside(Option<Refused>),
}

/// A member of the group.
pub struct Membership<O: Owner> {
    consumer: TokenClient<BaseConsumer<Callbacks<O>>>,
    protocol: Protocol,
}

struct Callbacks<O> {
    owner: O,
    current: Arc<Current>,
    client: Context,
    leaving: AtomicBool,
    /// All shards have been given up; the client's callbacks at its end are ignored.
    parted: AtomicBool,
    /// How the group last rejected this member.
    refused: Mutex<Option<Refused>>,
}

impl<O: Owner> Membership<O> {
    /// Joins the group; [`Self::poll`] must be called regularly from then on.
    ///
    /// # Errors
    /// When librdkafka rejects the settings, or there is no token.
    pub fn join(
        connection: &Connection,
        lead_topic: &str,
        current: Arc<Current>,
        owner: O,
    ) -> Result<Self> {
        let refused = |error: KafkaError| Error::Misconfigured(format!("kafka client: {error}"));
        let client = connection.context(Client::Member);
        let (leaving, parted) = (AtomicBool::new(false), AtomicBool::new(false));
        let refused_by = Mutex::default();
        let callbacks = Callbacks { owner, current, client, leaving, parted, refused: refused_by };
        let consumer = connection.consumer(&connection.member(), callbacks)?;
        consumer.subscribe(&[lead_topic]).map_err(refused)?;
        Ok(Self { consumer, protocol: connection.protocol })
    }

    /// Serves the group for a moment and returns how it regards this process.
    ///
    /// # Errors
    /// Why the group has permanently rejected this member: it cannot be used any more. The cause
    /// may be another process, or a join of this process whose response was lost with its broker.
    pub fn poll(&self) -> std::result::Result<Standing, Refused> {
        let wait = match self.protocol {
            Protocol::Classic => POLL,
            Protocol::Consumer => EPOCH_POLL,
        };
        if let Some(Err(error)) = self.consumer.poll(wait) {
            tracing::debug!(%error, "membership");
        }
        // This query wakes the client.
        let group = GroupMetadata::of(&self.consumer);
        if self.protocol == Protocol::Consumer {
            self.consumer.context().follow_epoch(&self.consumer, group.as_ref());
        }
        if let Some((code, text)) = self.consumer.client().fatal_error() {
            return Err(Refused { code, text });
        }
        let mut refused =
            self.consumer.context().refused.lock().expect("nothing panics under this lock");
        if group.is_some_and(|group| group.is_member()) {
            *refused = None;
            return Ok(Standing::Member);
        }
        Ok(Standing::Outside(refused.clone()))
    }

    /// Gives up all shards at once, as a member that the group no longer knows.
    pub fn abandon(self) {
        let callbacks = self.consumer.context();
        let owned = callbacks.owned();
        callbacks.current.set(None);
        callbacks.part(&owned, Loss::Refused);
    }

    /// Gives up all shards and ends without leaving the group: a static member that is back within
    /// its session gets them again, and nothing moves. A dynamic one never comes back, so it
    /// leaves.
    pub fn stay(self) {
        if self.protocol == Protocol::Consumer {
            return self.leave();
        }
        let callbacks = self.consumer.context();
        // While they can still commit. The client continues its heartbeats meanwhile.
        callbacks.part(&callbacks.owned(), Loss::Stopping);
        callbacks.current.set(None);
    }

    /// Gives up all shards and leaves the group, so that others take over at once. Closing a static
    /// member alone would not make it leave.
    pub fn leave(self) {
        self.consumer.context().leaving.store(true, Ordering::Relaxed);
        self.consumer.unsubscribe();
        let deadline = Instant::now() + LEAVE_TIMEOUT;
        let callbacks = self.consumer.context();
        while Instant::now() < deadline
            && callbacks.current.get().is_some_and(|current| !current.shards.is_empty())
        {
            let _ = self.consumer.poll(Duration::from_millis(10));
        }
        // The request to leave is on its way once the callback has returned.
        let _ = self.consumer.poll(Duration::from_millis(10));
    }
}

impl<O: Owner> Callbacks<O> {
    fn assigned(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let tenure = |shard| (shard, self.current.next_tenure());
        let gained: BTreeMap<ShardId, Tenure> =
            shards(partitions).into_iter().map(tenure).collect();
        let parted = self.parted.load(Ordering::Relaxed);
        if !parted {
            let mut owned = self.owned();
            owned.extend(&gained);
            // The assignment first, so that a shard that opens finds its authority.
            self.publish(consumer, owned);
        }
        // The client waits for this in any case.
        if let Err(failure) = native::incremental_assign_paused(consumer, partitions) {
            tracing::error!(%failure, "the group's assignment could not be taken");
        }
        if !parted {
            self.owner.gained(&gained);
        }
    }

    fn part(&self, owned: &BTreeMap<ShardId, Tenure>, why: Loss) {
        if !owned.is_empty() {
            self.owner.losing(&owned.keys().copied().collect(), why);
        }
        self.parted.store(true, Ordering::Relaxed);
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        if !self.parted.load(Ordering::Relaxed) {
            self.give_up(consumer, &shards(partitions));
        }
        if let Err(failure) = native::incremental_unassign(consumer, partitions) {
            tracing::error!(%failure, "partitions could not be given back");
        }
    }

    fn give_up(&self, consumer: &BaseConsumer<Self>, lost: &BTreeSet<ShardId>) {
        let (gone, leaving) =
            (native::assignment_lost(consumer), self.leaving.load(Ordering::Relaxed));
        self.owner.losing(
            lost,
            match (gone, leaving) {
                (true, _) => Loss::Lost,
                (false, true) => Loss::Stopping,
                (false, false) => Loss::Rebalance,
            },
        );
        if gone || native::assignment_lost(consumer) {
            self.current.set(None);
        } else {
            let mut owned = self.owned();
            owned.retain(|shard, _| !lost.contains(shard));
            self.publish(consumer, owned);
        }
    }

    /// Handles an epoch that began without a callback.
    ///
    /// The shards are still those of the last callback: the coordinator assigns none of them to
    /// others before this member has reported giving it up, which it does after the callback.
    fn follow_epoch(&self, consumer: &BaseConsumer<Self>, group: Option<&GroupMetadata>) {
        let known = self.current.get().map(|current| current.generation);
        let epoch = group.map_or(-1, GroupMetadata::generation);
        if epoch > 0 && known != Some(epoch) {
            self.publish(consumer, self.owned());
            // No callback reports being a member without shards either.
            self.owner.gained(&BTreeMap::new());
        }
    }

    fn owned(&self) -> BTreeMap<ShardId, Tenure> {
        self.current.get().map(|current| current.shards.clone()).unwrap_or_default()
    }

    /// shards, their tenures, and the proof of the same generation, taken in the callback, as
    /// one value.
    fn publish(&self, consumer: &BaseConsumer<Self>, shards: BTreeMap<ShardId, Tenure>) {
        let authority = GroupMetadata::of(consumer).filter(|group| group.generation() >= 0);
        self.current.set(authority.map(|authority| Assignment {
            generation: authority.generation(),
            shards,
            authority: Arc::new(authority),
        }));
    }
}

fn shards(partitions: &TopicPartitionList) -> BTreeSet<ShardId> {
    partitions.elements().iter().map(|entry| ShardId(entry.partition())).collect()
}

impl<O: Owner> ClientContext for Callbacks<O> {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        if let Some(refused) = Refused::of(code, reason) {
            *self.refused.lock().expect("nothing panics under this lock") = Some(refused);
        }
        self.client.error(error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.client.stats_raw(statistics);
    }
}

impl<O: Owner> ConsumerContext for Callbacks<O> {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: ResponseCode,
        partitions: &mut TopicPartitionList,
    ) {
        match code {
            ResponseCode::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assigned(consumer, partitions);
            }
            // A failed rebalance gives up everything, as a revocation does.
            _ => self.revoked(consumer, partitions),
        }
    }

    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(POLL)
    }
}
