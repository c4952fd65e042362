//! A shard's transactions on Kafka.

use std::time::{Duration, Instant};

use rdkafka::{Offset as KafkaOffset, TopicPartitionList, error::RDKafkaErrorCode};

use super::{
    Client, Connection, Topics,
    native::{Failure, GroupMetadata, Kept, NativeProducer, TopicHandle},
};
use crate::shard::{Error, Offset, Producer, Result, ShardId, Sink, Transaction};

/// Bounds every call of a commit; longer than the transaction may live at the broker.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
const FENCE_TIMEOUT: Duration = Duration::from_secs(30);
const MEETING_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The transactional producer of one shard; having it means that older owners are fenced.
pub struct ShardProducer {
    native: Kept<NativeProducer>,
    shard: ShardId,
    inputs: Vec<String>,
    changelog: TopicHandle,
    completed: TopicHandle,
    overdue: TopicHandle,
    dead_letter: TopicHandle,
}

impl ShardProducer {
    /// Fences every older owner of the shard and settles its open transaction.
    ///
    /// # Errors
    /// When Kafka does not answer or refuses.
    pub fn fence(connection: &Connection, topics: &Topics, shard: ShardId) -> Result<Self> {
        let mut native = create(connection, shard, topics.message_bytes_max)?;
        let changelog = native.topic(&connection.changelog());
        native.watch(changelog);
        let completed = native.topic(&topics.completed);
        let overdue = native.topic(&topics.overdue);
        let dead_letter = native.topic(&topics.dead_letter);
        init_transactions(&mut native)?;
        let inputs = topics.inputs.clone();
        Ok(Self { native, shard, inputs, changelog, completed, overdue, dead_letter })
    }

    /// Takes what the client has measured while nothing is committed.
    pub fn serve(&self) {
        self.native.serve(Duration::ZERO);
    }

    fn produce(&mut self, transaction: &Transaction) -> std::result::Result<(), Failure> {
        let partition = transaction.shard.0;
        self.native.produce_batch(self.changelog, partition, transaction.changes.iter())?;
        for output in &transaction.outputs {
            let (topic, partition) = match output.sink {
                // The key's partition by its hash, as for any consumer of the topic.
                Sink::Completed => (self.completed, None),
                Sink::Overdue => (self.overdue, None),
                Sink::DeadLetter => (self.dead_letter, None),
            };
            self.native.produce(
                topic,
                partition,
                output.key.as_deref(),
                output.value.as_deref(),
                output.timestamp_ms,
                output.all_headers(),
            )?;
        }
        Ok(())
    }

    /// The one place that says which offsets are committed and how.
    fn offsets(&self, transaction: &Transaction) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        let (full, brief) =
            (transaction.metadata.to_string(), transaction.metadata.brief().to_string());
        for (input, next) in &transaction.offsets {
            let mut entry = list.add_partition(&self.inputs[*input], transaction.shard.0);
            entry.set_offset(KafkaOffset::Offset(*next)).expect("offsets are not negative");
            entry.set_metadata(if *input == 0 { &full } else { &brief });
        }
        list
    }

    fn run(
        &mut self,
        transaction: &Transaction,
        group: &GroupMetadata,
    ) -> std::result::Result<Option<Offset>, Stage> {
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        self.native.begin().map_err(Stage::Lost)?;
        self.produce(transaction).map_err(Stage::Open)?;
        let offsets = self.offsets(transaction);
        let mut last = None;
        if !(transaction.changes.is_empty() && transaction.outputs.is_empty()) {
            // Not left to the commit, whose own flush waits at least 100 ms.
            let delivered = self.native.flush(COMMIT_TIMEOUT).map_err(|failure| {
                // Records that were dropped say only that they were; the next call says why.
                let cause = self.native.send_offsets(&offsets, group, COMMIT_TIMEOUT).err();
                Stage::Open(cause.unwrap_or(failure))
            });
            last = delivered?.watched_offset;
        }
        until(deadline, || self.native.send_offsets(&offsets, group, COMMIT_TIMEOUT))
            .map_err(Stage::Open)?;
        until(deadline, || self.native.commit(COMMIT_TIMEOUT)).map_err(|failure| {
            // An abortable error says that the transaction did not commit; any other says nothing.
            if failure.aborts { Stage::Open(failure) } else { Stage::Lost(failure) }
        })?;
        Ok(last.map(|offset| offset + 1))
    }
}

