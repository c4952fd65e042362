//! The last outputs of each shard, for people to look at.
//!
//! Promise: a commit costs the lane a look at each output and at most [`KEPT_MAX`] moves of each
//! kind; nothing is copied except the part of a dead letter that is kept.

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
const KEPT_MAX: usize = 50;
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
pub struct Recent(Mutex<BTreeMap<ShardId, Rings>>);

#[derive(Default)]
struct Rings {
    completions: Ring,
    overdue: Ring,
    dead_letters: Ring,
}

#[derive(Default)]
struct Ring(VecDeque<Kept>);

struct Kept {
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
        let mut rings = self.lock();
        let rings = rings.entry(shard).or_default();
        let mut completions =
            outputs.iter().filter(|output| output.sink == Sink::Completed).count();
        for output in outputs {
            if output.sink == Sink::Completed {
                completions -= 1;
                if completions >= KEPT_MAX {
                    continue;
                }
            }
            rings.of(kind(output.sink)).keep(output, committed_at_ms);
        }
    }

    /// Drops the outputs of a shard that another worker has now.
    pub fn forget(&self, shard: ShardId) {
        self.lock().remove(&shard);
    }

    /// Returns the last outputs of one kind from all shards, the newest first.
    pub fn page(&self, kind: RecentKind, limit: usize, payload: Payload) -> RecentPage {
        let mut rings = self.lock();
        let mut kept: Vec<(ShardId, &Kept)> = Vec::new();
        for (&shard, rings) in rings.iter_mut() {
            kept.extend(rings.of(kind).0.iter().rev().map(|kept| (shard, kept)));
        }
        // Stable: outputs of one commit stay in their order.
        kept.sort_by_key(|(_, kept)| std::cmp::Reverse(kept.committed_at_ms));
        kept.truncate(limit);
        let records = kept.into_iter().map(|(shard, kept)| kept.record(shard, payload));
        let mut records: Vec<RecentRecord> = records.collect();
        // What does not fit on a page of this size fits on a smaller one.
        http::fit(&mut records);
        RecentPage { kind, records }
    }

    /// Returns Rollcall's own headers of the last dead letter for `reason` from `topic`; empty if
    /// it is not among those kept.
    pub fn letter(&self, topic: &str, reason: &str) -> Vec<(&'static str, String)> {
        let rings = self.lock();
        let letters = rings.values().flat_map(|rings| &rings.dead_letters.0);
        let is = |output: &Output, name, value| {
            output.headers.iter().any(|(own, text)| *own == name && text == value)
        };
        let fitting = letters.filter(|kept| {
            is(&kept.output, "rollcall-reason", reason)
                && is(&kept.output, "rollcall-source-topic", topic)
        });
        let last = fitting.max_by_key(|kept| kept.committed_at_ms);
        last.map(|kept| kept.output.headers.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, Rings>> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Rings {
    fn of(&mut self, kind: RecentKind) -> &mut Ring {
        match kind {
            RecentKind::Completions => &mut self.completions,
            RecentKind::Overdue => &mut self.overdue,
            RecentKind::DeadLetters => &mut self.dead_letters,
        }
    }
}

impl Ring {
    fn keep(&mut self, mut output: Output, committed_at_ms: Timestamp) {
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
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Kept { output, value_bytes, committed_at_ms });
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
    fn record(&self, shard: ShardId, payload: Payload) -> RecentRecord {
        let Output { key, value, timestamp_ms, headers, carried, .. } = &self.output;
        let told = value.as_ref().filter(|_| payload == Payload::Told);
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        // Headers written by others are part of the record's content.
        let carried = carried.iter().filter(|_| payload == Payload::Told);
        let carried = carried.flat_map(|carried| &carried.headers);
        let carried = carried
            .map(|(name, value)| (name.clone(), value.as_deref().map(text).unwrap_or_default()));
        RecentRecord {
            shard: shard.0.unsigned_abs(),
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

fn kind(sink: Sink) -> RecentKind {
    match sink {
        Sink::Completed => RecentKind::Completions,
        Sink::Overdue => RecentKind::Overdue,
        Sink::DeadLetter => RecentKind::DeadLetters,
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
        assert_eq!(all.records.len(), KEPT_MAX + 1);
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
}
