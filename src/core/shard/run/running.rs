//! A shard that is restored and processes records.

use std::sync::Arc;

use crate::record::{InputIndex, Offset, Output, ShardId};
use crate::shard::{
    Ages, Cache, CachedRows, Clock, CommittedOffset, Counters, Due, Error, Invariant, KeyFilter,
    Ledger, Limits, Plan, Record, Result, RowCounts, Store, Tenure, check,
    rows::{cache::SlotId, large::LargeRows},
    run::stepping::Taken,
};
use crate::{
    codec::{
        self, Decoder,
        input::{Input, ReadKey, Scratch},
    },
    matching::Row,
    record::Timestamp,
};

/// The fraction of the row memory that the filter of known keys may use.
pub(in crate::shard) const KNOWN_SHARE: usize = 8;
/// Marks a record without a row: it has no usable key.
pub(in crate::shard) const NO_SLOT: SlotId = SlotId::MAX;

/// A shard that is restored and processes records.
///
/// Everything since the last [`Running::take`] is the running overlay; dropping the shard is the
/// rollback, since neither the store nor Kafka has seen any of it.
pub struct Running<S> {
    pub(in crate::shard) id: ShardId,
    pub(in crate::shard) plan: Arc<Plan>,
    pub(in crate::shard) store: Arc<S>,
    pub(in crate::shard) cache: Cache,
    /// Distinguishes new keys from those that have to be looked up in the store.
    pub(in crate::shard) key_filter: KeyFilter,
    pub(in crate::shard) clock: Clock,
    /// Where the rest of each input is or was last hidden, and since which wall time.
    pub(in crate::shard) hidden: Vec<Option<Hidden>>,
    /// First offset of each input that is not yet processed. Known for all once opened.
    pub(in crate::shard) next: Vec<Offset>,
    /// The same at the start of the current batch.
    pub(in crate::shard) batch_from: Vec<Offset>,
    /// The offsets differ from the committed ones.
    pub(in crate::shard) moved: bool,
    pub(in crate::shard) outputs: Vec<Output>,
    /// Size of the outputs.
    pub(in crate::shard) output_bytes: usize,
    /// The most rows and outputs that the running overlay was ever allowed to hold.
    pub(in crate::shard) overlay_max: usize,
    /// The counts of the rows, including the running overlay's changes.
    pub(in crate::shard) rows: RowCounts,
    /// Since when the open rows have been waiting.
    pub(in crate::shard) ages: Ages,
    /// The incarnations of the input topics that are read.
    pub(in crate::shard) input_ids: Vec<String>,
    pub(in crate::shard) changelog_id: String,
    /// First changelog offset after everything that is committed.
    pub(in crate::shard) changelog_next: Offset,
    pub(in crate::shard) limits: Limits,
    pub(in crate::shard) spilled_at_ms: Timestamp,
    /// Wall time when the changelog was last known to end at `changelog_next`; see
    /// [`Checkpoint::spilled_at_ms`].
    pub(in crate::shard) known_end_ms: Timestamp,
    /// Wall time when the commit under way was taken.
    pub(in crate::shard) taken_at_ms: Timestamp,
    /// A commit was taken and has not been acknowledged yet.
    pub(in crate::shard) committing: bool,
    /// The tenure in which the shard was opened.
    pub(in crate::shard) tenure: Tenure,
    /// What the claim commits, until that has succeeded. Nothing is processed before it: so the
    /// offsets name the owner of every transaction that writes rows, and a changelog that was
    /// written to always has committed offsets.
    pub(in crate::shard) claim: Option<CommittedOffset>,
    /// The transactional id under which the shard commits.
    pub(in crate::shard) owner: Arc<str>,
    /// The number of the shard's last commit.
    pub(in crate::shard) commits: u64,
    pub(in crate::shard) ledger: Ledger,
    /// Index entries on disk up to this one have been read.
    pub(in crate::shard) due_cursor: Option<Due>,
    /// Shard time up to which the index on disk has been read.
    pub(in crate::shard) due_listed_until: Timestamp,
    /// The last read of it has not reached the end of what is due.
    pub(in crate::shard) due_goes_on: bool,
    /// The store contains rows, and with them deadlines.
    pub(in crate::shard) stored: bool,
    pub(in crate::shard) scratch: Scratch,
    pub(in crate::shard) slots: Vec<SlotId>,
    /// The next record's schema is not there yet.
    pub(in crate::shard) waits: bool,
    /// Memory for the row that is being stepped.
    pub(in crate::shard) row: Row,
    /// Non-empty only while a batch is processed.
    pub(in crate::shard) large: LargeRows,
}

