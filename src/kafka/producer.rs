//! A lane's transactions on Kafka.

mod cut;
mod fence;
mod rounds;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{Offset as KafkaOffset, TopicPartitionList, error::RDKafkaErrorCode};

pub use self::cut::LetterRoom;
pub(super) use self::fence::fence;
use self::{fence::Room, rounds::Rounds};
use super::{
    Connection, Topics,
    client::TRANSACTION_TIMEOUT,
    native::{Failure, GroupMetadata, NativeProducer, Outgoing, Sockets, TokenClient, TopicHandle},
    refusal::{self, Class},
};
use rollcall_core::{
    record::{Offset, ShardId, Sink},
    shard::{End, Error, Failed, Producer, Result, Transaction},
};

/// Timeout of every call of a commit; longer than the transaction may live on the broker.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
const MEETING_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The transactional producer of one lane.
pub struct LaneProducer {
    connection: Arc<Connection>,
    topics: Arc<Topics>,
    letters: Arc<LetterRoom>,
    transactional_id: String,
    sockets: Arc<Sockets>,
    /// `None` until it has its transactional id.
    client: Option<TransactionClient>,
}

/// A client that has a transactional id.
struct TransactionClient {
    native: TokenClient<NativeProducer>,
    changelog: TopicHandle,
    outputs: Vec<(Sink, TopicHandle)>,
}

impl LaneProducer {
    pub(super) fn new(
        connection: &Arc<Connection>,
        topics: &Arc<Topics>,
        letters: &Arc<LetterRoom>,
        lane: usize,
    ) -> Self {
        Self {
            connection: Arc::clone(connection),
            topics: Arc::clone(topics),
            letters: Arc::clone(letters),
            transactional_id: connection.transactional_id(lane),
            sockets: Arc::default(),
            client: None,
        }
    }

    /// Returns the sockets of the clients that this producer will have, one after the other.
    pub fn sockets(&self) -> Arc<Sockets> {
        Arc::clone(&self.sockets)
    }

    /// Handles the client's measurements while nothing is committed.
    pub fn serve(&self) {
        if let Some(client) = &self.client {
            client.native.serve(Duration::ZERO);
        }
    }

    /// Returns the longest time that brokers have throttled the client since the last call.
    pub fn take_throttled(&self) -> Duration {
        self.client.as_ref().map_or(Duration::ZERO, |client| client.native.take_throttled())
    }

    fn connect(&self) -> Result<TransactionClient> {
        let topics = &self.topics;
        let room = Room {
            message: topics.message_bytes_max,
            batch: topics.batch_bytes_max,
            partitions: usize::try_from(topics.partitions).unwrap_or(0),
        };
        let mut native =
            fence::create(&self.connection, &self.transactional_id, room, &self.sockets)?;
        let changelog = native.topic(&self.connection.changelog());
        native.watch(changelog);
        let outputs = topics.outputs().map(|(sink, topic)| (sink, native.topic(topic))).collect();
        fence::init_transactions(&mut native)?;
        Ok(TransactionClient { native, changelog, outputs })
    }

    /// Returns a part that has a record for an output without a topic.
    fn homeless(&self, parts: &[&Transaction]) -> Option<(ShardId, Sink)> {
        let mut outputs = parts
            .iter()
            .flat_map(|part| part.outputs.iter().map(|output| (part.shard, output.sink)));
        outputs.find(|(_, sink)| self.topics.output(*sink).is_none())
    }

    /// The only place that decides which offsets are committed and how.
    fn offsets(&self, parts: &[&Transaction]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for part in parts {
            let (full, brief) = (part.metadata.to_string(), part.metadata.brief().to_string());
            for (input, next) in &part.offsets {
                let mut entry = list.add_partition(&self.topics.inputs[*input], part.shard.0);
                entry.set_offset(KafkaOffset::Offset(*next)).expect("offsets are not negative");
                entry.set_metadata(if *input == 0 { &full } else { &brief });
            }
        }
        list
    }
}

