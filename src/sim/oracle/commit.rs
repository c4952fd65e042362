//! The changes of a transaction, as they appear in the logs.

use std::collections::BTreeMap;

use super::{
    super::{
        Setting,
        kafka::{Cluster, Topic, TopicPartition, TransactionId},
    },
    OUTPUTS, Told,
};
use rollcall_core::{
    codec,
    matching::Row,
    record::{InputIndex, Offset, ShardId, Timestamp},
    shard::CommittedOffset,
};

/// The changes of a transaction, or of a commit of offsets alone.
pub(super) struct Commit<'a> {
    pub(super) shard: ShardId,
    pub(super) transaction: Option<TransactionId>,
    pub(super) offsets: &'a [(ShardId, InputIndex, CommittedOffset)],
    /// The latest time that any process has seen.
    pub(super) wall_max_ms: Timestamp,
}

impl Commit<'_> {
    pub(super) fn changes(
        &self,
        cluster: &mut Cluster,
    ) -> Result<BTreeMap<Vec<u8>, (Offset, Row)>, String> {
        let mut changes = BTreeMap::new();
        let Some(transaction) = self.transaction else { return Ok(changes) };
        let place = TopicPartition { topic: Topic::Changelog, shard: self.shard };
        for (offset, message) in cluster.log(place).of_transaction(transaction) {
            let key = message.key.clone().unwrap_or_default();
            let row = match &message.value {
                Some(bytes) => codec::row::decode(bytes).map_err(|error| error.to_string())?,
                None => Row::default(),
            };
            if changes.insert(key, (offset, row)).is_some() {
                return Err("R-7: a transaction changes a row twice".to_owned());
            }
        }
        Ok(changes)
    }

    pub(super) fn outputs(&self, cluster: &mut Cluster) -> Told {
        let mut outputs = Told::new();
        let Some(transaction) = self.transaction else { return outputs };
        for (index, topic) in OUTPUTS.into_iter().enumerate() {
            let log = cluster.log(TopicPartition { topic, shard: self.shard });
            for (_, message) in log.of_transaction(transaction) {
                outputs.entry(message.key.clone()).or_default()[index].push((**message).clone());
            }
        }
        outputs
    }

    /// Judges how much the transaction holds. Deadlines and the last record may bring a few
    /// rows and outputs more than fill it.
    pub(super) fn is_bounded(
        &self,
        setting: &Setting,
        rows: usize,
        outputs: &Told,
    ) -> Result<(), String> {
        let most = setting.limits.transaction_records_max;
        let outputs: usize = outputs.values().flatten().map(Vec::len).sum();
        if rows + outputs > 2 * most + 8 {
            let shard = self.shard;
            return Err(format!(
                "R-7: shard {shard} commits {rows} rows and {outputs} outputs at a time, where \
                 {most} fill a transaction"
            ));
        }
        Ok(())
    }

    /// Returns when the transaction was taken: no output has a later timestamp, and wherever it
    /// matters, the latest timestamp of an output is that of the commit.
    pub(super) fn taken_at_ms(&self, outputs: &Told) -> Result<Timestamp, String> {
        let stamps = outputs.values().flatten().flatten().map(|message| message.timestamp_ms);
        let taken_at_ms = stamps.max().unwrap_or(self.wall_max_ms);
        if taken_at_ms > self.wall_max_ms {
            let (shard, max) = (self.shard, self.wall_max_ms);
            return Err(format!("R-3: shard {shard}: an output is of {taken_at_ms}, after {max}"));
        }
        Ok(taken_at_ms)
    }
}