/// The rest of an input that cannot be read because of an open transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// First offset that cannot be read.
    pub from: Offset,
    /// Wall time, in milliseconds, since when more is known to exist.
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

    /// Returns the counts of what was committed since the shard was opened.
    pub fn counters(&self) -> &Counters {
        &self.ledger.committed
    }

    /// Returns the counts of the rows, including those of the running overlay.
    pub fn rows(&self) -> RowCounts {
        self.rows
    }

    /// Returns a time since when at least one key has been waiting to be completed; see
    /// [`Ages::oldest`].
    pub fn oldest_open_ms(&self) -> Option<Timestamp> {
        self.ages.oldest()
    }

    /// Returns how many rows are in memory, by how far they have progressed.
    pub fn cached_rows(&self) -> CachedRows {
        self.cache.rows()
    }

    /// Returns the age of the last record processed from each input, in milliseconds: 0 at the
    /// input's end, `None` while nothing is known about it.
    pub fn lag_ms(&self, wall_ms: Timestamp) -> Vec<Option<i64>> {
        self.clock.lag_ms(wall_ms)
    }

    /// Returns the memory that the cached rows take.
    pub fn cache_bytes(&self) -> usize {
        self.cache.bytes() + self.key_filter.bytes()
    }

    /// Returns the store, for applying a commit's spill.
    pub fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// Sets the share of the process's memory that the rows may take.
    pub fn set_cache_bytes(&mut self, bytes: usize) {
        self.limits.cache_bytes = bytes;
        self.key_filter.set_bytes_max(bytes / KNOWN_SHARE);
    }

    /// Reads up to `limit` keys of the store, until it is known which keys are new, and returns how
    /// many it has read: the caller divides among its shards how long records are delayed.
    ///
    /// # Errors
    /// When the store cannot be read; the shard must be dropped then.
    pub fn scan_keys(&mut self, limit: usize) -> Result<usize> {
        if !self.cache.is_spilling() {
            self.key_filter.start_over();
        }
        self.key_filter.scan(&*self.store, limit)
    }

    /// Processes records, in offset order per input. Records of earlier batches, which a
    /// reconnected consumer may hand over again, are skipped.
    ///
    /// Returns how many of them are done: the others must be passed again after the running
    /// overlay, which is then as large as a transaction may be, has been taken; or, if the shard
    /// [waits](Self::is_waiting), a little later.
    ///
    /// # Errors
    /// When rows cannot be read or records are out of order, or when no registry has the schema of
    /// the next record ready; the shard must be dropped then.
    pub fn process(&mut self, records: &[Record<'_>]) -> Result<usize> {
        let shard = self.id;
        check!(R4, self.claim.is_none(), "shard {shard} processes records before its claim");
        self.batch_from.clone_from(&self.next);
        self.waits = false;
        // At least one record: an empty overlay accepts any record, however large.
        let most =
            if self.fills_transaction() { usize::from(!self.has_work()) } else { self.room() };
        let records = &records[..records.len().min(most)];
        let plan = Arc::clone(&self.plan);
        let mut scratch = std::mem::take(&mut self.scratch);
        // Each key is read once: the schema of a record key may come at any moment.
        let keys = read_keys(&plan, records, &mut scratch);
        let mut slots = std::mem::take(&mut self.slots);
        let loaded = match &keys {
            Some(keys) => {
                let keys = keys.iter().map(|key| key.as_ref().and_then(ReadKey::text));
                self.load(keys.map(|key| key.map(str::as_bytes)), &mut slots)
            }
            None => {
                let keys =
                    records.iter().map(|record| record.key.filter(|_| !is_skipped(&plan, record)));
                self.load(keys, &mut slots)
            }
        };
        let mut processed = loaded.map(|()| 0);
        for (at, record) in records.iter().enumerate() {
            let Ok(done) = processed else { break };
            if done > 0 && self.fills_transaction() {
                break;
            }
            let key = keys.as_ref().and_then(|keys| keys[at].as_ref());
            processed = match self.record((record, key), slots[at], &mut scratch) {
                Ok(Taken::In) => Ok(done + 1),
                Ok(Taken::NotYet) => {
                    self.waits = true;
                    break;
                }
                Err(error) => Err(error),
            };
        }
        self.large.write_back(&mut self.cache);
        (self.slots, self.scratch) = (slots, scratch);
        processed
    }

    /// Finds the slots of all keys, reading those that are only in the store with one call.
    pub(in crate::shard) fn load<'k>(
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

    /// Returns whether the next record waits for its schema, which was asked for.
    pub fn is_waiting(&self) -> bool {
        self.waits
    }

    pub(in crate::shard) fn put_out(&mut self, output: Output) {
        self.output_bytes += output.bytes();
        self.outputs.push(output);
    }

    /// Records that every record of `input` before `position` was passed, and that there is no
    /// other. The position may be past transaction markers, which count as lag elsewhere.
    pub fn reached_end(&mut self, input: InputIndex, position: Offset) {
        if position < self.next[input] {
            // Newer records were passed in the same batch.
            return;
        }
        self.clock.reached_end(input);
        if position > self.next[input] {
            self.next[input] = position;
            self.moved = true;
        }
    }

    /// Records where the log of an input ends, readable or not. If that is past the position up to
    /// which it can be read, an open transaction hides the rest: shard time waits for it.
    pub fn ends_at(&mut self, input: InputIndex, end: Offset, wall_ms: Timestamp) {
        let from = self.next[input];
        let hidden = (end > from).then(|| {
            // Its end may have been reported again meanwhile, for example after an outage.
            let same = self.hidden[input].filter(|hidden| hidden.from == from);
            same.unwrap_or(Hidden { from, since_ms: wall_ms })
        });
        self.hidden[input] = hidden;
        self.clock.goes_on(input, hidden.map(|hidden| hidden.since_ms));
    }

    /// Returns for each input where, and since when, an open transaction hides the rest, if one
    /// does.
    pub fn hidden(&self) -> Vec<Option<Hidden>> {
        let known = |(input, hidden): (InputIndex, &Option<Hidden>)| {
            hidden.filter(|_| self.clock.hidden_since(input).is_some())
        };
        self.hidden.iter().enumerate().map(known).collect()
    }

    /// Records that the ends of the inputs are unknown, for example when no broker answers.
    pub fn lost_sight(&mut self) {
        self.clock.lost_sight();
    }

    /// Makes a shard which is read to its end and has nothing to commit commit its offsets once
    /// more, which shows whether commits succeed again.
    pub fn prove(&mut self) {
        self.moved |= self.clock.at_end();
    }
}

