//! Finds what is committed for a shard, and ends the transaction that a former owner has left open.
//!
//! A transaction holds its offsets before it writes anything, so pending offsets are the sign of an
//! open one, and the offsets committed before them name its owner: each owner first commits a
//! claim, which names it and changes nothing else.

use crate::record::ShardId;
use crate::shard::{Broker, CommittedOffset, Error, Result, Wait};

/// Returns the committed offsets, once no transaction of another owner can change them any more.
///
/// # Errors
/// [`Error::Interrupted`] if a transaction holds the offsets and cannot be ended.
pub(in crate::shard) fn settled<B: Broker>(
    broker: &B,
    shard: ShardId,
) -> Result<Vec<Option<CommittedOffset>>> {
    if let Some(committed) = broker.committed(shard, Wait::Short)? {
        let last = committed.first().and_then(Option::as_ref);
        let has_owner = last.is_some_and(|last| last.metadata.owner.is_some());
        if has_owner || committed.iter().all(Option::is_none) {
            return Ok(committed);
        }
        // An older version has committed last. It writes rows before it sends their offsets, so it
        // may do so now. Once fenced, it cannot.
        broker.fence(&broker.former_id(shard))?;
        return stable(broker, shard, Wait::Long);
    }
    let last = broker.last_committed(shard)?;
    if let Some(owner) = last.and_then(|last| last.metadata.owner) {
        if broker.is_ours(&owner) {
            // It was sent in an earlier tenure, and ends by itself.
            return stable(broker, shard, Wait::Long);
        }
        tracing::info!(shard = shard.0, owner, "ending the transaction of the former owner");
        broker.fence(&owner)?;
        if let Some(committed) = broker.committed(shard, Wait::Short)? {
            return Ok(committed);
        }
    }
    // The transaction of an older version, which names no owner.
    broker.fence(&broker.former_id(shard))?;
    stable(broker, shard, Wait::Long)
}

/// Returns the committed offsets.
///
/// # Errors
/// [`Error::Interrupted`] if a transaction that holds them does not end in time.
pub(in crate::shard) fn stable<B: Broker>(
    broker: &B,
    shard: ShardId,
    wait: Wait,
) -> Result<Vec<Option<CommittedOffset>>> {
    broker.committed(shard, wait)?.ok_or_else(|| {
        Error::Interrupted(format!("shard {shard}: an open transaction holds the offsets"))
    })
}
