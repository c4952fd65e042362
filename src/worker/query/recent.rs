//! The last outputs of each shard, for people to look at.
//!
//! Promise: a commit costs the lane a look at each output and at most [`OF_SHARD_MAX`] moves of
//! each kind; nothing is copied except the part of a dead letter that is kept. The memory is
//! bounded, whatever the number of shards.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard},
};

use super::story::{text, time};
use rollcall_core::{
    record::{Output, ShardId, Sink, Timestamp},
    text::escape,
};
use rollcall_service::{
    http,
    state_api::{RecentKind, RecentPage, RecentRecord},
};

/// Number of outputs of each kind that are kept for each shard.
const OF_SHARD_MAX: usize = 50;
/// Number of outputs of each kind that are kept for all shards together, and their bytes. A page
/// shows 200.
const KEPT_MAX: usize = 1_000;
const KEPT_BYTES_MAX: usize = 2 << 20;
/// Most bytes that are kept of a value or a key.
const VALUE_BYTES_MAX: usize = 4 << 10;
const KEY_BYTES_MAX: usize = 512;
/// Most bytes that are shown in hexadecimal.
const HEX_BYTES_MAX: usize = 1 << 10;
/// Most bytes that are kept of the record's own headers.
const HEADERS_BYTES_MAX: usize = 2 << 10;

/// Whether the values of records are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    Told,
    Withheld,
}

/// The last outputs of each shard.
#[derive(Default)]
pub struct Recent(Mutex<Kinds>);

#[derive(Default)]
struct Kinds {
    completions: Outputs,
    overdue: Outputs,
    dead_letters: Outputs,
    failed: Outputs,
    cancelled: Outputs,
}

/// The last outputs of one kind.
#[derive(Default)]
struct Outputs {
    /// In the order of their commits.
    kept: BTreeMap<u64, Kept>,
    /// Those of each shard.
    of_shard: BTreeMap<ShardId, VecDeque<u64>>,
    bytes: usize,
    next: u64,
}

struct Kept {
    shard: ShardId,
    output: Output,
    value_bytes: Option<u64>,
    committed_at_ms: Timestamp,
}

impl Recent {
    /// Keeps the last of the outputs that a shard has committed.
    pub fn keep(&self, shard: ShardId, outputs: Vec<Output>, committed_at_ms: Timestamp) {
        if outputs.is_empty() {
            return;
        }
        let mut kinds = self.lock();
        let mut completions =
            outputs.iter().filter(|output| output.sink == Sink::Completed).count();
        for output in outputs {
            if output.sink == Sink::Completed {
                completions -= 1;
                if completions >= OF_SHARD_MAX {
                    continue;
                }
            }
            kinds.of(kind(output.sink)).keep(shard, output, committed_at_ms);
        }
    }

    /// Drops the outputs of a shard that another worker has now.
    pub fn forget(&self, shard: ShardId) {
        let mut kinds = self.lock();
        for kind in RecentKind::ALL {
            kinds.of(kind).forget(shard);
        }
    }

