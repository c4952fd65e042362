//! Where the inputs of a shard continue: at the committed offsets, if they match the existing
//! topics.
//!
//! Promise: nothing is silently skipped or read again. Missing offsets are those of a new group
//! only if the shard has never processed anything.

use crate::record::Offset;
use crate::shard::{
    Bounds, CommittedOffset, Error, InputLog, OnTruncation, Opening, Position, Result, StartFrom,
};

/// Where the inputs continue.
pub(in crate::shard) struct Start {
    /// First offset to process, by input.
    pub next: Vec<Offset>,
    /// The incarnations of the existing input topics, by input.
    pub topic_ids: Vec<String>,
    /// Input records that were deleted before they were read.
    pub lost_records: u64,
    /// Inputs whose topic has been recreated since.
    pub recreated_inputs: u64,
    /// It differs from what is committed.
    pub differs: bool,
}

impl Start {
    /// Finds where to continue; `changelog` tells whether the shard has ever processed anything.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for input that is gone, recreated topics, and missing offsets, with
    /// the remedy.
    pub fn find(
        opening: &Opening<'_>,
        committed: &[Option<CommittedOffset>],
        inputs: Vec<InputLog>,
        changelog: Bounds,
    ) -> Result<Self> {
        // All of them are from the same moment, so the first that has positions will do.
        let told = committed.iter().flatten().map(|offset| &offset.metadata.positions);
        let positions = told.into_iter().find(|told| told.len() == inputs.len());
        let is_new = committed.iter().all(Option::is_none) && changelog.end == 0;
        let mut start = Self {
            next: Vec::with_capacity(inputs.len()),
            topic_ids: Vec::with_capacity(inputs.len()),
            lost_records: 0,
            recreated_inputs: 0,
            differs: committed.iter().any(Option::is_none),
        };
        for (input, (log, offset)) in inputs.into_iter().zip(committed).enumerate() {
            let position = positions.map(|positions| &positions[input]);
            let partition = Partition { opening, topic: &opening.plan.topics[input], log: &log };
            let next = match (offset, position) {
                (None, None) if is_new => partition.first(),
                (None, None) => return Err(partition.offset_lost()),
                (Some(offset), _) => partition.go_on(offset.next, position, &mut start)?,
                (None, Some(position)) => {
                    partition.go_on(position.next, Some(position), &mut start)?
                }
            };
            start.next.push(next);
            start.topic_ids.push(log.topic_id);
        }
        Ok(start)
    }
}

/// One input's partition, as far as its start position is concerned.
struct Partition<'a> {
    opening: &'a Opening<'a>,
    topic: &'a str,
    log: &'a InputLog,
}

impl Partition<'_> {
    /// Returns where a new group starts.
    fn first(&self) -> Offset {
        match self.opening.plan.start_from {
            StartFrom::Earliest => self.log.bounds.start,
            StartFrom::Latest => self.log.bounds.end,
        }
    }

    fn go_on(
        &self,
        next: Offset,
        position: Option<&Position>,
        start: &mut Start,
    ) -> Result<Offset> {
        let Bounds { start: first, end } = self.log.bounds;
        let on_truncation = self.opening.plan.on_truncation;
        let (topic, shard) = (self.topic, self.opening.shard);
        if let Some(position) = position
            && is_another(&position.topic_id, &self.log.topic_id)
        {
            if on_truncation == OnTruncation::Stop {
                return Err(self.recreated(position, next));
            }
            tracing::warn!(
                shard = shard.0,
                topic,
                next,
                "the topic was deleted and made again: going on from its start"
            );
            start.recreated_inputs += 1;
            start.differs = true;
            return Ok(first);
        }
        if self.log.bounds.contains(next) {
            return Ok(next);
        }
        match on_truncation {
            OnTruncation::Continue => {
                let lost = u64::try_from(first - next).unwrap_or(0);
                tracing::warn!(
                    shard = shard.0,
                    topic,
                    next,
                    first,
                    lost,
                    "input was deleted before it was read: going on from what is left"
                );
                start.lost_records += lost;
                start.differs = true;
                Ok(first)
            }
            OnTruncation::Stop if next < first => Err(Error::Misconfigured(format!(
                "{topic} partition {shard}: input was deleted before it was read: offset {next} is \
                 next, the log starts at {first}; {} offsets are lost; set `spec.onTruncation: \
                 continue` to accept the loss, and give the topic a longer retention",
                first - next
            ))),
            OnTruncation::Stop => Err(Error::Misconfigured(format!(
                "{topic} partition {shard}: offset {next} is next, but the log ends at {end}: the \
                 topic was recreated or lost data; set `spec.onTruncation: continue` to go on from \
                 its start"
            ))),
        }
    }

    fn recreated(&self, position: &Position, next: Offset) -> Error {
        let (topic, shard) = (self.topic, self.opening.shard);
        Error::Misconfigured(format!(
            "{topic} partition {shard}: the topic was deleted and recreated: what was read up to \
             offset {next} belongs to topic id {}, the topic there now is {}; records of the \
             former one that were not read are lost; set `spec.onTruncation: continue` to accept \
             that and to read the new one from its start",
            position.topic_id, self.log.topic_id
        ))
    }

    fn offset_lost(&self) -> Error {
        let (topic, shard) = (self.topic, self.opening.shard);
        Error::Misconfigured(format!(
            "{topic} partition {shard}: no offset is committed, but this shard has been at work: \
             the brokers have dropped it (offsets.retention.minutes) or another tool has deleted \
             it, and going on from anywhere would skip records or send completions again; stop all \
             workers and set it (kafka-consumer-groups.sh --topic {topic}:{shard} --reset-offsets \
             …), or start over with `rollcall reset`; see \"Offsets lost\" in docs/operations.md"
        ))
    }
}

/// Returns whether two ids belong to different topics; brokers before 2.8 do not assign ids.
fn is_another(committed: &str, there: &str) -> bool {
    !committed.is_empty() && !there.is_empty() && committed != there
}
