//! Determines from committed offsets which object a consumer group belongs to. Checked before a
//! worker joins, since a member with another object would take shards away from those that can run
//! them.

use std::time::Duration;

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use super::{Connection, Topics, context::Context, topic_error::TopicError};
use rollcall_core::shard::{Error, Identity, Metadata};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Checks that nothing in the group was committed by another object or under other rules.
///
/// # Errors
/// The first field that differs, with the remedy; [`Error::Interrupted`] while no broker answers.
pub fn check_owner(
    connection: &Connection,
    topics: &Topics,
    identity: &Identity,
) -> Result<(), TopicError> {
    let mut config = connection.reader();
    // What is being committed now has the same owner, so there is no need to wait for it.
    config.set("isolation.level", "read_uncommitted");
    let consumer = connection.consumer(&config, Context::default())?;
    let mut wanted = TopicPartitionList::new();
    for partition in 0..topics.partitions {
        wanted.add_partition(&topics.inputs[0], partition);
    }
    let committed = consumer
        .committed_offsets(wanted, TIMEOUT)
        .map_err(|error| Error::Interrupted(format!("committed offsets: {error}")))?;
    if committed.elements().iter().all(|entry| entry.offset() == Offset::Invalid) {
        warn_of_completions(connection, topics, &consumer);
    }
    let metadata = committed.elements().into_iter().map(|entry| entry.metadata().to_owned());
    match metadata.filter_map(|text| mismatch(&text, identity)).next() {
        Some(unfit) => Err(unfit),
        None => Ok(()),
    }
}

/// Warns if the group is new but completions already exist: the object has then probably run under
/// another group before, and its keys are completed again.
fn warn_of_completions(connection: &Connection, topics: &Topics, consumer: &BaseConsumer<Context>) {
    let has_records = |partition| {
        let found = consumer.fetch_watermarks(&topics.completed, partition, TIMEOUT);
        found.is_ok_and(|(start, end)| end > start)
    };
    if (0..topics.completed_partitions).any(has_records) {
        tracing::warn!(
            group = connection.group,
            topic = topics.completed,
            "this consumer group is new, but the topic of completions has records already: keys \
             whose input Kafka still has are completed again; if this object ran under another \
             spec.kafka.groupId before, set that one again, or spec.startFrom: latest"
        );
    }
}

fn mismatch(committed: &str, identity: &Identity) -> Option<TopicError> {
    let metadata: Metadata = committed.parse().unwrap_or_default();
    let mismatch = identity.mismatch(&metadata.identity?)?;
    let reason = match mismatch.field {
        "object" => "GroupTaken",
        "partitions" => "TopicsRepartitioned",
        _ => "ObjectChanged",
    };
    Some(TopicError { reason, error: Error::Misconfigured(mismatch.to_string()) })
}