    /// Returns the last outputs of one kind from all shards, the newest first.
    pub fn page(&self, kind: RecentKind, limit: usize, payload: Payload) -> RecentPage {
        let mut kinds = self.lock();
        let mut kept: Vec<&Kept> = kinds.of(kind).kept.values().rev().collect();
        // Stable: outputs of one commit stay in their order.
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.committed_at_ms));
        kept.truncate(limit);
        let mut records: Vec<RecentRecord> =
            kept.into_iter().map(|kept| kept.record(payload)).collect();
        // What does not fit on a page of this size fits on a smaller one.
        http::fit(&mut records);
        RecentPage { kind, records }
    }

    /// Returns Rollcall's own headers of the last dead letter for `reason` from `topic`; empty if
    /// it is not among those kept.
    pub fn letter(&self, topic: &str, reason: &str) -> Vec<(&'static str, String)> {
        let kinds = self.lock();
        let is = |output: &Output, name, value| {
            output.headers.iter().any(|(own, text)| *own == name && text == value)
        };
        let fitting = kinds.dead_letters.kept.values().filter(|kept| {
            is(&kept.output, "rollcall-reason", reason)
                && is(&kept.output, "rollcall-source-topic", topic)
        });
        let last = fitting.max_by_key(|kept| kept.committed_at_ms);
        last.map(|kept| kept.output.headers.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Kinds> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Kinds {
    fn of(&mut self, kind: RecentKind) -> &mut Outputs {
        match kind {
            RecentKind::Completions => &mut self.completions,
            RecentKind::Overdue => &mut self.overdue,
            RecentKind::DeadLetters => &mut self.dead_letters,
            RecentKind::Failed => &mut self.failed,
            RecentKind::Cancelled => &mut self.cancelled,
        }
    }
}

impl Outputs {
    fn keep(&mut self, shard: ShardId, mut output: Output, committed_at_ms: Timestamp) {
        let value_bytes = output.value.as_ref().map(|value| value.len() as u64);
        cut(&mut output.value, VALUE_BYTES_MAX);
        cut(&mut output.key, KEY_BYTES_MAX);
        if let Some(carried) = &mut output.carried {
            let mut room = HEADERS_BYTES_MAX;
            carried.headers.retain(|(name, value)| {
                let bytes = name.len() + value.as_ref().map_or(0, Vec::len);
                let kept = bytes <= room;
                room -= if kept { bytes } else { 0 };
                kept
            });
            carried.headers.shrink_to_fit();
        }
        self.bytes += output.bytes();
        let number = self.next;
        self.next += 1;
        self.kept.insert(number, Kept { shard, output, value_bytes, committed_at_ms });
        let own = self.of_shard.entry(shard).or_default();
        own.push_back(number);
        if own.len() > OF_SHARD_MAX {
            self.drop_oldest(shard);
        }
        while self.kept.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.kept.values().next() else { break };
            self.drop_oldest(oldest.shard);
        }
    }

    fn drop_oldest(&mut self, shard: ShardId) {
        let Some(own) = self.of_shard.get_mut(&shard) else { return };
        let oldest = own.pop_front().and_then(|number| self.kept.remove(&number));
        self.bytes -= oldest.map_or(0, |kept| kept.output.bytes());
    }

    fn forget(&mut self, shard: ShardId) {
        for number in self.of_shard.remove(&shard).unwrap_or_default() {
            self.bytes -= self.kept.remove(&number).map_or(0, |kept| kept.output.bytes());
        }
    }
}

/// Frees the memory of what is cut off.
fn cut(bytes: &mut Option<Vec<u8>>, bytes_max: usize) {
    if let Some(bytes) = bytes.as_mut().filter(|bytes| bytes.len() > bytes_max) {
        bytes.truncate(bytes_max);
        bytes.shrink_to_fit();
    }
}

impl Kept {
    fn record(&self, payload: Payload) -> RecentRecord {
        let Output { key, value, timestamp_ms, headers, carried, .. } = &self.output;
        let told = value.as_ref().filter(|_| payload == Payload::Told);
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        // Headers written by others are part of the record's content.
        let carried = carried.iter().filter(|_| payload == Payload::Told);
        let carried = carried.flat_map(|carried| &carried.headers);
        let carried = carried
            .map(|(name, value)| (name.clone(), value.as_deref().map(text).unwrap_or_default()));
        RecentRecord {
            shard: self.shard.0.unsigned_abs(),
            key: key.as_deref().map(text),
            key_hex: key.as_deref().and_then(|key| escape::hex(key, HEX_BYTES_MAX)),
            timestamp: time(*timestamp_ms),
            committed_at: time(self.committed_at_ms),
            headers: own.chain(carried).collect(),
            value: told.map(|value| text(value)),
            value_hex: told.and_then(|value| escape::hex(value, HEX_BYTES_MAX)),
            value_bytes: self.value_bytes,
        }
    }
}

/// Returns the kind under which an output is shown.
fn kind(sink: Sink) -> RecentKind {
    match sink {
        Sink::Completed => RecentKind::Completions,
        Sink::Overdue => RecentKind::Overdue,
        Sink::DeadLetter => RecentKind::DeadLetters,
        Sink::Failed => RecentKind::Failed,
        Sink::Cancelled => RecentKind::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_core::record::{Carried, Header};

    fn output(sink: Sink, key: usize, value: &[u8]) -> Output {
        let key = Some(key.to_string().into_bytes());
        Output {
            sink,
            key,
            value: Some(value.to_vec()),
            timestamp_ms: 7,
            headers: vec![],
            carried: None,
        }
    }

    fn keys(page: &RecentPage) -> Vec<&str> {
        page.records.iter().map(|record| record.key.as_deref().expect("all have keys")).collect()
    }

    #[test]
    fn the_last_completions_are_kept_however_many_there_are() {
        let recent = Recent::default();
        let outputs = (0..10_000).map(|key| output(Sink::Completed, key, b"{}")).collect();
        recent.keep(ShardId(0), outputs, 1);
        recent.keep(ShardId(1), vec![output(Sink::Completed, 77, b"{}")], 2);
        let page = recent.page(RecentKind::Completions, 3, Payload::Told);
        assert_eq!(keys(&page), ["77", "9999", "9998"]);
        let all = recent.page(RecentKind::Completions, usize::MAX, Payload::Told);
        assert_eq!(all.records.len(), OF_SHARD_MAX + 1);
    }

    #[test]
    fn headers_of_the_record_itself_are_told_with_its_content_only_and_bounded() {
        let headers: Vec<Header> =
            (0..100).map(|index| (format!("h{index}"), Some(vec![b'x'; 100]))).collect();
        let carried = Some(Box::new(Carried { headers, span: None }));
        let own = vec![("rollcall-reason", "null-key".to_owned())];
        let letter = Output { carried, headers: own, ..output(Sink::DeadLetter, 1, b"broken") };
        let recent = Recent::default();
        recent.keep(ShardId(0), vec![letter], 1);
        let headers = |payload| {
            let page = recent.page(RecentKind::DeadLetters, 9, payload);
            page.records.into_iter().flat_map(|record| record.headers).collect::<Vec<_>>()
        };
        let own = ("rollcall-reason".to_owned(), "null-key".to_owned());
        assert_eq!(headers(Payload::Withheld), std::slice::from_ref(&own));
        let told = headers(Payload::Told);
        assert_eq!((&told[0], &told[1].0[..]), (&own, "h0"));
        assert!((15..25).contains(&told.len()), "{}", told.len());
    }

    #[test]
    fn rare_outputs_are_not_pushed_out_by_frequent_ones() {
        let recent = Recent::default();
        recent.keep(ShardId(0), vec![output(Sink::DeadLetter, 1, b"broken")], 1);
        let outputs = (0..1_000).map(|key| output(Sink::Completed, key, b"{}")).collect();
        recent.keep(ShardId(0), outputs, 2);
        let page = recent.page(RecentKind::DeadLetters, 9, Payload::Withheld);
        assert_eq!(keys(&page), ["1"]);
        assert_eq!((&page.records[0].value, page.records[0].value_bytes), (&None, Some(6)));
        assert!(recent.page(RecentKind::Overdue, 9, Payload::Told).records.is_empty());
    }

    #[test]
    fn a_large_payload_is_cut_and_says_how_large_it_was() {
        let recent = Recent::default();
        recent.keep(ShardId(0), vec![output(Sink::DeadLetter, 1, &[b'x'; 9_000])], 1);
        let page = recent.page(RecentKind::DeadLetters, 9, Payload::Told);
        assert_eq!(page.records[0].value.as_ref().map(String::len), Some(VALUE_BYTES_MAX));
        assert_eq!(page.records[0].value_bytes, Some(9_000));
        recent.forget(ShardId(0));
        assert!(recent.page(RecentKind::DeadLetters, 9, Payload::Told).records.is_empty());
    }

    #[test]
    fn a_thousand_shards_take_no_more_memory_than_twenty() {
        let recent = Recent::default();
        let value = vec![b'x'; VALUE_BYTES_MAX];
        for shard in 0..1_000 {
            let outputs = (0..60).map(|key| output(Sink::Completed, key, b"{}")).collect();
            recent.keep(ShardId(shard), outputs, shard.into());
            recent.keep(ShardId(shard), vec![output(Sink::DeadLetter, 7, &value)], shard.into());
        }
        {
            let mut kinds = recent.lock();
            let kept = |kinds: &mut Kinds, kind| {
                let outputs = kinds.of(kind);
                let sum: usize = outputs.kept.values().map(|kept| kept.output.bytes()).sum();
                assert_eq!(outputs.bytes, sum);
                (outputs.kept.len(), outputs.bytes)
            };
            assert_eq!(kept(&mut kinds, RecentKind::Completions).0, KEPT_MAX);
            let (letters, bytes) = kept(&mut kinds, RecentKind::DeadLetters);
            assert!(bytes <= KEPT_BYTES_MAX && letters > 400, "{letters} of {bytes} bytes");
        }
        let page = recent.page(RecentKind::Completions, 200, Payload::Withheld);
        let shards: Vec<u32> = page.records.iter().map(|record| record.shard).collect();
        let newest = (996..1_000).rev().flat_map(|shard| [shard; OF_SHARD_MAX]);
        assert_eq!(shards, newest.collect::<Vec<u32>>());
        (0..1_000).for_each(|shard| recent.forget(ShardId(shard)));
        assert!(recent.page(RecentKind::Completions, 200, Payload::Told).records.is_empty());
        assert_eq!(recent.lock().dead_letters.bytes, 0);
    }
}
