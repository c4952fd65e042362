//! A shard that is restored and processes records.

use std::sync::Arc;

use super::{
    Ages, Cache, CachedRows, Clock, Commit, Committed, Counters, Due, Error, Invariant, KeyFilter,
    Ledger, Limits, Metadata, Plan, Position, Record, Result, RowCounts, Store, Transaction,
    cache::SlotId, check, large::LargeRows, room::bound,
};
use crate::record::{InputIndex, Offset, Output, ShardId};
use crate::{
    codec::{self, input::Scratch},
    matching::Row,
    record::Timestamp,
};

/// The part of the memory for rows that telling new keys may take.
pub(super) const KNOWN_SHARE: usize = 8;
/// Marks a record that has no row: it has no usable key.
pub(super) const NO_SLOT: SlotId = SlotId::MAX;

/// A shard that is restored and processes records.
///
/// Everything since the last [`Running::take`] is the running overlay; dropping the shard is the
/// rollback, since neither the store nor Kafka has seen any of it.
pub struct Running<S> {
    pub(super) id: ShardId,
    pub(super) plan: Arc<Plan>,
    pub(super) store: Arc<S>,
    pub(super) cache: Cache,
    /// Tells new keys from those that have to be looked up in the store.
    pub(super) key_filter: KeyFilter,
    pub(super) clock: Clock,
    /// Where the rest of each input is hidden, or was last, and since which wall time.
    pub(super) hidden: Vec<Option<Hidden>>,
    /// First offset of each input that is not yet processed. Known for all once opened.
    pub(super) next: Vec<Offset>,
    /// The same when the batch at hand began.
    pub(super) batch_from: Vec<Offset>,
    /// The offsets differ from the committed ones.
    pub(super) moved: bool,
    pub(super) outputs: Vec<Output>,
    /// What the outputs take.
    pub(super) output_bytes: usize,
    /// The most rows and outputs that the running overlay was ever allowed to hold.
    pub(super) overlay_max: usize,
    /// The rows as they are, the running overlay's changes included.
    pub(super) rows: RowCounts,
    /// Since when the open ones of them wait.
    pub(super) ages: Ages,
    /// Which incarnations of the input topics are read.
    pub(super) input_ids: Vec<String>,
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
    /// Nothing was ever committed for the shard, and nothing is processed before its first offsets
    /// are: so a changelog that was written to always has offsets beside it.
    pub(super) claiming: bool,
    pub(super) ledger: Ledger,
    /// Index entries on disk up to this one were looked at.
    pub(super) due_cursor: Option<Due>,
    /// Shard time up to which the index on disk was looked through.
    pub(super) due_listed_until: Timestamp,
    /// The last look at it has not come to the end of what is due.
    pub(super) due_goes_on: bool,
    /// The store holds rows, and with them deadlines.
    pub(super) stored: bool,
    pub(super) scratch: Scratch,
    pub(super) slots: Vec<SlotId>,
    /// Memory for the row that is stepped.
    pub(super) row: Row,
    /// Only while a batch is processed.
    pub(super) large: LargeRows,
}

/// The rest of an input that cannot be read, since a transaction is open on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// First offset that cannot be read.
    pub from: Offset,
    /// Wall time, in milliseconds, since when more is known to be there.
    pub since_ms: Timestamp,
}

impl<S: Store> Running<S> {
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// Returns the first offset of each input that is not yet processed.
    pub fn next_offsets(&self) -> &[Offset] {
        &self.next
    }

    /// Returns what was committed since the shard was opened.
    pub fn counters(&self) -> &Counters {
        &self.ledger.committed
    }

    /// Returns how many rows there are, those of the running overlay included.
    pub fn rows(&self) -> RowCounts {
        self.rows
    }

    /// Returns a time since when at least one key waits to be completed; see [`Ages::oldest`].
    pub fn oldest_open_ms(&self) -> Option<Timestamp> {
        self.ages.oldest()
    }

    /// Returns how many rows are in memory, by how far they have gone.
    pub fn cached_rows(&self) -> CachedRows {
        self.cache.rows()
    }

    /// Returns how old the last record processed from each input is, in milliseconds: 0 at the
    /// input's end, `None` while nothing is known of it.
    pub fn lag_ms(&self, wall_ms: Timestamp) -> Vec<Option<i64>> {
        self.clock.lag_ms(wall_ms)
    }

    /// Returns the bytes that the rows in memory take.
    pub fn cache_bytes(&self) -> usize {
        self.cache.bytes() + self.key_filter.bytes()
    }