impl TransactionClient {
    /// Commits the parts. Offsets first: a process whose shards were given to others is rejected
    /// before it writes anything.
    fn run(
        &mut self,
        parts: &[&Transaction],
        offsets: &TopicPartitionList,
        group: &GroupMetadata,
        letters: &LetterRoom,
        batch_bytes: usize,
    ) -> std::result::Result<Vec<Option<Offset>>, Stage> {
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        self.native.begin().map_err(Stage::Lost)?;
        until(deadline, || self.native.send_offsets(offsets, group, COMMIT_TIMEOUT))
            .map_err(Stage::Open)?;
        let mut rounds = Rounds::new(parts, batch_bytes);
        while rounds.go_on() {
            self.produce(&mut rounds, letters).map_err(Stage::Open)?;
            // Not left to the commit, whose own flush waits at least 100 ms.
            self.native.flush(COMMIT_TIMEOUT).map_err(|failure| {
                if !failure.is_secondary() {
                    return Stage::Open(failure);
                }
                // Dropped records only report that they were dropped; the next call reports the
                // cause.
                let cause = self.native.send_offsets(offsets, group, COMMIT_TIMEOUT).err();
                Stage::Open(cause.unwrap_or(failure))
            })?;
        }
        let end = |part: &&Transaction| {
            let last = self.native.delivered(part.shard.0).filter(|_| !part.changes.is_empty());
            last.map(|offset| offset + 1)
        };
        let ends: Vec<Option<Offset>> = parts.iter().map(end).collect();
        match until(deadline, || self.native.commit(COMMIT_TIMEOUT)) {
            Ok(()) => Ok(ends),
            // An abortable error means that the transaction did not commit; any other leaves the
            // outcome unknown.
            Err(failure) if failure.aborts => Err(Stage::Open(failure)),
            Err(failure) => Err(Stage::Ending(failure, ends)),
        }
    }

    /// Queues as much as a batch of each partition takes.
    fn produce(
        &mut self,
        rounds: &mut Rounds<'_>,
        letters: &LetterRoom,
    ) -> std::result::Result<(), Failure> {
        rounds.changes(|shard, changes| {
            self.native.produce_batch(self.changelog, shard.0, changes)
        })?;
        rounds.outputs(|number, output| {
            let topic = self.outputs.iter().find(|(sink, _)| *sink == output.sink);
            let Some(&(_, topic)) = topic else {
                return Err(Failure::of(RDKafkaErrorCode::UnknownTopic));
            };
            let shortened = letters.shortened(output);
            let output = shortened.as_ref().unwrap_or(output);
            let record = Outgoing {
                number,
                key: output.key.as_deref(),
                value: output.value.as_deref(),
                timestamp_ms: output.timestamp_ms,
            };
            // The partition is the hash of the key, as any consumer of the topic expects.
            self.native.produce(topic, None, record, output.all_headers())
        })
    }
}

/// How far a transaction had progressed when it failed.
enum Stage {
    /// It is still open and can be aborted.
    Open(Failure),
    /// Its outcome is unknown. Everything was written; holds where the changes end, by part.
    Ending(Failure, Vec<Option<Offset>>),
    /// There is no transaction.
    Lost(Failure),
}

impl Producer for LaneProducer {
    type Authority = GroupMetadata;

    fn commit(
        &mut self,
        parts: &[&Transaction],
        authority: &GroupMetadata,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed> {
        // Brokers accept generation -1 from anyone.
        if authority.generation() < 0 {
            let error = Error::Outdated("this process is no member of the group".to_owned());
            return Err(Failed { error, shard: None, end: End::Aborted });
        }
        if let Some((shard, sink)) = self.homeless(parts) {
            let name = sink.name();
            let error = Error::Misconfigured(format!("the object has no topic for {name} records"));
            return Err(Failed { error, shard: Some(shard), end: End::Aborted });
        }
        let offsets = self.offsets(parts);
        let Some(client) = &mut self.client else {
            let error = Error::Interrupted("the producer is not connected".to_owned());
            return Err(Failed { error, shard: None, end: End::Unknown(None) });
        };
        let begun = Instant::now();
        let batch_bytes = self.topics.batch_bytes_max;
        let result = client.run(parts, &offsets, authority, &self.letters, batch_bytes);
        let (failure, is_open, ends) = match result {
            Ok(ends) => return Ok(ends),
            Err(Stage::Open(failure)) => (failure, true, None),
            Err(Stage::Ending(failure, ends)) => (failure, false, Some(ends)),
            Err(Stage::Lost(failure)) => (failure, false, None),
        };
        let is_over = failure.fatal || client.native.fatal_error().is_some();
        // Evaluated first: an abort that also fails would hide the cause.
        let (error, shard) = self.judge(parts, failure, begun.elapsed());
        let client = self.client.as_mut().expect("it was just used");
        let aborts = is_open && !is_over;
        match aborts.then(|| client.native.abort(COMMIT_TIMEOUT)) {
            Some(Ok(())) => Err(Failed { error, shard, end: End::Aborted }),
            // A broker refuses to end a transaction that it never saw begin, or that it has ended
            // itself: the first error has the cause.
            None | Some(Err(_)) => {
                self.client = None;
                Err(Failed { error, shard, end: End::Unknown(ends) })
            }
        }
    }

    fn is_ready(&self) -> bool {
        self.client.is_some()
    }

    fn renew(&mut self) -> Result<()> {
        // The old client first: it would be fenced.
        self.client = None;
        self.client = Some(self.connect()?);
        Ok(())
    }
}

impl LaneProducer {
    /// Returns the error for a failed transaction that began `age` ago, and the shard whose part is
    /// the cause, if it is a single one.
    fn judge(
        &mut self,
        parts: &[&Transaction],
        failure: Failure,
        age: Duration,
    ) -> (Error, Option<ShardId>) {
        let fatal = self.client.as_ref().and_then(|client| client.native.fatal_error());
        let Failure { topic, partition, record, .. } = failure.clone();
        let mut failure = Failure { topic, partition, record, ..fatal.unwrap_or(failure) };
        let missing = match failure.code {
            // The client tells the coordinator of all partitions together, and sends nothing to any
            // of them before that is done: records for a topic that exists may be the first to time
            // out.
            RDKafkaErrorCode::MessageTimedOut => self.part_of_missing(parts, &mut failure),
            RDKafkaErrorCode::UnknownTopicOrPartition
                if self.part_of(parts, &failure).is_none() =>
            {
                self.part_of_missing(parts, &mut failure)
            }
            _ => None,
        };
        let part = missing.or_else(|| self.part_of(parts, &failure));
        let error = self.error(part, &failure, age);
        // Any of the parts may have records for a partition of an output. If it does not answer,
        // they all wait; what it rejects for good is one's own.
        let is_shared = failure.record.is_some() && matches!(error, Error::Interrupted(_));
        (error, part.filter(|_| !is_shared).map(|part| part.shard))
    }

