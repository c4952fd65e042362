//! Takes a shard over: creates its producer, and explains why that may fail.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;

use super::{MEETING_TIMEOUT, until};
use crate::{
    Client, Connection,
    native::{Failure, NativeProducer, TokenClient},
    refusal,
};
use rollcall_core::{
    record::ShardId,
    shard::{Error, Result},
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// The topic where brokers keep the state of transactions.
const TRANSACTION_LOG: &str = "__transaction_state";

/// Fences every owner of the shard and settles its open transaction, without becoming an owner.
///
/// # Errors
/// When Kafka does not answer or refuses.
pub fn fence_all(connection: &Connection, shard: ShardId) -> Result<()> {
    let mut native = create(connection, shard, (0, usize::MAX))?;
    init_transactions(&mut native)
}

/// Creates the producer of a shard, with the largest record and the largest batch that it may send,
/// in bytes.
pub(super) fn create(
    connection: &Connection,
    shard: ShardId,
    (message_bytes_max, batch_bytes_max): (usize, usize),
) -> Result<TokenClient<NativeProducer>> {
    let transactional_id = format!("{}-{shard}", connection.group);
    let config = connection.producer(&transactional_id, message_bytes_max, batch_bytes_max);
    let native = NativeProducer::create(&config, connection.meter(Client::Producer))
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
