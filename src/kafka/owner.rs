//! Whose consumer group it is, by what is committed in it: asked before a worker joins, since a member
//! with another object would take shards away from those that can run them.

use std::time::Duration;

use rdkafka::{TopicPartitionList, consumer::Consumer};

use super::{Connection, Topics, context::Context, unfit::Unfit};
use crate::shard::{Error, Identity, Metadata};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Checks that nothing in the group was committed by another object, or under other rules.
///
/// # Errors
/// The first field that differs, with the remedy; [`Error::Interrupted`] while no broker answers.
pub fn check_owner(
    connection: &Connection,
    topics: &Topics,
    identity: &Identity,
) -> Result<(), Unfit> {
    let mut config = connection.reader();
    // What is being committed now is of the same owner, and is not waited for.
    config.set("isolation.level", "read_uncommitted");
    let consumer = connection.consumer(&config, Context::default())?;
    let mut wanted = TopicPartitionList::new();
    for partition in 0..topics.partitions {
        wanted.add_partition(&topics.inputs[0], partition);
    }
    let committed = consumer
        .committed_offsets(wanted, TIMEOUT)
        .map_err(|error| Error::Interrupted(format!("committed offsets: {error}")))?;
    let metadata = committed.elements().into_iter().map(|entry| entry.metadata().to_owned());
    match metadata.filter_map(|text| mismatch(&text, identity)).next() {
        Some(unfit) => Err(unfit),
        None => Ok(()),
    }
}

fn mismatch(committed: &str, identity: &Identity) -> Option<Unfit> {
    let metadata: Metadata = committed.parse().unwrap_or_default();
    let mismatch = identity.mismatch(&metadata.identity?)?;
    let reason = if mismatch.field == "object" { "GroupTaken" } else { "ObjectChanged" };
    Some(Unfit { reason, error: Error::Misconfigured(mismatch.to_string()) })
}
