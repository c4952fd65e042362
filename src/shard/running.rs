//! A shard that is restored and processes records.

use std::sync::Arc;

use super::{
    Cache, Checkpoint, Clock, Commit, Committed, Counters, Due, Error, InputIndex, Limits, Offset,
    Output, Plan, Record, Result, ShardId, Store, Transaction, cache::SlotId, story,
};
use crate::{
    codec::{self, Reason, input::Scratch, output::Source},
    matching::{Emitted, Event, Outcome, Phase, Row, Step, Timestamp, step},
};

/// Marks a record that has no row: it has no usable key.
const NO_SLOT: SlotId = SlotId::MAX;
/// How often the index of deadlines on disk is looked at, in shard time.
const DUE_INTERVAL_MS: Timestamp = 1_000;

/// A shard that is restored and processes records.
///
/// Everything since the last [`Running::take`] is the running overlay; dropping the shard is the
/// rollback, since neither the store nor Kafka has seen any of it.
pub struct Running<S> {
    pub(super) id: ShardId,
    pub(super) plan: Arc<Plan>,
    pub(super) store: Arc<S>,
    pub(super) cache: Cache,
    pub(super) clock: Clock,
    /// First offset of each input that is not yet processed. Known for all once opened.
    pub(super) next: Vec<Offset>,
    /// The offsets differ from the committed ones.
    pub(super) moved: bool,
    pub(super) outputs: Vec<Output>,
    pub(super) changelog_id: String,
    /// First changelog offset after everything that is committed.
    pub(super) changelog_next: Offset,
    pub(super) limits: Limits,
    pub(super) spilled_at_ms: Timestamp,
    /// Wall time when the changelog was last known to end at `changelog_next`; see
    /// [`Checkpoint::spilled_at_ms`].
    pub(super) known_end_ms: Timestamp,
    /// Wall time when the commit under way was taken.
    pub(super) taken_at_ms: Timestamp,
    /// A commit was taken and not yet acknowledged.
    pub(super) committing: bool,
    pub(super) counters: Counters,
    /// Index entries on disk up to this one were looked at.
    pub(super) due_cursor: Option<Due>,
    /// Shard time up to which the index on disk was looked through.
    pub(super) due_listed_until: Timestamp,
    /// The store holds rows, so that a key missing in memory has to be looked up.
    pub(super) stored: bool,
    pub(super) scratch: Scratch,
    pub(super) slots: Vec<SlotId>,
}

