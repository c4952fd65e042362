//! A shard's access to Kafka while it opens.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    Offset as KafkaOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    Connection, LaneProducer, Member, Reader, TokenClient, Topics,
    changelog::ReaderClients,
    context::Context,
    fencing::{self, Fencings},
    native,
    producer::LetterRoom,
};
use rollcall_core::{
    record::{InputIndex, ShardId},
    shard::{Bounds, Broker, CommittedOffset, Error, InputLog, Result, Wait},
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// How long to ask for offsets. If brokers do not answer, or an open transaction holds some of the
/// offsets, the shard is opened again.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a healthy owner may take to end a transaction before it is fenced. If that was a
/// mistake, it costs the owner a tenth of a second.
const SHORT_TIMEOUT: Duration = Duration::from_millis(400);
/// How long to wait for offsets before asking whether their owner is still there.
const GLANCE_TIMEOUT: Duration = Duration::from_millis(100);

/// A consumer that reads nothing.
type Asker = TokenClient<BaseConsumer<Context>>;

/// Opens shards of one reconciliation.
#[derive(Clone)]
pub struct KafkaBroker {
    connection: Arc<Connection>,
    topics: Arc<Topics>,
    letters: Arc<LetterRoom>,
    /// The number of lanes of this process.
    lanes: usize,
    /// Query offsets and bounds, for all shards: connecting again would cost each shard a tenth of
    /// a second each time.
    clients: Arc<Mutex<Option<Clients>>>,
    /// Read changelogs.
    readers: ReaderClients,
    /// The transactional ids that are, or were just now, taken away from their owners.
    fencings: Arc<Fencings>,
    /// How long the last query that waits for no transaction has taken, in milliseconds.
    answered_in_ms: Arc<AtomicU64>,
}

/// The clients that query offsets.
#[derive(Clone)]
struct Clients {
    /// Waits for transactions that hold offsets.
    stable: Arc<Asker>,
    /// Does not.
    last: Arc<Asker>,
    /// Both have made a query.
    is_warm: Arc<AtomicBool>,
}

impl KafkaBroker {
    pub fn new(connection: Arc<Connection>, topics: Arc<Topics>, lanes: usize) -> Self {
        let (letters, clients, fencings) = (Arc::default(), Arc::default(), Arc::default());
        let (readers, answered_in_ms) = (ReaderClients::default(), Arc::default());
        Self { connection, topics, letters, lanes, clients, readers, fencings, answered_in_ms }
    }

    /// Returns a producer for a lane, which is not connected yet.
    pub fn producer(&self, lane: usize) -> LaneProducer {
        LaneProducer::new(&self.connection, &self.topics, &self.letters, lane)
    }

    /// Returns the transactional id of a lane.
    pub fn transactional_id(&self, lane: usize) -> String {
        self.connection.transactional_id(lane)
    }

    fn clients(&self) -> Result<Clients> {
        let mut shared = self.clients.lock().expect("nothing panics under this lock");
        let clients = match &*shared {
            Some(clients) => clients.clone(),
            None => shared.insert(self.connect()?).clone(),
        };
        // They read nothing, so this only handles what librdkafka has reported since.
        drop(clients.stable.poll(Duration::ZERO));
        drop(clients.last.poll(Duration::ZERO));
        Ok(clients)
    }

    fn client(&self) -> Result<Arc<Asker>> {
        Ok(self.clients()?.stable)
    }

    fn connect(&self) -> Result<Clients> {
        let asker = |level| {
            let mut config = self.connection.reader();
            config.set("isolation.level", level);
            self.connection.consumer(&config, Context::default()).map(Arc::new)
        };
        let (stable, last) = (asker("read_committed")?, asker("read_uncommitted")?);
        Ok(Clients { stable, last, is_warm: Arc::default() })
    }

    /// Makes a first query with each client, which takes longer: it must not be taken for one that
    /// waits for a transaction. Whether it succeeds does not matter.
    fn warm_up(&self, clients: &Clients) {
        if clients.is_warm.load(Ordering::Relaxed) {
            return;
        }
        let topic = &self.topics.inputs[0];
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition(topic, 0);
        let _ = clients.stable.fetch_metadata(Some(topic), OFFSETS_TIMEOUT);
        let _ = clients.last.committed_offsets(wanted.clone(), OFFSETS_TIMEOUT);
        let _ = clients.stable.committed_offsets(wanted, SHORT_TIMEOUT);
        clients.is_warm.store(true, Ordering::Relaxed);
    }

    /// Returns what is committed for some inputs of a shard; `None` if there is no answer in time.
    fn offsets(
        &self,
        client: &Asker,
        shard: ShardId,
        inputs: Range<InputIndex>,
        timeout: Duration,
    ) -> Result<Option<Vec<Option<CommittedOffset>>>> {
        let topics = &self.topics.inputs[inputs];
        let mut wanted = TopicPartitionList::new();
        for input in topics {
            wanted.add_partition(input, shard.0);
        }
        let is_late = |error: &KafkaError| {
            matches!(
                error.rdkafka_error_code(),
                Some(
                    RDKafkaErrorCode::OperationTimedOut
                        | RDKafkaErrorCode::RequestTimedOut
                        | RDKafkaErrorCode::UnstableOffsetCommit
                )
            )
        };
        let committed = match client.committed_offsets(wanted, timeout) {
            Ok(committed) => committed,
            Err(error) if is_late(&error) => return Ok(None),
            Err(error) => return Err(interrupted("committed offsets", &error)),
        };
        let mut offsets = vec![None; topics.len()];
        for entry in committed.elements() {
            match entry.error() {
                Err(error) if is_late(&error) => return Ok(None),
                Err(error) => return Err(interrupted("committed offsets", &error)),
                Ok(()) => {}
            }
            let input = topics.iter().position(|input| input == entry.topic());
            if let (Some(input), KafkaOffset::Offset(next)) = (input, entry.offset()) {
                let metadata = entry.metadata().parse().unwrap_or_default();
                offsets[input] = Some(CommittedOffset { next, metadata });
            }
        }
        Ok(Some(offsets))
    }

    /// Returns whether the process that the last committed offset names has left the group, or was
    /// removed from it, and has not been fenced yet.
    fn is_owner_gone(&self, shard: ShardId) -> Result<bool> {
        let Some(owner) = self.last_committed(shard)?.and_then(|last| last.metadata.owner) else {
            return Ok(false);
        };
        if self.fencings.has(&owner) {
            return Ok(false);
        }
        // Whether it is there is not known of a group of KIP-848, or if nobody answers.
        let members = self.members(SHORT_TIMEOUT).unwrap_or_default();
        let group = &self.connection.group;
        let is_owner = |member: &Member| fencing::is_id_of(&owner, group, &member.name);
        Ok(!members.is_empty() && !members.iter().any(is_owner))
    }

    fn answered_in(&self) -> Duration {
        Duration::from_millis(self.answered_in_ms.load(Ordering::Relaxed))
    }

    /// Rejects a shard that did not exist when the worker started.
    fn check_partition(&self, shard: ShardId) -> Result<()> {
        let partitions = self.topics.partitions;
        if shard.0 >= partitions {
            return Err(Error::Misconfigured(format!(
                "{} has more partitions than the {partitions} it had at the start: keys have \
                 moved to other partitions than their rows; recreate the inputs with a fixed \
                 number of partitions, or start over under another spec.kafka.groupId",
                self.topics.inputs[0]
            )));
        }
        Ok(())
    }

    /// Closes the clients that read changelogs once no shard has been opened for a while.
    pub fn close_idle(&self) {
        self.readers.close_idle();
    }

    /// Replaces the clients for queries and changelogs, for example after a change of certificates.
    ///
    /// # Errors
    /// When the new clients cannot be created; the old ones stay in use.
    pub fn reconnect(&self) -> Result<()> {
        let clients = self.connect()?;
        *self.clients.lock().expect("nothing panics under this lock") = Some(clients);
        self.readers.replace();
        Ok(())
    }

    /// Returns the current members of the group; none for a KIP-848 group.
    ///
    /// # Errors
    /// What the coordinator refuses, or no answer in time.
    pub fn members(&self, timeout: Duration) -> Result<Vec<Member>> {
        let client = self.client()?;
        let members = native::group_members(&client, &self.connection.group, timeout);
        members.map_err(|failure| Error::Interrupted(format!("members of the group: {failure}")))
    }

    /// Returns whether a broker answers within `timeout`.
    pub fn answers(&self, timeout: Duration) -> bool {
        let topic = &self.topics.inputs[0];
        self.client().is_ok_and(|client| client.fetch_metadata(Some(topic), timeout).is_ok())
    }

    fn bounds(consumer: &BaseConsumer<Context>, topic: &str, shard: ShardId) -> Result<Bounds> {
        let (start, end) = consumer
            .fetch_watermarks(topic, shard.0, TIMEOUT)
            .map_err(|error| interrupted(topic, &error))?;
        Ok(Bounds { start, end })
    }
}

fn interrupted(what: &str, error: &KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed,
        ) => Error::Misconfigured(format!(
            "{what}: not authorized: {error}; see docs/operations.md for the ACLs that are needed"
        )),
        _ => Error::Interrupted(format!("{what}: {error}")),
    }
}

