//! What a running shard commits: its claim first, then one overlay after the other.

use crate::record::{InputIndex, Offset, Output, Timestamp, millis};
use crate::shard::{
    Batch, Commit, Committed, CommittedOffset, Metadata, Position, Result, Running, Spill, Store,
    Transaction, check, run::room::bound,
};

impl<S: Store> Running<S> {
    /// Returns whether the shard has yet to commit that this process owns it; it processes nothing
    /// before that.
    pub fn is_claiming(&self) -> bool {
        self.claim.is_some()
    }

    /// Returns whether there is something to commit.
    pub fn has_work(&self) -> bool {
        self.claim.is_some()
            || self.moved
            || self.cache.changed_rows() > 0
            || !self.outputs.is_empty()
    }

    /// Returns whether [`Self::take`] would return a commit, unless one is under way.
    pub fn wants_commit(&self, wall_ms: Timestamp) -> bool {
        self.has_work() || self.wants_spill(wall_ms) || self.wants_renewal(wall_ms)
    }

    /// Ends the running overlay and returns it as a commit, with a spill if one is needed; the next
    /// overlay starts. `None` while a commit is under way or if there is nothing to commit.
    ///
    /// # Errors
    /// [`crate::shard::Error::Violated`] when rows would be spilled that are not part of a
    /// transaction, or when the transaction is far larger than it may be.
    pub fn take(&mut self, wall_ms: Timestamp) -> Result<Option<Commit>> {
        if self.committing {
            return Ok(None);
        }
        if let Some(CommittedOffset { next, metadata }) = self.claim.clone() {
            self.committing = true;
            self.taken_at_ms = wall_ms;
            let metadata = self.owned(metadata);
            return Ok(Some(self.part(
                Batch::default(),
                Vec::new(),
                vec![(0, next)],
                metadata,
                None,
            )));
        }
        if !self.wants_commit(wall_ms) {
            return Ok(None);
        }
        let mut outputs = std::mem::take(&mut self.outputs);
        self.plan.outputs.stamp(&mut outputs, wall_ms);
        let changes = self.cache.take_changes(&self.plan.rules);
        let (shard, most) = (self.id, self.overlay_max);
        let held = changes.len() + outputs.len();
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
        let offsets = self.next.iter().copied().enumerate().collect();
        let metadata = self.owned(self.metadata());
        Ok(Some(self.part(changes, outputs, offsets, metadata, spill)))
    }

    fn part(
        &self,
        changes: Batch,
        outputs: Vec<Output>,
        offsets: Vec<(InputIndex, Offset)>,
        metadata: Metadata,
        spill: Option<Spill>,
    ) -> Commit {
        let transaction = Transaction { shard: self.id, changes, outputs, offsets, metadata };
        Commit { transaction, spill, changelog_next: self.changelog_next, tenure: self.tenure }
    }

    /// Returns the metadata as that of the next commit, by this owner.
    fn owned(&self, metadata: Metadata) -> Metadata {
        Metadata { owner: Some(self.owner.to_string()), commit: self.commits + 1, ..metadata }
    }

    pub(in crate::shard) fn metadata(&self) -> Metadata {
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
            owner: None,
            commit: 0,
        }
    }

    /// Returns whether the offsets must be committed again although they have not changed: after a
    /// while, brokers drop the offsets of topics that no member of the group subscribes to.
    fn wants_renewal(&self, wall_ms: Timestamp) -> bool {
        wall_ms - self.taken_at_ms >= millis(self.plan.offsets_renewed_every)
    }

    /// Records that the commit that was taken has succeeded.
    ///
    /// # Errors
    /// [`crate::shard::Error::Violated`] when the changelog has become shorter.
    pub fn committed(&mut self, done: Committed) -> Result<()> {
        let (shard, before, after) = (self.id, self.changelog_next, done.changelog_next);
        check!(R2, after >= before, "the changelog of shard {shard} ends at {after}, was {before}");
        self.committing = false;
        self.commits += 1;
        if self.claim.take().is_some() {
            return Ok(());
        }
        self.ledger.commit();
        self.changelog_next = done.changelog_next;
        self.known_end_ms = self.taken_at_ms;
        if done.spilled {
            self.stored = true;
            self.cache.spilled();
            // The spill may add deadlines before those already read, and has removed those.
            self.due_cursor = None;
            self.due_listed_until = Timestamp::MIN;
        }
        if self.cache_bytes() > self.limits.cache_bytes {
            self.evict(self.limits.cache_bytes / 4 * 3);
        }
        Ok(())
    }
}