impl<S: Store> Running<S> {
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// Returns the first offset of each input that is not yet processed.
    pub fn next_offsets(&self) -> &[Offset] {
        &self.next
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the bytes that the rows in memory take.
    pub fn cache_bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// Returns the store, to apply a commit's spill to.
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Sets the share of the process's memory that the rows may take.
    pub fn set_cache_bytes(&mut self, bytes: usize) {
        self.limits.cache_bytes = bytes;
    }

    /// Tells whether the shard has to wait for its commit before it takes more records:
    /// what it holds cannot be evicted yet, or the next transaction is as large as it may be.
    pub fn is_full(&self) -> bool {
        let transaction = self.outputs.len() + self.cache.changed_rows();
        self.committing
            && (self.cache.bytes() > self.limits.cache_bytes * 2
                || transaction > self.limits.transaction_records_max)
    }

    /// Processes records, in offset order per input; offsets already processed are skipped.
    ///
    /// # Errors
    /// When rows cannot be read; the shard has to be dropped then.
    pub fn process(&mut self, records: &[Record<'_>]) -> Result<()> {
        let mut slots = std::mem::take(&mut self.slots);
        let loaded = self.load(records.iter().map(|record| record.key), &mut slots);
        let mut scratch = std::mem::take(&mut self.scratch);
        if loaded.is_ok() {
            for (record, &slot) in records.iter().zip(&slots) {
                if record.offset >= self.next[record.input] {
                    self.record(record, slot, &mut scratch);
                }
            }
        }
        (self.slots, self.scratch) = (slots, scratch);
        loaded
    }

    /// Finds the slots of all keys, reading those that are only in the store with one call.
    fn load<'k>(
        &mut self,
        keys: impl Iterator<Item = Option<&'k [u8]>>,
        slots: &mut Vec<SlotId>,
    ) -> Result<()> {
        let (mut missing, mut missing_keys) = (Vec::new(), Vec::new());
        slots.clear();
        for key in keys {
            let Some(key) = key.filter(|key| key.len() <= self.plan.key_bytes_max) else {
                slots.push(NO_SLOT);
                continue;
            };
            self.counters.lookups += 1;
            slots.push(self.cache.find_or_insert(key).unwrap_or_else(|new| {
                missing.push(new);
                missing_keys.push(key);
                new
            }));
        }
        if missing.is_empty() || !self.stored {
            return Ok(());
        }
        self.counters.misses += missing.len() as u64;
        let rows = self.store.get_many(&missing_keys)?;
        for (slot, row) in missing.into_iter().zip(rows) {
            if let Some(bytes) = row {
                self.cache.load(slot, decode_row(self.id, &bytes)?, &self.plan.rules);
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>, slot: SlotId, scratch: &mut Scratch) {
        let plan = Arc::clone(&self.plan);
        self.next[record.input] = record.offset + 1;
        self.moved = true;
        self.clock.record(record.input, record.timestamp_ms);
        self.counters.records[record.input] += 1;
        match plan.inputs[record.input].decode(record.key, record.value, scratch) {
            Err(reason) => self.dead_letter(record, &reason),
            Ok(_) if slot == NO_SLOT => {
                unreachable!("a decoder accepts only records whose key is within the limit")
            }
            Ok(event) => {
                let outcome = self.step(slot, event, record.timestamp_ms);
                if let Some(reason) = Reason::of(outcome) {
                    self.dead_letter(record, &reason);
                }
            }
        }
    }

    fn step(&mut self, slot: SlotId, event: Event<'_>, at: Timestamp) -> Outcome {
        let row = self.cache.take(slot);
        let told = self.plan.log_records.then(|| story::Told::before(&row, &event));
        let Step { row, outcome, changed, emitted } = step(&self.plan.rules, row, event, at);
        self.counters.outcome(outcome);
        if let Some(told) = told {
            told.tell(self.cache.key(slot), &row, outcome, emitted.as_ref());
        }
        if changed {
            self.cache.put(slot, row);
        } else {
            self.cache.put_back(slot, row);
        }
        if let Some(emitted) = emitted {
            self.emit(slot, &emitted, at);
        }
        outcome
    }

    fn emit(&mut self, slot: SlotId, emitted: &Emitted, at: Timestamp) {
        self.counters.emitted(emitted, at);
        self.outputs.push(self.plan.outputs.emitted(self.cache.key(slot), emitted, at));
    }

    fn dead_letter(&mut self, record: &Record<'_>, reason: &Reason) {
        self.counters.dead_letter(reason);
        let source = Source {
            topic: &self.plan.topics[record.input],
            partition: self.id.0,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key,
            value: record.value,
        };
        self.outputs.push(self.plan.outputs.dead_letter(&source, reason));
    }

    /// Notes that every record of `input` before `position` was handed over, and no other is
    /// there. The position may lie past transaction markers, which count as lag elsewhere.
    pub fn reached_end(&mut self, input: InputIndex, position: Offset) {
        if position < self.next[input] {
            // Records that came since were handed over in the same batch.
            return;
        }
        self.clock.reached_end(input);
        if position > self.next[input] {
            self.next[input] = position;
            self.moved = true;
        }
    }

    /// Notes that the ends of the inputs are out of sight, as when no broker answers.
    pub fn lost_sight(&mut self) {
        self.clock.lost_sight();
    }

    /// Fires deadlines that are due by shard time, a bounded number of them.
    ///
    /// # Errors
    /// When rows cannot be read; the shard has to be dropped then.
    pub fn tick(&mut self, wall_ms: Timestamp) -> Result<()> {
        let Some(now) = self.clock.now(wall_ms) else { return Ok(()) };
        let limit = self.limits.deadlines_max;
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        self.cache.pop_due(now, limit, &mut slots);
        for &slot in &slots {
            self.fire(slot, now);
        }
        let listed = self.list_due(now, limit)?;
        self.load(listed.iter().map(|due| Some(&due.key[..])), &mut slots)?;
        for (due, &slot) in listed.into_iter().zip(&slots) {
            self.due_cursor = Some(due.clone());
            if self.cache.row(slot).due(&self.plan.rules) == Some(due.at_ms) {
                self.cache.indexed_at(slot, due.at_ms);
                self.fire(slot, now);
            } else {
                self.cache.stale_index_entry(slot, due);
            }
        }
        self.slots = slots;
        Ok(())
    }

    /// Returns the next entries of the index on disk, which is asked about once a second.
    fn list_due(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Due>> {
        if !self.stored || now < self.due_listed_until.saturating_add(DUE_INTERVAL_MS) {
            return Ok(Vec::new());
        }
        let listed = self.store.due(self.due_cursor.as_ref(), now, limit)?;
        if listed.len() < limit {
            self.due_listed_until = now;
        }
        Ok(listed)
    }

    /// Fires every deadline of the row that is due.
    fn fire(&mut self, slot: SlotId, now: Timestamp) {
        while self.cache.row(slot).due(&self.plan.rules).is_some_and(|due| due <= now) {
            self.step(slot, Event::Tick, now);
        }
    }

    /// Tells whether [`Self::take`] would return a transaction.
    pub fn has_work(&self) -> bool {
        self.moved || self.cache.changed_rows() > 0 || !self.outputs.is_empty()
    }

    /// Ends the running overlay and returns it as a commit, with a spill when one is called for;
    /// the next overlay starts. `None` while a commit is under way or when there is nothing.
    pub fn take(&mut self, wall_ms: Timestamp) -> Option<Commit> {
        if self.committing || !(self.has_work() || self.wants_spill(wall_ms)) {
            return None;
        }
        let transaction = Transaction {
            shard: self.id,
            changes: self.cache.take_changes(&self.plan.rules),
            outputs: std::mem::take(&mut self.outputs),
            offsets: self.next.iter().copied().enumerate().collect(),
            changelog_id: self.changelog_id.clone(),
        };
        let spill = self.wants_spill(wall_ms).then(|| {
            self.spilled_at_ms = wall_ms;
            let mut spill = self.cache.take_spill(&self.plan.rules);
            spill.checkpoint = Some(self.checkpoint(wall_ms));
            spill
        });
        self.moved = false;
        self.committing = true;
        self.taken_at_ms = wall_ms;
        Some(Commit { transaction, spill, changelog_next: self.changelog_next })
    }

    fn wants_spill(&self, wall_ms: Timestamp) -> bool {
        let dirty = self.cache.dirty_rows();
        let waited = i64::try_from(self.limits.spill_interval.as_millis()).unwrap_or(i64::MAX);
        !self.cache.is_spilling()
            && dirty > 0
            && (dirty > self.limits.dirty_rows_max
                || self.cache.bytes() > self.limits.cache_bytes
                || wall_ms - self.spilled_at_ms > waited)
    }

    fn checkpoint(&self, known_end_ms: Timestamp) -> Checkpoint {
        Checkpoint {
            changelog_next: self.changelog_next,
            topic_id: self.changelog_id.clone(),
            spilled_at_ms: known_end_ms,
            deadlines: self.plan.deadlines.clone(),
        }
    }

    /// Notes that the commit that was taken is in.
    pub fn committed(&mut self, done: Committed) {
        // the changelog only grows.
        debug_assert!(done.changelog_next >= self.changelog_next);
        self.changelog_next = done.changelog_next;
        self.known_end_ms = self.taken_at_ms;
        self.committing = false;
        if done.spilled {
            self.stored = true;
            self.cache.spilled();
            // The spill may list deadlines before those already looked at, and has removed those.
            self.due_cursor = None;
            self.due_listed_until = Timestamp::MIN;
        }
        if self.cache.bytes() > self.limits.cache_bytes {
            self.cache.evict(self.limits.cache_bytes / 4 * 3);
        }
    }

    /// Spills and evicts while the shard restores, so that memory stays bounded.
    pub(super) fn make_room(&mut self) -> Result<()> {
        if self.cache.bytes() > self.limits.cache_bytes {
            self.spill_now()?;
            self.cache.evict(self.limits.cache_bytes / 4);
        }
        Ok(())
    }

    /// Spills all dirty rows; only while all of them are committed.
    fn spill_now(&mut self) -> Result<()> {
        let mut spill = self.cache.take_spill(&self.plan.rules);
        // Not the time of the spill: what has happened since is not known.
        spill.checkpoint = Some(self.checkpoint(self.known_end_ms));
        spill.land(&*self.store, self.changelog_next)?;
        self.stored = true;
        self.cache.spilled();
        Ok(())
    }

    /// Ends the shard: everything still dirty goes to the store, which makes coming back cheap.
    /// Only rows that are committed: with an overlay running or a commit under way it does
    /// nothing.
    ///
    /// # Errors
    /// As [`Store::apply`]; nothing is lost then but the time to restore.
    pub fn close(mut self) -> Result<()> {
        if self.committing || self.has_work() || self.cache.dirty_rows() == 0 {
            return Ok(());
        }
        self.spill_now()
    }
}

/// Returns the row that `bytes` of the changelog or the store encode.
pub(super) fn decode_row(shard: ShardId, bytes: &[u8]) -> Result<Row> {
    let row = codec::row::decode(bytes).map_err(|error| {
        Error::Misconfigured(format!(
            "shard {shard}: a row cannot be read: {error}; run the version of rollcall that \
             wrote it, or a newer one"
        ))
    })?;
    debug_assert!(row.phase != Phase::Absent);
    Ok(row)
}
