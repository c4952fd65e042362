//! Divides what a transaction writes into rounds: at most about one batch for each partition before
//! the next flush.
//!
//! An idempotent producer of librdkafka has one request for each partition under way. What is
//! queued beyond a batch makes its thread spin until the answer comes, which costs up to ten times
//! the CPU of the work itself on a cold or busy broker.

use std::iter::Peekable;

use crate::native::Failure;
use rollcall_core::{
    record::{Output, ShardId},
    shard::Transaction,
};

/// Records in a batch, as librdkafka limits them.
const RECORDS_MAX: usize = 10_000;
/// The overhead of a record in a batch, in bytes.
const OVERHEAD: usize = 20;

/// What is left of a transaction to write.
pub(super) struct Rounds<'a> {
    parts: Vec<Part<'a>>,
    bytes_max: usize,
}

/// A key and its row.
type Change<'a> = (&'a [u8], &'a [u8]);

struct Part<'a> {
    shard: ShardId,
    changes: Peekable<Box<dyn Iterator<Item = Change<'a>> + 'a>>,
    outputs: &'a [Output],
    /// The outputs before this one are done.
    next: usize,
}

impl<'a> Rounds<'a> {
    /// Divides what these parts write; a batch has at most `batch_bytes`.
    pub fn new(parts: &[&'a Transaction], batch_bytes: usize) -> Self {
        let part = |part: &&'a Transaction| {
            let changes: Box<dyn Iterator<Item = Change<'a>> + 'a> = Box::new(part.changes.iter());
            let (shard, outputs) = (part.shard, &part.outputs[..]);
            Part { shard, changes: changes.peekable(), outputs, next: 0 }
        };
        let bytes_max = batch_bytes.min(1_000_000) / 10 * 9;
        Self { parts: parts.iter().map(part).collect(), bytes_max }
    }

    /// Returns whether something is left to write.
    pub fn go_on(&mut self) -> bool {
        self.parts
            .iter_mut()
            .any(|part| part.changes.peek().is_some() || part.next < part.outputs.len())
    }

    /// Passes on the next changes of each part: those for one partition of the changelog.
    pub fn changes<E>(
        &mut self,
        mut write: impl FnMut(ShardId, &mut dyn Iterator<Item = Change<'a>>) -> Result<(), E>,
    ) -> Result<(), E> {
        for part in &mut self.parts {
            if part.changes.peek().is_none() {
                continue;
            }
            let mut left = Left::new(self.bytes_max);
            let changes = &mut part.changes;
            let mut next = std::iter::from_fn(|| {
                changes.next_if(|(key, row)| left.take(key.len() + row.len()))
            });
            write(part.shard, &mut next)?;
        }
        Ok(())
    }

    /// Passes on the next outputs with their numbers. All parts share the partitions of an output.
    pub fn outputs<E>(
        &mut self,
        mut write: impl FnMut(usize, &'a Output) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut left = Left::new(self.bytes_max);
        for (index, part) in self.parts.iter_mut().enumerate() {
            while let Some(output) = part.outputs.get(part.next)
                && left.take(output.bytes())
            {
                write(number_of(index, part.next), output)?;
                part.next += 1;
            }
        }
        Ok(())
    }
}

/// The rest of a batch.
struct Left {
    records: usize,
    bytes: usize,
    is_empty: bool,
}

impl Left {
    fn new(bytes: usize) -> Self {
        Self { records: RECORDS_MAX, bytes, is_empty: true }
    }

    /// Returns whether a record still fits, and counts it. One fits in any case.
    fn take(&mut self, bytes: usize) -> bool {
        let bytes = bytes + OVERHEAD;
        let fits = self.records > 0 && bytes <= self.bytes;
        if !fits && !self.is_empty {
            return false;
        }
        self.is_empty = false;
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }
}

const INDEX_BITS: u32 = 40;

/// Returns the number under which an output is sent.
fn number_of(part: usize, output: usize) -> usize {
    part << INDEX_BITS | output
}

/// Returns the position of the part that the output with this number belongs to.
pub(super) fn part_of(number: usize) -> usize {
    number >> INDEX_BITS
}

/// Returns the output of a part that was rejected, if one was.
pub(super) fn output_of<'a>(part: &'a Transaction, failure: &Failure) -> Option<&'a Output> {
    let index = failure.record? & ((1 << INDEX_BITS) - 1);
    part.outputs.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::{
        record::Sink,
        shard::{Batch, Metadata},
    };

    fn part(shard: i32, rows: &[usize], outputs: usize) -> Transaction {
        let mut changes = Batch::default();
        for (key, bytes) in rows.iter().enumerate() {
            changes.push(key.to_string().as_bytes(), &vec![1; *bytes]);
        }
        let output = Output {
            sink: Sink::Completed,
            key: Some(vec![b'k'; 30]),
            value: None,
            timestamp_ms: 0,
            headers: Vec::new(),
            carried: None,
        };
        Transaction {
            shard: ShardId(shard),
            changes,
            outputs: vec![output; outputs],
            offsets: Vec::new(),
            metadata: Metadata::default(),
        }
    }

    /// The number of changes of each shard, and the numbers of the outputs.
    type Round = (Vec<(i32, usize)>, Vec<usize>);

    /// Returns what each round has.
    fn rounds(parts: &[Transaction], batch_bytes: usize) -> Vec<Round> {
        let parts: Vec<&Transaction> = parts.iter().collect();
        let mut rounds = Rounds::new(&parts, batch_bytes);
        let mut all = Vec::new();
        while rounds.go_on() {
            let (mut changes, mut outputs) = (Vec::new(), Vec::new());
            let written: Result<(), ()> = rounds.changes(|shard, next| {
                changes.push((shard.0, next.count()));
                Ok(())
            });
            written.expect("nothing fails");
            let written: Result<(), ()> = rounds.outputs(|number, _| {
                outputs.push(number);
                Ok(())
            });
            written.expect("nothing fails");
            all.push((changes, outputs));
        }
        all
    }

    #[test]
    fn a_round_has_one_batch_for_each_partition() {
        let parts = [part(3, &[50, 50, 50], 0), part(5, &[10], 0)];
        assert_eq!(rounds(&parts, 200), [(vec![(3, 2), (5, 1)], vec![]), (vec![(3, 1)], vec![])]);
    }

    #[test]
    fn a_record_that_is_larger_than_a_batch_is_sent_alone() {
        let parts = [part(3, &[5_000, 5_000], 0)];
        assert_eq!(rounds(&parts, 200), [(vec![(3, 1)], vec![]), (vec![(3, 1)], vec![])]);
    }

    #[test]
    fn outputs_of_all_parts_share_a_batch_and_their_numbers_tell_whose_they_are() {
        let parts = [part(3, &[], 3), part(5, &[], 1)];
        let all = rounds(&parts, 180);
        let numbers: Vec<Vec<usize>> = all.into_iter().map(|(_, outputs)| outputs).collect();
        assert_eq!(numbers, [vec![0, 1, 2], vec![number_of(1, 0)]]);
        assert_eq!(part_of(numbers[1][0]), 1);
        let mut failure = Failure::of(rdkafka::error::RDKafkaErrorCode::MessageSizeTooLarge);
        failure.record = Some(numbers[0][2]);
        assert!(output_of(&parts[0], &failure).is_some());
    }

    #[test]
    fn a_transaction_of_offsets_alone_has_no_rounds() {
        assert!(rounds(&[part(3, &[], 0)], 200).is_empty());
    }
}
