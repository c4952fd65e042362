//! Detects inputs that cannot be read to their end because another producer has left a transaction
//! open.

use std::collections::BTreeMap;

use super::{
    query::time,
    troubles::{Concern, Severity, Troubles},
    view::ShardView,
};
use rollcall_core::{
    record::{ShardId, Timestamp},
    shard::Hidden,
};

/// A transaction that is open for longer is reported. By default, brokers abort a producer's
/// transaction after a minute.
const OPEN_MAX_MS: Timestamp = 120_000;

/// The reason of the trouble, see docs/operations.md.
const REASON: &str = "TransactionOpen";

/// What an open transaction hides in an input partition.
type Open<'a> = (Hidden, &'a str, ShardId);

/// Checks the shards' reports, and reports the transaction that has been open for longest, if that
/// is too long.
pub fn watch(
    troubles: &Troubles,
    topics: &[String],
    shards: &BTreeMap<ShardId, ShardView>,
    wall_ms: Timestamp,
) {
    let mut open = Vec::new();
    for (shard, view) in shards.iter().filter(|(_, view)| view.is_ours()) {
        let inputs = topics.iter().zip(view.report.iter().flat_map(|report| &report.hidden));
        open.extend(inputs.filter_map(|(topic, hidden)| Some(((*hidden)?, &topic[..], *shard))));
    }
    judge(troubles, open, wall_ms);
}

fn judge(troubles: &Troubles, mut open: Vec<Open<'_>>, wall_ms: Timestamp) {
    open.retain(|(hidden, ..)| wall_ms.saturating_sub(hidden.since_ms) > OPEN_MAX_MS);
    let Some((hidden, topic, shard)) = open.iter().min_by_key(|(hidden, ..)| hidden.since_ms)
    else {
        troubles.resolve(Concern::Inputs);
        return;
    };
    let others = match open.len() - 1 {
        0 => String::new(),
        1 => ", and so it is in 1 other partition".to_owned(),
        more => format!(", and so it is in {more} other partitions"),
    };
    let since = time(hidden.since_ms);
    let from = hidden.from;
    troubles.report(
        Concern::Inputs,
        Severity::Degraded,
        REASON,
        &format!(
            "{topic} partition {shard}: a producer's transaction is open since {since} or \
             longer{others}: nothing can be read from offset {from} on, and no deadline of the \
             partition fires; if its producer is gone, find the transaction with \
             `kafka-transactions.sh find-hanging` and end it with `kafka-transactions.sh abort \
             --topic {topic} --partition {shard} --start-offset {from}`"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_stays_open_is_reported_until_it_ends() {
        let troubles = Troubles::default();
        let look = |open: &[Open<'_>], wall_ms| {
            judge(&troubles, open.to_vec(), wall_ms);
            troubles.first()
        };
        let older = (Hidden { from: 42, since_ms: 1_000 }, "manufactured", ShardId(3));
        let newer = (Hidden { from: 7, since_ms: 1_001 }, "orders", ShardId(3));
        assert_eq!(look(&[newer, older], 121_000), None, "it may end by itself");
        let trouble = look(&[newer, older], 121_001).expect("it is reported");
        assert_eq!(trouble.reason, REASON);
        for part in ["manufactured partition 3", "1970-01-01T00:00:01", "--start-offset 42"] {
            assert!(trouble.message.contains(part), "{}", trouble.message);
        }
        let trouble = look(&[newer, older], 200_000).expect("it is reported");
        assert!(trouble.message.contains("1 other partition"), "{}", trouble.message);
        assert_eq!(troubles.unready(), None);
        assert_eq!(look(&[], 200_000), None);
    }
}
