//! Applies one record or deadline to its row, and creates the resulting outputs.

use std::sync::Arc;

use crate::record::{Carried, InputIndex, Span};
use crate::shard::{
    Ages, Error, Invariant, Misplaced, Record, Result, RowCounts, Running, Store, check,
    rows::{cache::SlotId, large::Past},
    run::{
        report::{Satisfied, StepReport},
        running::{NO_SLOT, miscounted, unreadable},
    },
};
use crate::{
    codec::{
        Reason,
        input::{Decoded, Input, ReadKey, Scratch},
        output::{Source, Time},
    },
    matching::{Effect, Emitted, Event, LARGE_ITEMS_BYTES, Origin, Outcome, apply, invariants},
    record::trace::{self, TraceContext},
};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shard) enum Taken {
    In,
    /// Its schema is not there yet.
    NotYet,
}

impl<S: Store> Running<S> {
    pub(in crate::shard) fn record(
        &mut self,
        (record, read): (&Record<'_>, Option<&ReadKey<'_>>),
        slot: SlotId,
        scratch: &mut Scratch,
    ) -> Result<Taken> {
        let (offset, input) = (record.offset, record.input);
        if offset < self.next[input] {
            let (shard, from) = (self.id, self.batch_from[input]);
            check!(
                R6,
                offset < from,
                "shard {shard} was given offset {offset} of input {input}, which it had not \
                 processed, after {}",
                self.next[input] - 1
            );
            return Ok(Taken::In);
        }
        let plan = Arc::clone(&self.plan);
        let Record { key, value, headers, .. } = *record;
        let decoded = plan.inputs[input].decode_with(Input { key, value, headers }, read, scratch);
        if let Ok(Decoded::Waits(outage)) = decoded {
            return match outage {
                // What came before is committed first.
                Some(why) if !self.has_work() => Err(Error::Interrupted(why.to_owned())),
                _ => Ok(Taken::NotYet),
            };
        }
        self.next[record.input] = record.offset + 1;
        self.moved = true;
        let time = self.time_of(record);
        self.ledger.running.records[record.input] += 1;
        match decoded {
            Ok(Decoded::Waits(_)) => unreachable!("it is not taken in"),
            Ok(Decoded::Skipped) => self.ledger.running.skipped[input] += 1,
            Err(reason) => self.dead_letter(record, time, &reason),
            Ok(_) if slot == NO_SLOT => {
                unreachable!("a decoder accepts only records whose key is within the limit")
            }
            Ok(Decoded::Event { event, kept, .. }) => {
                if let Some(reason) = self.misplaced(record)? {
                    self.dead_letter(record, time, &reason);
                    return Ok(Taken::In);
                }
                let before = self.outputs.len();
                let origin = Origin { input: input_number(record.input), offset: record.offset };
                let outcome = self.step(slot, (event, kept), time, Some(origin))?;
                if self.outputs.len() > before {
                    self.carry_trace(record, before);
                }
                if let Some(reason) = Reason::of(outcome) {
                    self.dead_letter(record, time, &reason);
                }
            }
        }
        Ok(Taken::In)
    }

    /// Returns the time of a record, and advances shard time if the record's timestamp can be used
    /// (S30). The time used becomes part of the row, so it is final once that is committed.
    fn time_of(&mut self, record: &Record<'_>) -> Time {
        let Record { input, timestamp_ms: source_ms, read_at_ms, .. } = *record;
        let usable = self.plan.times.usable(source_ms, read_at_ms);
        self.clock.record(input, usable);
        if usable.is_none() {
            let told = self.ledger.has_unusable_times(input);
            self.ledger.running.unusable_times[input] += 1;
            if !told {
                tracing::warn!(
                    shard = self.id.0,
                    topic = self.plan.topics[input],
                    offset = record.offset,
                    timestamp_ms = source_ms,
                    "a record's timestamp cannot be used, and the wall clock counts for it; \
                     rollcall_records_unusable_time_total counts others"
                );
            }
        }
        Time { at_ms: usable.unwrap_or(read_at_ms), source_ms }
    }

