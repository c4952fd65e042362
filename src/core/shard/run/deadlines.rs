//! Fires deadlines that have passed: those of dirty rows are in memory, all others on disk.

use crate::shard::{Due, Result, Running, Store, rows::cache::SlotId};
use crate::{codec::output::Time, matching::Event, record::Timestamp};

/// How often the deadline index on disk is read, in shard time.
const DUE_INTERVAL_MS: Timestamp = 1_000;

impl<S: Store> Running<S> {
    /// Fires deadlines that are due by shard time, a bounded number of them; none while the shard
    /// is full.
    ///
    /// # Errors
    /// When rows cannot be read; the shard must be dropped then.
    pub fn tick(&mut self, wall_ms: Timestamp) -> Result<()> {
        if self.is_full() || (self.has_work() && self.fills_transaction()) {
            return Ok(());
        }
        // What the next record says is not known yet, and it may be what a key waits for (S34).
        if self.waits {
            return Ok(());
        }
        let Some(now) = self.clock.now(wall_ms) else { return Ok(()) };
        // Each causes a row and an output, and the index on disk may add as many again.
        let limit = self.limits.deadlines_max.min((self.room() / 4).max(1));
        let mut slots = std::mem::take(&mut self.slots);
        slots.clear();
        self.cache.pop_due(now, limit, &mut slots);
        for &slot in &slots {
            self.fire(slot, now)?;
        }
        let listed = self.list_due(now, limit)?;
        self.load(listed.iter().map(|due| Some(&due.key[..])), &mut slots)?;
        for (due, &slot) in listed.into_iter().zip(&slots) {
            self.due_cursor = Some(due.clone());
            if self.cache.due(slot, &self.plan.rules) == Some(due.at_ms) {
                self.cache.indexed_at(slot, due.at_ms);
                self.fire(slot, now)?;
            } else {
                self.cache.stale_index_entry(slot, due);
            }
        }
        self.slots = slots;
        Ok(())
    }

    /// Returns whether the index on disk continues past what has been read so far: [`Self::tick`]
    /// has more to do.
    pub fn has_more_due(&self) -> bool {
        self.due_goes_on
    }

    /// Returns the next entries of the index on disk, which is read once a second.
    fn list_due(&mut self, now: Timestamp, limit: usize) -> Result<Vec<Due>> {
        if !self.stored || now < self.due_listed_until.saturating_add(DUE_INTERVAL_MS) {
            return Ok(Vec::new());
        }
        let listed = self.store.due(self.due_cursor.as_ref(), now, limit)?;
        self.due_goes_on = listed.len() >= limit;
        if !self.due_goes_on {
            self.due_listed_until = now;
        }
        Ok(listed)
    }

    /// Fires every due deadline of the row.
    fn fire(&mut self, slot: SlotId, now: Timestamp) -> Result<()> {
        while self.cache.due(slot, &self.plan.rules).is_some_and(|due| due <= now) {
            self.step(slot, (Event::Tick, ""), Time::of(now), None)?;
        }
        Ok(())
    }
}