    /// Finds out whether an output topic is missing, for failures that do not name it, and returns
    /// the first part that has a record for it.
    fn part_of_missing<'a>(
        &mut self,
        parts: &[&'a Transaction],
        failure: &mut Failure,
    ) -> Option<&'a Transaction> {
        let topics = Arc::clone(&self.topics);
        let native = &mut self.client.as_mut()?.native;
        for (sink, topic) in topics.outputs() {
            let has_record =
                |part: &&&Transaction| part.outputs.iter().any(|output| output.sink == sink);
            let Some(part) = parts.iter().find(has_record) else { continue };
            if missing(native, topic).is_some() {
                failure.topic = Some(topic.to_owned());
                return Some(*part);
            }
        }
        None
    }

    /// Returns the part that a rejected record belongs to.
    fn part_of<'a>(&self, parts: &[&'a Transaction], failure: &Failure) -> Option<&'a Transaction> {
        if let Some(number) = failure.record {
            return parts.get(rounds::part_of(number)).copied();
        }
        let is_changelog = failure.topic.as_ref() == Some(&self.connection.changelog());
        let partition = failure.partition.filter(|_| is_changelog)?;
        parts.iter().find(|part| part.shard.0 == partition).copied()
    }

    fn error(&mut self, part: Option<&Transaction>, failure: &Failure, age: Duration) -> Error {
        let (code, topic) = (failure.code, failure.topic.as_deref());
        let expires = code == RDKafkaErrorCode::InvalidTransactionalState
            || refusal::class(code) == Class::Fenced;
        if expires && age >= TRANSACTION_TIMEOUT {
            return Error::Oversized(format!(
                "it took {:.1} s, longer than transaction.timeout.ms = {}, so that the brokers \
                 have ended it: {failure}: raise the client's quota, or see what slows the brokers \
                 down",
                age.as_secs_f64(),
                TRANSACTION_TIMEOUT.as_millis()
            ));
        }
        if code == RDKafkaErrorCode::MessageTimedOut
            && let Some(name) = topic
            && let Some(client) = &mut self.client
            && let Some(code) = missing(&mut client.native, name)
        {
            return refusal::error(code, topic, &failure.to_string());
        }
        if let Some(part) = part
            && refusal::is_size(code)
            && self.is_alone(part, failure)
        {
            if self.letters.refused(part, failure) {
                return Error::Interrupted(format!(
                    "a dead letter is larger than its topic takes, and is cut: {failure}"
                ));
            }
            return refusal::too_large(topic, &failure.to_string());
        }
        refusal::error(code, topic, &failure.to_string())
    }

    /// Returns whether a single record is too large, as opposed to a batch of several.
    fn is_alone(&self, transaction: &Transaction, failure: &Failure) -> bool {
        let outputs = &transaction.outputs;
        match rounds::output_of(transaction, failure) {
            // The client rejects records one by one.
            _ if !failure.aborts => true,
            Some(output) => {
                let of_topic = outputs.iter().filter(|other| other.sink == output.sink);
                output.bytes() > self.topics.batch_bytes_max || of_topic.count() == 1
            }
            None => {
                let mut rows = transaction.changes.iter();
                rows.len() == 1
                    || rows.any(|(key, row)| key.len() + row.len() > self.topics.batch_bytes_max)
            }
        }
    }
}

/// Returns the error that makes a topic unusable until someone fixes it, if there is one.
fn missing(native: &mut NativeProducer, topic: &str) -> Option<RDKafkaErrorCode> {
    let found = native.find_topic(topic, MEETING_TIMEOUT).err()?;
    (refusal::class(found.code) == Class::Stopped).then_some(found.code)
}

/// Repeats a retriable call until it succeeds, fails otherwise, or the time is up.
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
