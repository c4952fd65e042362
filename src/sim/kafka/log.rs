//! One partition: records, transaction markers, and which of them a reader sees.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{Decision, TransactionId};
use rollcall_core::{
    record::{Header, InputIndex, Offset, Output, Timestamp},
    shard::{Bounds, Record},
};

/// A record as a reader receives it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub timestamp_ms: Timestamp,
    pub headers: Vec<Header>,
}

impl Message {
    /// Returns the message as a record of an input that was read at this time.
    pub fn record(&self, input: InputIndex, offset: Offset, read_at_ms: Timestamp) -> Record<'_> {
        Record {
            input,
            offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: Some(&self.headers),
            read_at_ms,
        }
    }

    /// Returns the source timestamp that an output carries in a header.
    pub fn source_timestamp(&self) -> Option<Timestamp> {
        let (_, value) =
            self.headers.iter().find(|(name, _)| name == "rollcall-source-timestamp")?;
        std::str::from_utf8(value.as_deref()?).ok()?.parse().ok()
    }

    /// Returns whether it is part of a trace.
    pub fn is_traced(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "traceparent")
    }
}

impl From<&Output> for Message {
    fn from(output: &Output) -> Self {
        let Output { key, value, timestamp_ms, .. } = output.clone();
        let header =
            |(name, value): (&str, Option<&[u8]>)| (name.to_owned(), value.map(<[u8]>::to_vec));
        Self { key, value, timestamp_ms, headers: output.all_headers().map(header).collect() }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &Option<Vec<u8>>| match bytes {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => "null".to_owned(),
        };
        write!(f, "{} = {} at {}", text(&self.key), text(&self.value), self.timestamp_ms)?;
        self.headers.iter().try_for_each(|(name, value)| write!(f, " {name}: {}", text(value)))
    }
}

#[derive(Debug)]
struct Entry {
    offset: Offset,
    transaction: Option<TransactionId>,
    /// `None` for a transaction's marker.
    message: Option<Arc<Message>>,
    /// When compaction first passed this tombstone.
    passed_at_ms: Option<Timestamp>,
}

/// One partition. Offsets are never reused; markers and compaction leave holes.
#[derive(Debug)]
pub struct Log {
    topic_id: String,
    entries: Vec<Entry>,
    start: Offset,
    end: Offset,
    /// First offsets of the transactions that have no marker here yet.
    open: BTreeMap<TransactionId, Offset>,
    /// The value of [`Self::last_stable`] known to the replica that serves readers; it may lag
    /// behind.
    served: Offset,
}

impl Log {
    pub fn new(topic_id: String) -> Self {
        Self { topic_id, entries: Vec::new(), start: 0, end: 0, open: BTreeMap::new(), served: 0 }
    }

    pub fn topic_id(&self) -> &str {
        &self.topic_id
    }

    /// Returns the log's start and its high watermark, as the leader answers.
    pub fn bounds(&self) -> Bounds {
        Bounds { start: self.start, end: self.end }
    }

    /// Returns the end of what a `read_committed` reader may see: no transaction is open below.
    pub fn last_stable(&self) -> Offset {
        self.open.values().copied().min().unwrap_or(self.end)
    }

    /// Returns the end of what a `read_committed` reader currently sees: never above
    /// [`Self::last_stable`].
    pub fn served(&self) -> Offset {
        self.served
    }

    /// Lets the serving replica catch up with the leader.
    pub fn replicate(&mut self) {
        self.served = self.last_stable();
    }

    pub fn append(&mut self, message: Message, transaction: Option<TransactionId>) -> Offset {
        let offset = self.end;
        if let Some(id) = transaction {
            self.open.entry(id).or_insert(offset);
        }
        self.push(Some(Arc::new(message)), transaction);
        offset
    }

    /// Ends a transaction here: its records become visible, or disappear for readers.
    pub fn mark(&mut self, transaction: TransactionId, decision: Decision) {
        self.open.remove(&transaction);
        if decision == Decision::Abort {
            // Readers skip aborted records by an index; removing them has the same effect.
            self.entries.retain(|entry| entry.transaction != Some(transaction));
        }
        self.push(None, Some(transaction));
    }

    fn push(&mut self, message: Option<Arc<Message>>, transaction: Option<TransactionId>) {
        let offset = self.end;
        self.entries.push(Entry { offset, transaction, message, passed_at_ms: None });
        self.end += 1;
    }

    /// Returns the visible records from `from` up to what is served, in order.
    pub fn read(&self, from: Offset) -> impl Iterator<Item = (Offset, &Arc<Message>)> {
        self.messages(from, self.served)
    }

    /// Returns the records in `[from, until)`, in order, whether or not a reader may see them.
    pub fn messages(
        &self,
        from: Offset,
        until: Offset,
    ) -> impl Iterator<Item = (Offset, &Arc<Message>)> {
        let first = self.entries.partition_point(|entry| entry.offset < from);
        self.entries[first..]
            .iter()
            .take_while(move |entry| entry.offset < until)
            .filter_map(|entry| Some((entry.offset, entry.message.as_ref()?)))
    }

    /// Returns the records of one transaction.
    pub fn of_transaction(
        &self,
        id: TransactionId,
    ) -> impl Iterator<Item = (Offset, &Arc<Message>)> {
        let first = self.open.get(&id).copied().unwrap_or(self.end);
        let first = self.entries.partition_point(|entry| entry.offset < first);
        self.entries[first..]
            .iter()
            .filter(move |entry| entry.transaction == Some(id))
            .filter_map(|entry| Some((entry.offset, entry.message.as_ref()?)))
    }

    /// Compacts the stable part: keeps the last record of each key, drops markers, and drops
    /// tombstones that compaction first passed before `tombstones_before_ms`, which is when it
    /// removed the records that they delete. The end stays where it is. Returns how many tombstones
    /// it dropped.
    pub fn compact(&mut self, now_ms: Timestamp, tombstones_before_ms: Timestamp) -> usize {
        let mut dropped = 0;
        let stable = self.last_stable();
        let mut last = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.offset < stable) {
            if let Some(message) = &entry.message {
                last.insert(message.key.clone(), entry.offset);
            }
        }
        self.entries.retain_mut(|entry| match &entry.message {
            _ if entry.offset >= stable => true,
            None => false,
            Some(message) if last[&message.key] != entry.offset => false,
            Some(message) if message.value.is_some() => true,
            Some(_) => {
                let stays = *entry.passed_at_ms.get_or_insert(now_ms) >= tombstones_before_ms;
                dropped += usize::from(!stays);
                stays
            }
        });
        dropped
    }

    /// Deletes everything below `start`, as retention does.
    pub fn truncate(&mut self, start: Offset) {
        self.start = self.start.max(start.min(self.last_stable()));
        self.entries.retain(|entry| entry.offset >= self.start);
    }
}