/// Returns the error that the maintained counts differ from the rows.
pub(in crate::shard) fn miscounted(shard: ShardId, what: &str) -> Error {
    Invariant::R3.violated(format!("shard {shard}, counts: {what}"))
}

/// Returns the error that bytes of the changelog or the store are not a row of a known version.
pub(in crate::shard) fn unreadable(shard: ShardId, error: codec::row::RowError) -> Error {
    Error::Misconfigured(format!(
        "shard {shard}: a row cannot be read: {error}; run the version of rollcall that wrote it, \
         or a newer one"
    ))
}

/// Returns whether headers show that a record is skipped. Nothing is looked up for it then.
fn is_skipped(plan: &Plan, record: &Record<'_>) -> bool {
    plan.inputs[record.input].is_skipped_by_headers(record.headers)
}

/// Reads the keys of records, if they are parts of record keys.
fn read_keys<'k>(
    plan: &Plan,
    records: &[Record<'k>],
    scratch: &mut Scratch,
) -> Option<Vec<Option<ReadKey<'k>>>> {
    if !plan.inputs.iter().any(Decoder::reads_record_keys) {
        return None;
    }
    let mut read = |record: &Record<'k>| {
        let Record { input, key, value, headers, .. } = *record;
        let is_skipped = is_skipped(plan, record);
        (!is_skipped).then(|| plan.inputs[input].read_key(Input { key, value, headers }, scratch))
    };
    Some(records.iter().map(&mut read).collect())
}