    pub(in crate::shard) fn step(
        &mut self,
        slot: SlotId,
        (event, kept): (Event<'_>, &str),
        time: Time,
        origin: Option<Origin>,
    ) -> Result<Outcome> {
        // The row is changed where it is: moving it around would take longer than deciding.
        let mut past = Past::default();
        if let Some(large) = self.large.take(slot) {
            (self.row, past) = large;
        } else {
            let read = self.cache.read(slot, &mut self.row);
            read.map_err(|error| unreadable(self.id, error))?;
        }
        let (before, since) = (RowCounts::of(&self.row), Ages::since(&self.row));
        let satisfied = self.plan.on_step.as_ref().map(|_| Satisfied::after(&self.row, &event));
        let effect = apply(&self.plan.rules, &mut self.row, (event, kept), time.at_ms);
        if let (Some(on_step), Some(satisfied)) = (&self.plan.on_step, satisfied) {
            on_step(&StepReport::new(self.cache.key(slot), satisfied, &effect, &self.row));
        }
        let Effect { outcome, changed, emitted } = effect;
        self.ledger.running.outcome(outcome);
        if changed {
            // Processing all of a large row at every step would have a cost quadratic in its items.
            let is_large = self.row.size() >= LARGE_ITEMS_BYTES;
            let of_row = if is_large { invariants::check_outline } else { invariants::check };
            of_row(&self.row).map_err(|statement| {
                Invariant::R3.violated(format!("shard {}, a row: not {statement:?}", self.id))
            })?;
            if let Some(origin) = origin {
                self.row.touched_by(outcome, origin);
            }
            self.recounted(before, RowCounts::of(&self.row))?;
            if !self.ages.moved(since, Ages::since(&self.row)) {
                return Err(miscounted(self.id, &format!("no key waits since {since:?}")));
            }
        }
        // Deadlines fire between batches and read the cache.
        if origin.is_some() && self.row.size() > self.limits.large_items_bytes {
            let past = Past { changed: past.changed || changed, uses: past.uses + 1 };
            let counting = self.plan.rules.counting;
            let index = (past.uses >= self.limits.indexed_uses).then_some(counting);
            self.large.keep(slot, std::mem::take(&mut self.row), past, index, &mut self.cache);
        } else if changed {
            self.row.unindex();
            self.cache.write(slot, &self.row);
        }
        if let Some(emitted) = emitted {
            self.emit(slot, &emitted, time);
        }
        Ok(outcome)
    }

    fn recounted(&mut self, before: RowCounts, after: RowCounts) -> Result<()> {
        let Some(mut rows) = self.rows.without(before) else {
            let what = format!("{:?} without {before:?} is not possible", self.rows);
            return Err(miscounted(self.id, &what));
        };
        rows.add(after);
        self.rows = rows;
        Ok(())
    }

    fn emit(&mut self, slot: SlotId, emitted: &Emitted, time: Time) {
        self.ledger.running.emitted(emitted, time.at_ms);
        let output = self.plan.outputs.emitted(self.cache.key(slot), emitted, time);
        self.put_out(output);
    }

    /// Makes the outputs from `first` on part of their record's trace.
    fn carry_trace(&mut self, record: &Record<'_>, first: usize) {
        let Some(context) = record.headers.and_then(TraceContext::of) else { return };
        let (parent, offset) = (context.parent, record.offset);
        let seed = self.plan.span_seed.filter(|_| parent.is_sampled());
        for output in &mut self.outputs[first..] {
            let (input, read_at_ms) = (record.input, record.read_at_ms);
            let span = seed.map(|seed| {
                let id = trace::span_id(seed, parent, (self.id, input, offset));
                Box::new(Span { parent, id, input, offset, read_at_ms })
            });
            let headers = match &span {
                Some(span) => context.headers_of_child(span.id),
                None => context.headers(),
            };
            output.carried = Some(Box::new(Carried { headers, span }));
        }
    }

    /// Returns why a record is not in the partition that its key belongs to, if so (S28).
    fn misplaced(&self, record: &Record<'_>) -> Result<Option<Reason>> {
        let Some(key) = record.key else { return Ok(None) };
        let misplaced = self.plan.placement.check(record.input, self.id, key)?;
        Ok(misplaced.map(|Misplaced { belongs, partitioner }| Reason::WrongPartition {
            partition: self.id.0.unsigned_abs(),
            belongs,
            partitioner,
        }))
    }

    fn dead_letter(&mut self, record: &Record<'_>, time: Time, reason: &Reason) {
        self.ledger.running.dead_letter(record.input, reason);
        let source = Source {
            topic: &self.plan.topics[record.input],
            partition: self.id.0,
            offset: record.offset,
            time,
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        let output = self.plan.outputs.dead_letter(&source, reason);
        self.put_out(output);
    }
}

/// Returns an input's number as stored in rows.
fn input_number(input: InputIndex) -> u8 {
    u8::try_from(input).expect("a reconciliation has at most 17 inputs")
}
