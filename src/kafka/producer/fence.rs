//! Taking a shard over: its producer, and what keeps it from having one.

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
/// Where brokers keep the state of transactions.
const TRANSACTION_LOG: &str = "__transaction_state";

/// Fences every owner of the shard and settles its open transaction, without becoming one.
///
/// # Errors
/// When Kafka does not answer or refuses.
pub fn fence_all(connection: &Connection, shard: ShardId) -> Result<()> {
    let mut native = create(connection, shard, (0, usize::MAX))?;
    init_transactions(&mut native)
}

/// Makes the producer of a shard, with the largest record and the largest batch of records that it
/// may send, in bytes.
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
    // Asked for a coordinator while it is connected to no broker, librdkafka asks again only after
    // half a second. The first answer may make it connect again, by the name that brokers have for
    // themselves. What goes wrong here goes wrong below as well, and is reported there.
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

/// Says why there is no coordinator for transactions, as far as brokers that answer tell.
fn no_coordinator(native: &mut NativeProducer, failure: &Failure) -> Error {
    match native.find_topic(TRANSACTION_LOG, MEETING_TIMEOUT) {
        // It is made when it is asked for, which was long ago.
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
