//! Decides when rows go to the store, and with which checkpoint.

use crate::record::{Timestamp, millis};
use crate::shard::{Checkpoint, Result, Running, Spill, Store, check};

impl<S: Store> Running<S> {
    pub(in crate::shard) fn wants_spill(&self, wall_ms: Timestamp) -> bool {
        let dirty = self.cache.dirty_rows();
        let waited = millis(self.limits.spill_interval);
        !self.cache.is_spilling()
            && dirty > 0
            && (dirty > self.limits.dirty_rows_max
                || self.cache_bytes() > self.limits.cache_bytes
                || wall_ms - self.spilled_at_ms > waited)
    }

    pub(in crate::shard) fn checkpoint(&self, known_end_ms: Timestamp) -> Checkpoint {
        Checkpoint {
            changelog_next: self.changelog_next,
            topic_id: self.changelog_id.clone(),
            spilled_at_ms: known_end_ms,
            deadlines: self.plan.deadlines.clone(),
        }
    }

    /// Spills and evicts while the shard restores, so that memory stays bounded.
    pub(in crate::shard) fn make_room(&mut self) -> Result<()> {
        // Half of the limit, since the spill copies what is dirty, which is nearly everything.
        if self.cache_bytes() > self.limits.cache_bytes / 2 {
            self.spill_now()?;
            self.evict(self.limits.cache_bytes / 4);
        }
        Ok(())
    }

    /// Spills all dirty rows; only allowed while all of them are committed.
    pub(in crate::shard) fn spill_now(&mut self) -> Result<()> {
        let mut spill = self.take_spill()?;
        // Not the time of the spill: what has happened since is unknown.
        spill.checkpoint = Some(self.checkpoint(self.known_end_ms));
        spill.land(&*self.store, self.changelog_next)?;
        self.stored = true;
        self.cache.spilled();
        Ok(())
    }

    /// Ends the shard: everything still dirty goes to the store, which makes it cheap to open the
    /// shard again. Only committed rows: with a running overlay or a commit under way it does
    /// nothing.
    ///
    /// # Errors
    /// As [`Store::apply`]; only the time for a restore is lost then.
    pub fn close(mut self) -> Result<()> {
        if self.committing || self.has_work() || self.cache.dirty_rows() == 0 {
            return Ok(());
        }
        self.spill_now()
    }

    /// Takes all dirty rows, and records that the store is going to contain them.
    ///
    /// # Errors
    /// [`crate::shard::Error::Violated`] when some of them are not part of a transaction yet.
    pub(in crate::shard) fn take_spill(&mut self) -> Result<Spill> {
        let shard = self.id;
        check!(R1, self.cache.may_spill(), "rows of shard {shard} that no transaction holds");
        let spill = self.cache.take_spill(&self.plan.rules);
        self.key_filter.add(&spill.rows);
        Ok(spill)
    }

    /// Evicts clean rows until the memory used is at most `target` bytes.
    pub(in crate::shard) fn evict(&mut self, target: usize) {
        self.cache.evict(target.saturating_sub(self.key_filter.bytes()));
    }
}