impl Broker for KafkaBroker {
    type Changelog = Reader;

    fn committed(
        &self,
        shard: ShardId,
        wait: Wait,
    ) -> Result<Option<Vec<Option<CommittedOffset>>>> {
        self.check_partition(shard)?;
        let timeout = match wait {
            // A broker that is slow to answer must not be taken for a transaction that is open.
            Wait::Short => SHORT_TIMEOUT + self.answered_in() * 4,
            Wait::Long => OFFSETS_TIMEOUT,
        };
        let clients = self.clients()?;
        self.warm_up(&clients);
        let inputs = 1..self.topics.inputs.len();
        let stable = |timeout| self.offsets(&clients.stable, shard, inputs.clone(), timeout);
        let glance = GLANCE_TIMEOUT + self.answered_in() * 4;
        let rest = match (wait, stable(glance.min(timeout))?) {
            (_, Some(rest)) => rest,
            // Nobody goes on with that transaction: no use waiting for it.
            (Wait::Short, None) if self.is_owner_gone(shard)? => return Ok(None),
            (_, None) => match stable(timeout.saturating_sub(glance))? {
                Some(rest) => rest,
                None => return Ok(None),
            },
        };
        let first = self.last_committed(shard)?;
        Ok(Some([vec![first], rest].concat()))
    }

