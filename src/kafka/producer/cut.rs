//! Dead letters that are too large for their topic.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::rounds::output_of;
use crate::native::Failure;
use rollcall_core::{
    record::{Output, Sink},
    shard::Transaction,
};

/// How large dead letters may be, as learned from rejections: their topic may accept less than it
/// did when the worker started. A larger one is sent without its record's value and headers.
///
/// Shared by the producers of all shards: a producer that had a record rejected cannot be used any
/// more, since librdkafka loses count of the records that were aborted with it.
#[derive(Debug)]
pub struct LetterRoom(AtomicUsize);

impl Default for LetterRoom {
    fn default() -> Self {
        Self(AtomicUsize::new(usize::MAX))
    }
}

impl LetterRoom {
    /// Records the rejection of a single record that is too large. Returns `false` if it is not a
    /// dead letter, or was already cut.
    pub(super) fn refused(&self, transaction: &Transaction, failure: &Failure) -> bool {
        let record = output_of(transaction, failure);
        let letter = record.filter(|output| output.sink == Sink::DeadLetter);
        let Some(bytes) = letter.map(Output::bytes) else { return false };
        bytes < self.0.fetch_min(bytes, Ordering::Relaxed)
    }

    /// Returns what is sent instead of `output`, if it has to be shortened.
    pub(super) fn shortened(&self, output: &Output) -> Option<Output> {
        let is_cut =
            output.sink == Sink::DeadLetter && output.bytes() >= self.0.load(Ordering::Relaxed);
        is_cut.then(|| {
            let mut headers = output.headers.clone();
            let mut note = |name: &'static str, size: usize| {
                if size > 0 && headers.iter().all(|(other, _)| *other != name) {
                    headers.push((name, size.to_string()));
                }
            };
            note("rollcall-truncated", output.value.as_ref().map_or(0, Vec::len));
            let carried = output.carried.as_ref().map_or(0, |carried| carried.headers.len());
            note("rollcall-truncated-headers", carried);
            let (key, timestamp_ms) = (output.key.clone(), output.timestamp_ms);
            Output { sink: output.sink, key, value: None, timestamp_ms, headers, carried: None }
        })
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;
    use rollcall_core::{
        record::ShardId,
        shard::{Batch, Metadata},
    };

    fn letter(bytes: usize) -> Output {
        Output {
            sink: Sink::DeadLetter,
            key: Some(b"o-1".to_vec()),
            value: Some(vec![b'x'; bytes]),
            timestamp_ms: 7,
            headers: vec![("rollcall-reason", "wrong-type".to_owned())],
            carried: None,
        }
    }

    fn transaction(outputs: Vec<Output>) -> Transaction {
        Transaction {
            shard: ShardId(0),
            changes: Batch::default(),
            outputs,
            offsets: Vec::new(),
            metadata: Metadata::default(),
        }
    }

    fn refusal(record: usize) -> Failure {
        let mut failure = Failure::of(RDKafkaErrorCode::MessageSizeTooLarge);
        failure.record = Some(record);
        failure
    }

    #[test]
    fn a_dead_letter_that_is_too_large_goes_out_without_its_value_and_says_so() {
        let transaction = transaction(vec![letter(10), letter(5_000)]);
        let room = LetterRoom::default();
        assert_eq!(room.shortened(&transaction.outputs[1]), None);
        assert!(room.refused(&transaction, &refusal(1)));
        assert_eq!(room.shortened(&transaction.outputs[0]), None);
        let short = room.shortened(&transaction.outputs[1]).expect("it is too large");
        assert_eq!((short.key.as_deref(), short.value.as_ref()), (Some(&b"o-1"[..]), None));
        assert!(short.headers.contains(&("rollcall-truncated", "5000".to_owned())));
        assert!(!room.refused(&transaction, &refusal(1)), "there is nothing more to cut");
    }

    #[test]
    fn completions_are_never_cut() {
        let completion = Output { sink: Sink::Completed, ..letter(5_000) };
        let transaction = transaction(vec![completion]);
        assert!(!LetterRoom::default().refused(&transaction, &refusal(0)));
    }
}
