//! Takes a transactional id over: creates its producer, and explains why that may fail.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::error::RDKafkaErrorCode;

use super::{MEETING_TIMEOUT, until};
use crate::{
    Client, Connection,
    native::{Failure, NativeProducer, Sockets, TokenClient},
    refusal,
};
use rollcall_core::shard::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The topic where brokers keep the state of transactions.
const TRANSACTION_LOG: &str = "__transaction_state";

/// Takes a transactional id away from whoever has it, which ends its open transaction.
///
/// # Errors
/// When Kafka does not answer or refuses.
pub fn fence(connection: &Connection, transactional_id: &str) -> Result<()> {
    let mut native = create(
        connection,
        transactional_id,
        Room { message: 0, batch: usize::MAX, partitions: 0 },
        &Arc::default(),
    )?;
    init_transactions(&mut native)
}

/// The sizes that a producer has to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// The largest record that it may send, in bytes.
    pub message: usize,
    /// The largest batch that it may send, in bytes.
    pub batch: usize,
    /// The number of partitions of the changelog.
    pub partitions: usize,
}

/// Creates the producer of a transactional id.
pub(super) fn create(
    connection: &Connection,
    transactional_id: &str,
    room: Room,
    sockets: &Arc<Sockets>,
) -> Result<TokenClient<NativeProducer>> {
    let config = connection.producer(transactional_id, room.message, room.batch);
    let meter = connection.meter(Client::Producer);
    let native = NativeProducer::create(&config, meter, sockets, room.partitions)
        .map_err(Error::Misconfigured)?;
    Ok(connection.login.keep(native)?)
}

pub(super) fn init_transactions(native: &mut NativeProducer) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    // If librdkafka is asked for a coordinator while not connected to any broker, it retries only
    // after half a second. The first response may make it reconnect, under the name that brokers
    // advertise. An error here also occurs below, and is reported there.
    for _ in 0..2 {
        let _ = native.meet_broker(MEETING_TIMEOUT);
    }
    until(deadline, || native.init_transactions(TIMEOUT)).map_err(|failure| {
        let failure = native.fatal_error().unwrap_or(failure);
        match failure.code {
            RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::CoordinatorNotAvailable => {
                no_coordinator(native, &failure)
            }
            code => refusal::error(code, None, &failure.to_string()),
        }
    })
}

/// Returns why there is no coordinator for transactions, as far as brokers that answer report it.
fn no_coordinator(native: &mut NativeProducer, failure: &Failure) -> Error {
    match native.find_topic(TRANSACTION_LOG, MEETING_TIMEOUT) {
        // It is created on the first request, which was long ago.
        Err(Failure { code: RDKafkaErrorCode::UnknownTopicOrPartition, .. }) => {
            Error::Misconfigured(format!(
                "the brokers have no log of transactions ({TRANSACTION_LOG}) and cannot make one: \
                 {failure}: usually transaction.state.log.replication.factor of the brokers is \
                 more than there are brokers: start more, or lower it"
            ))
        }
        Err(Failure { code: RDKafkaErrorCode::LeaderNotAvailable, .. }) => {
            Error::Interrupted(format!(
                "a partition of {TRANSACTION_LOG} has no leader: {failure}: start the brokers that \
                 have its copies"
            ))
        }
        _ => Error::Interrupted(format!("no coordinator for transactions answers: {failure}")),
    }
}