    fn last_committed(&self, shard: ShardId) -> Result<Option<CommittedOffset>> {
        let clients = self.clients()?;
        let begun = Instant::now();
        let offsets = self.offsets(&clients.last, shard, 0..1, OFFSETS_TIMEOUT)?;
        let answered_in = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.answered_in_ms.store(answered_in, Ordering::Relaxed);
        let late = || Error::Interrupted("committed offsets: no answer in time".to_owned());
        Ok(offsets.ok_or_else(late)?.pop().flatten())
    }

    fn is_ours(&self, transactional_id: &str) -> bool {
        (0..self.lanes).any(|lane| self.transactional_id(lane) == transactional_id)
    }

    fn fence(&self, transactional_id: &str) -> Result<()> {
        self.fencings.fence(&self.connection, transactional_id)
    }

    fn former_id(&self, shard: ShardId) -> String {
        self.connection.former_transactional_id(shard)
    }

    fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>> {
        let client = self.client()?;
        let names: Vec<&str> = self.topics.inputs.iter().map(String::as_str).collect();
        let ids = native::topic_ids(&client, &names, TIMEOUT).map_err(|failure| {
            Error::Interrupted(format!("input topics {}: {failure}", names.join(", ")))
        })?;
        let log = |(name, topic_id): (&&str, String)| {
            Ok(InputLog { topic_id, bounds: Self::bounds(&client, name, shard)? })
        };
        names.iter().zip(ids).map(log).collect()
    }

    fn changelog(&self, shard: ShardId) -> Result<Reader> {
        let client = self.client()?;
        let topic = self.connection.changelog();
        let ids = native::topic_ids(&client, &[&topic], TIMEOUT).map_err(
            |failure| match failure.code {
                RDKafkaErrorCode::UnknownTopicOrPartition => Error::Misconfigured(format!(
                    "the changelog topic {topic} was deleted: restore it from a backup, or accept \
                     that open keys are lost and start over with `rollcall reset`"
                )),
                _ => Error::Interrupted(format!("{topic}: {failure}")),
            },
        )?;
        let topic_id = ids.into_iter().next().unwrap_or_default();
        let bounds = Self::bounds(&client, &topic, shard)?;
        let connection = Arc::clone(&self.connection);
        Ok(Reader::new(connection, &self.readers, topic, topic_id, shard, bounds))
    }
}
