//! A shard's transactions on Kafka.

mod cut;
mod fence;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{Offset as KafkaOffset, TopicPartitionList, error::RDKafkaErrorCode};

pub use self::cut::LetterRoom;
pub(super) use self::fence::fence_all;
use super::{
    Connection, Topics,
    client::TRANSACTION_TIMEOUT,
    native::{Failure, GroupMetadata, NativeProducer, Outgoing, TokenClient, TopicHandle},
    refusal::{self, Class},
};
use rollcall_core::{
    record::{Offset, ShardId, Sink},
    shard::{Error, Producer, Result, Transaction, check},
};

/// Timeout of every call of a commit; longer than the transaction may live on the broker.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
const MEETING_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The transactional producer of one shard; having one means that older owners are fenced.
pub struct ShardProducer {
    native: TokenClient<NativeProducer>,
    shard: ShardId,
    inputs: Vec<String>,
    changelog: TopicHandle,
    completed: TopicHandle,
    overdue: TopicHandle,
    dead_letter: TopicHandle,
    /// Maximum size of a batch of several records.
    batch_bytes_max: usize,
    letters: Arc<LetterRoom>,
    /// How long the last commit took.
    took: Duration,
}

impl ShardProducer {
    /// Fences every older owner of the shard and settles its open transaction.
    ///
    /// # Errors
    /// When Kafka does not answer or refuses.
    pub fn fence(
        connection: &Connection,
        topics: &Topics,
        letters: &Arc<LetterRoom>,
        shard: ShardId,
    ) -> Result<Self> {
        let room = (topics.message_bytes_max, topics.batch_bytes_max);
        let mut native = fence::create(connection, shard, room)?;
        let changelog = native.topic(&connection.changelog());
        native.watch(changelog);
        let completed = native.topic(&topics.completed);
        let overdue = native.topic(&topics.overdue);
        let dead_letter = native.topic(&topics.dead_letter);
        fence::init_transactions(&mut native)?;
        let (inputs, batch_bytes_max) = (topics.inputs.clone(), topics.batch_bytes_max);
        let took = Duration::ZERO;
        Ok(Self {
            native,
            shard,
            inputs,
            changelog,
            completed,
            overdue,
            dead_letter,
            batch_bytes_max,
            letters: Arc::clone(letters),
            took,
        })
    }

    /// Handles the client's measurements while nothing is committed.
    pub fn serve(&self) {
        self.native.serve(Duration::ZERO);
    }

    /// Returns the longest time that brokers have throttled the client since the last call.
    pub fn take_throttled(&self) -> Duration {
        self.native.take_throttled()
    }

    /// Returns how long the last commit took.
    pub fn took(&self) -> Duration {
        self.took
    }

    fn produce(&mut self, transaction: &Transaction) -> std::result::Result<(), Failure> {
        let partition = transaction.shard.0;
        self.native.produce_batch(self.changelog, partition, transaction.changes.iter())?;
        for (number, output) in transaction.outputs.iter().enumerate() {
            let (topic, partition) = match output.sink {
                // The partition is the hash of the key, as any consumer of the topic expects.
                Sink::Completed => (self.completed, None),
                Sink::Overdue => (self.overdue, None),
                Sink::DeadLetter => (self.dead_letter, None),
            };
            let shortened = self.letters.shortened(output);
            let output = shortened.as_ref().unwrap_or(output);
            let record = Outgoing {
                number,
                key: output.key.as_deref(),
                value: output.value.as_deref(),
                timestamp_ms: output.timestamp_ms,
            };
            self.native.produce(topic, partition, record, output.all_headers())?;
        }
        Ok(())
    }

    /// The only place that decides which offsets are committed and how.
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
                if !failure.is_secondary() {
                    return Stage::Open(failure);
                }
                // Dropped records only report that they were dropped; the next call reports the
                // cause.
                let cause = self.native.send_offsets(&offsets, group, COMMIT_TIMEOUT).err();
                Stage::Open(cause.unwrap_or(failure))
            });
            last = delivered?;
        }
        until(deadline, || self.native.send_offsets(&offsets, group, COMMIT_TIMEOUT))
            .map_err(Stage::Open)?;
        until(deadline, || self.native.commit(COMMIT_TIMEOUT)).map_err(|failure| {
            // An abortable error means that the transaction did not commit; any other leaves the
            // outcome unknown.
            if failure.aborts { Stage::Open(failure) } else { Stage::Lost(failure) }
        })?;
        Ok(last.map(|offset| offset + 1))
    }
}

/// How far a transaction had progressed when it failed.
enum Stage {
    /// It is still open and can be aborted.
    Open(Failure),
    /// Its outcome is unknown, or there is no transaction.
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
        let (given, mine) = (transaction.shard, self.shard);
        check!(R4, given == mine, "shard {mine}'s producer has a transaction of shard {given}");
        let begun = Instant::now();
        let result = self.run(transaction, authority);
        self.took = begun.elapsed();
        let (failure, is_open) = match result {
            Ok(next) => return Ok(next),
            Err(Stage::Lost(failure)) => (failure, false),
            Err(Stage::Open(failure)) => (failure, true),
        };
        let is_over = failure.fatal || self.native.fatal_error().is_some();
        // Evaluated first: an abort that also fails would hide the cause.
        let error = self.judge(transaction, failure, self.took);
        let aborted = (is_open && !is_over).then(|| self.native.abort(COMMIT_TIMEOUT));
        match (error, aborted) {
            // Only a successful abort makes this certain.
            (Error::Outdated(why), Some(Ok(()))) => Err(Error::Outdated(why)),
            (Error::Outdated(_), Some(Err(abort))) => {
                Err(self.judge(transaction, abort, begun.elapsed()))
            }
            (Error::Outdated(why), None) => Err(Error::Interrupted(why)),
            // A broker refuses to end a transaction that it never saw begin, or that it has ended
            // itself: the first error has the cause.
            (error, _) => Err(error),
        }
    }
}

impl ShardProducer {
    /// Returns the error for a failed transaction that began `age` ago.
    fn judge(&mut self, transaction: &Transaction, failure: Failure, age: Duration) -> Error {
        let fatal = self.native.fatal_error();
        let failure = Failure { topic: failure.topic.clone(), ..fatal.unwrap_or(failure) };
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
            && let Err(found) = self.native.find_topic(name, MEETING_TIMEOUT)
            && refusal::class(found.code) == Class::Stopped
        {
            return refusal::error(found.code, topic, &failure.to_string());
        }
        if refusal::is_size(code) && self.is_alone(transaction, &failure) {
            if self.letters.refused(transaction, &failure) {
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
        match failure.record.and_then(|number| outputs.get(number)) {
            // The client rejects records one by one.
            _ if !failure.aborts => true,
            Some(output) => {
                let of_topic = outputs.iter().filter(|other| other.sink == output.sink);
                output.bytes() > self.batch_bytes_max || of_topic.count() == 1
            }
            None => {
                let mut rows = transaction.changes.iter();
                rows.len() == 1
                    || rows.any(|(key, row)| key.len() + row.len() > self.batch_bytes_max)
            }
        }
    }
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