    /// Returns the store, to apply a commit's spill to.
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Sets the share of the process's memory that the rows may take.
    pub fn set_cache_bytes(&mut self, bytes: usize) {
        self.limits.cache_bytes = bytes;
        self.key_filter.set_bytes_max(bytes / KNOWN_SHARE);
    }

    /// Processes records, in offset order per input. Records of earlier batches, which a
    /// reconnected consumer may hand over again, are skipped.
    ///
    /// Returns how many of them are done with: the others have to be handed over again once the
    /// running overlay, which is as much as a transaction may hold, is taken.
    ///
    /// # Errors
    /// When rows cannot be read or records are out of order; the shard has to be dropped then.
    pub fn process(&mut self, records: &[Record<'_>]) -> Result<usize> {
        self.batch_from.clone_from(&self.next);
        // One record at least, of which any is too much for an overlay that has none.
        let most =
            if self.fills_transaction() { usize::from(!self.has_work()) } else { self.room() };
        let records = &records[..records.len().min(most)];
        let mut slots = std::mem::take(&mut self.slots);
        let loaded = self.load(records.iter().map(|record| record.key), &mut slots);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut processed = loaded.map(|()| 0);
        for (record, &slot) in records.iter().zip(&slots) {
            let Ok(done) = processed else { break };
            if done > 0 && self.fills_transaction() {
                break;
            }
            processed = self.record(record, slot, &mut scratch).map(|()| done + 1);
        }
        self.large.write_back(&mut self.cache);
        (self.slots, self.scratch) = (slots, scratch);
        processed
    }

    /// Finds the slots of all keys, reading those that are only in the store with one call.
    pub(super) fn load<'k>(
        &mut self,
        keys: impl Iterator<Item = Option<&'k [u8]>>,
        slots: &mut Vec<SlotId>,
    ) -> Result<()> {
        let (mut missing, mut missing_keys) = (Vec::new(), Vec::new());
        slots.clear();
        for key in keys {
            let usable = 1..=self.plan.key_bytes_max;
            let Some(key) = key.filter(|key| usable.contains(&key.len())) else {
                slots.push(NO_SLOT);
                continue;
            };
            self.ledger.running.lookups += 1;
            slots.push(self.cache.find_or_insert(key).unwrap_or_else(|new| {
                if self.key_filter.may_hold(key) {
                    missing.push(new);
                    missing_keys.push(key);
                } else {
                    self.ledger.running.new_keys += 1;
                }
                new
            }));
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.ledger.running.misses += missing.len() as u64;
        let rows = self.store.get_many(&missing_keys)?;
        for (slot, row) in missing.into_iter().zip(rows) {
            if let Some(bytes) = row {
                let loaded = self.cache.load(slot, &bytes, &self.plan.rules);
                loaded.map_err(|error| unreadable(self.id, error))?;
            }
        }
        Ok(())
    }

    pub(super) fn put_out(&mut self, output: Output) {
        self.output_bytes += output.bytes();
        self.outputs.push(output);
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

    /// Notes where the log of an input ends, read or not. Where that is behind the place up to
    /// which it can be read, an open transaction hides the rest: shard time waits for it.
    pub fn ends_at(&mut self, input: InputIndex, end: Offset, wall_ms: Timestamp) {
        let from = self.next[input];
        let hidden = (end > from).then(|| {
            // Its end may have been told again meanwhile, as after an outage.
            let same = self.hidden[input].filter(|hidden| hidden.from == from);
            same.unwrap_or(Hidden { from, since_ms: wall_ms })
        });
        self.hidden[input] = hidden;
        self.clock.goes_on(input, hidden.map(|hidden| hidden.since_ms));
    }

    /// Returns for each input where and since when an open transaction hides what follows, if one
    /// does.
    pub fn hidden(&self) -> Vec<Option<Hidden>> {
        let known = |(input, hidden): (InputIndex, &Option<Hidden>)| {
            hidden.filter(|_| self.clock.hidden_since(input).is_some())
        };
        self.hidden.iter().enumerate().map(known).collect()
    }

    /// Notes that the ends of the inputs are out of sight, as when no broker answers.
    pub fn lost_sight(&mut self) {
        self.clock.lost_sight();
    }

    /// Sees to it that a shard which is read to its end and has nothing to commit commits all the
    /// same: its offsets once more, which shows whether commits are taken again.
    pub fn prove(&mut self) {
        self.moved |= self.clock.at_end();
    }

    /// Tells whether [`Self::take`] would return a transaction.
    pub fn has_work(&self) -> bool {
        self.moved || self.cache.changed_rows() > 0 || !self.outputs.is_empty()
    }

    /// Ends the running overlay and returns it as a commit, with a spill when one is called for;
    /// the next overlay starts. `None` while a commit is under way or when there is nothing.
    ///
    /// # Errors
    /// [`Error::Violated`] when rows would be spilled that are not part of a transaction, or
    /// when the transaction is far larger than it may be.
    pub fn take(&mut self, wall_ms: Timestamp) -> Result<Option<Commit>> {
        let called_for =
            self.has_work() || self.wants_spill(wall_ms) || self.wants_renewal(wall_ms);
        if self.committing || !called_for {
            return Ok(None);
        }
        let mut outputs = std::mem::take(&mut self.outputs);
        self.plan.outputs.stamp(&mut outputs, wall_ms);
        let transaction = Transaction {
            shard: self.id,
            changes: self.cache.take_changes(&self.plan.rules),
            outputs,
            offsets: self.next.iter().copied().enumerate().collect(),
            metadata: self.metadata(),
        };
        let (shard, most) = (self.id, self.overlay_max);
        let held = transaction.changes.len() + transaction.outputs.len();
        check!(
            R7,
            held <= bound(most),
            "a transaction of shard {shard} has {held} rows and outputs where {most} fill it"
        );
        let spill = if self.wants_spill(wall_ms) {
            self.spilled_at_ms = wall_ms;
            let mut spill = self.take_spill()?;
            spill.checkpoint = Some(self.checkpoint(wall_ms));
            Some(spill)
        } else {
            None
        };
        self.ledger.take();
        self.output_bytes = 0;
        self.overlay_max = self.limits.transaction_records_max;
        self.moved = false;
        self.committing = true;
        self.taken_at_ms = wall_ms;
        Ok(Some(Commit { transaction, spill, changelog_next: self.changelog_next }))
    }

    fn metadata(&self) -> Metadata {
        let positions = self.input_ids.iter().zip(&self.next);
        let position = |(topic_id, next): (&String, &Offset)| Position {
            topic_id: topic_id.clone(),
            next: *next,
        };
        Metadata {
            changelog_id: self.changelog_id.clone(),
            rows: Some(self.rows),
            ages: Some(self.ages.clone()),
            positions: positions.map(position).collect(),
            identity: Some(self.plan.identity.clone()),
            partitioner: self.plan.placement.learnt(),
        }
    }

    /// Tells whether the offsets are to be committed again though they are the same: brokers drop
    /// those of topics that no member of the group subscribes to after a while.
    fn wants_renewal(&self, wall_ms: Timestamp) -> bool {
        let every = self.plan.offsets_renewed_every.as_millis();
        wall_ms - self.taken_at_ms >= i64::try_from(every).unwrap_or(i64::MAX)
    }

    /// Notes that the commit that was taken is in.
    ///
    /// # Errors
    /// [`Error::Violated`] when the changelog has become shorter.
    pub fn committed(&mut self, done: Committed) -> Result<()> {
        let (shard, before, after) = (self.id, self.changelog_next, done.changelog_next);
        check!(R2, after >= before, "the changelog of shard {shard} ends at {after}, was {before}");
        self.ledger.commit();
        self.changelog_next = done.changelog_next;
        self.known_end_ms = self.taken_at_ms;
        self.committing = false;
        self.claiming = false;
        if done.spilled {
            self.stored = true;
            self.cache.spilled();
            // The spill may list deadlines before those already looked at, and has removed those.
            self.due_cursor = None;
            self.due_listed_until = Timestamp::MIN;
        }
        if self.cache_bytes() > self.limits.cache_bytes {
            self.evict(self.limits.cache_bytes / 4 * 3);
        }
        Ok(())
    }
}

/// Says that the numbers of rows are not those of the rows.
pub(super) fn miscounted(shard: ShardId, what: &str) -> Error {
    Invariant::R3.violated(format!("shard {shard}, counts: {what}"))
}

/// Says that bytes of the changelog or the store are no row that this version knows.
pub(super) fn unreadable(shard: ShardId, error: codec::row::RowError) -> Error {
    Error::Misconfigured(format!(
        "shard {shard}: a row cannot be read: {error}; run the version of rollcall that wrote it, \
         or a newer one"
    ))
}