/// Fences every owner of the shard and settles its open transaction, without becoming one.
///
/// # Errors
/// When Kafka does not answer or refuses.
pub(super) fn fence_all(connection: &Connection, shard: ShardId) -> Result<()> {
    let mut native = create(connection, shard, 0)?;
    init_transactions(&mut native)
}

fn create(
    connection: &Connection,
    shard: ShardId,
    message_bytes_max: usize,
) -> Result<Kept<NativeProducer>> {
    let transactional_id = format!("{}-{shard}", connection.group);
    let config = connection.producer(&transactional_id, message_bytes_max);
    let native = NativeProducer::create(&config, connection.meter(Client::Producer))
        .map_err(Error::Misconfigured)?;
    Ok(connection.login.keep(native)?)
}

fn init_transactions(native: &mut NativeProducer) -> Result<()> {
    let deadline = Instant::now() + FENCE_TIMEOUT;
    // Asked for a coordinator while it is connected to no broker, librdkafka asks again only after
    // half a second. The first answer may make it connect anew, by the name that brokers have for
    // themselves. What goes wrong here goes wrong below as well, and is told there.
    for _ in 0..2 {
        let _ = native.meet_broker(MEETING_TIMEOUT);
    }
    until(deadline, || native.init_transactions(FENCE_TIMEOUT))
        .map_err(|failure| error(&failure, native))
}

/// How far a transaction had come when it failed.
enum Stage {
    /// It is still open and may be aborted.
    Open(Failure),
    /// What became of it is unknown, or there is none.
    Lost(Failure),
}

impl Producer for ShardProducer {
    type Authority = GroupMetadata;

    fn commit(
        &mut self,
        transaction: &Transaction,
        authority: &GroupMetadata,
    ) -> Result<Option<Offset>> {
        // Brokers accept generation -1 from anyone.
        if authority.generation() < 0 {
            return Err(Error::Fenced("this process is no member of the group".to_owned()));
        }
        debug_assert_eq!(transaction.shard, self.shard);
        match self.run(transaction, authority) {
            Ok(next) => Ok(next),
            Err(Stage::Lost(failure)) => Err(error(&failure, &self.native)),
            Err(Stage::Open(failure)) if failure.fatal => Err(error(&failure, &self.native)),
            Err(Stage::Open(failure)) => {
                // Asked first: an abort that fails as well would hide it.
                let cause = error(&failure, &self.native);
                match self.native.abort(COMMIT_TIMEOUT) {
                    Ok(()) if is_outdated(failure.code) => {
                        Err(Error::Outdated(failure.to_string()))
                    }
                    Ok(()) => Err(cause),
                    // A broker refuses to end a transaction that it never saw begin.
                    Err(_) if matches!(cause, Error::Misconfigured(_)) => Err(cause),
                    Err(abort) => {
                        tracing::debug!(shard = %self.shard, %cause, "aborting");
                        Err(error(&abort, &self.native))
                    }
                }
            }
        }
    }
}

/// Tells whether the group has moved on from the generation that was used.
fn is_outdated(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::StaleMemberEpoch
            | RDKafkaErrorCode::FencedMemberEpoch
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::RebalanceInProgress
    )
}

fn error(failure: &Failure, producer: &NativeProducer) -> Error {
    let fatal = producer.fatal_error();
    let failure = fatal.as_ref().unwrap_or(failure);
    match failure.code {
        RDKafkaErrorCode::Fenced
        | RDKafkaErrorCode::ProducerFenced
        | RDKafkaErrorCode::InvalidProducerEpoch
        | RDKafkaErrorCode::PurgeQueue => Error::Fenced(failure.to_string()),
        RDKafkaErrorCode::TransactionalIdAuthorizationFailed
        | RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::GroupAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed => Error::Misconfigured(format!(
            "not authorized: {failure}; see docs/operations.md for the ACLs that are needed"
        )),
        _ => Error::Interrupted(failure.to_string()),
    }
}

/// Repeats a call that may be repeated, until it succeeds, fails otherwise, or time is up.
fn until(
    deadline: Instant,
    mut call: impl FnMut() -> std::result::Result<(), Failure>,
) -> std::result::Result<(), Failure> {
    loop {
        match call() {
            Err(failure) if failure.retriable && !failure.aborts && Instant::now() < deadline => {
                std::thread::sleep(RETRY_INTERVAL);
            }
            result => return result,
        }
    }
}
