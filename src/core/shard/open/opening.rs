//! Opens a shard: each state consumes the last, so processing before restoring does not compile.
//!
//! ```text
//!  Opening ──settle──► Settled ──locate──► Located ──restore──► Running
//!                      no open            offsets first, then   rows up to the
//!                      transaction        the changelog's end   changelog's end
//! ```

use std::sync::Arc;

use crate::record::{Offset, ShardId};
use crate::shard::{
    Ages, Bounds, Broker, Cache, ChangelogReader, Clock, CommittedOffset, Counters, Error,
    InputLog, KeyFilter, Ledger, Limits, OpeningPhase, Plan, Progress, Result, RowCounts, Running,
    Store, Tenure, Wait, check,
    open::{
        settle::{settled, stable},
        start::Start,
    },
    rows::large::LargeRows,
    run::running::{KNOWN_SHARE, unreadable},
};
use crate::{
    codec::input::Scratch,
    matching::Row,
    record::{Timestamp, millis},
};

/// Consecutive reads without progress after which a restore is given up.
const STALLED_READS_MAX: u32 = 60;
/// Consecutive reads without progress after which the transaction of an older version is ended.
const STALLED_READS_FENCED: u32 = 2;

/// What opening a shard needs besides Kafka and the store.
pub struct Opening<'a> {
    pub plan: &'a Arc<Plan>,
    pub shard: ShardId,
    /// The tenure that the shard is opened for.
    pub tenure: Tenure,
    /// The transactional id under which it is going to commit.
    pub owner: Arc<str>,
    pub limits: Limits,
    /// Returns the wall time in milliseconds, for the age of the store: opening may take long.
    pub wall_ms: &'a dyn Fn() -> Timestamp,
    pub progress: &'a Progress,
}

/// No transaction of an older owner can change the shard any more.
struct Settled<'a> {
    opening: Opening<'a>,
    /// What is committed, by input.
    committed: Vec<Option<CommittedOffset>>,
}

/// It is known from where to where input and changelog must be read.
struct Located<'a, C> {
    opening: Opening<'a>,
    changelog: C,
    /// Where the inputs continue.
    start: Start,
    /// What was committed when the shard was taken over, by input.
    committed: Vec<Option<CommittedOffset>>,
    bounds: Bounds,
    /// Wall time just before `bounds` was read.
    located_at_ms: Timestamp,
}

impl<'a> Opening<'a> {
    /// Takes the shard over and restores it.
    ///
    /// # Errors
    /// See [`Error`]; a store that cannot be trusted is wiped and restored from the changelog.
    pub fn open<B: Broker, S: Store>(self, broker: &B, store: S) -> Result<Running<S>> {
        self.plan.placement.agreed()?;
        self.enter(OpeningPhase::Fence);
        let committed = settled(broker, self.shard)?;
        Settled { opening: self, committed }.locate(broker)?.restore(broker, store)
    }
}

impl<'a> Settled<'a> {
    /// R-5: first the stable committed offsets, then the changelog's end. In the opposite order, a
    /// transaction that ends in between would be in the offsets but not in the rows.
    fn locate<B: Broker>(self, broker: &B) -> Result<Located<'a, B::Changelog>> {
        let Self { opening, committed } = self;
        opening.enter(OpeningPhase::Locate);
        let mut changelog = broker.changelog(opening.shard)?;
        let located_at_ms = (opening.wall_ms)();
        let bounds = changelog.bounds()?;
        let inputs = broker.inputs(opening.shard)?;
        let start = opening.start(&committed, inputs, &changelog.topic_id(), bounds);
        // An owner that was overtaken meanwhile finds that input which others have processed is
        // gone, and rows that belong to offsets which it has not seen.
        if start.is_err() && is_overtaken(broker, opening.shard, &committed)? {
            return Err(overtaken());
        }
        let start = start?;
        Ok(Located { opening, changelog, start, committed, bounds, located_at_ms })
    }
}

/// Returns whether anything was committed for the shard since these offsets were read.
fn is_overtaken<B: Broker>(
    broker: &B,
    shard: ShardId,
    committed: &[Option<CommittedOffset>],
) -> Result<bool> {
    Ok(stable(broker, shard, Wait::Long)? != committed)
}

/// Returns the error that a newer owner has committed while this one opened the shard.
fn overtaken() -> Error {
    Error::Fenced("offsets were committed since the shard was taken over".to_owned())
}

/// Returns the number of the commit that an offset belongs to.
fn number(offset: &CommittedOffset) -> u64 {
    offset.metadata.commit
}

impl Opening<'_> {
    fn enter(&self, phase: OpeningPhase) {
        self.progress.enter(phase, (self.wall_ms)());
    }

    /// Returns where the inputs continue, if the committed offsets match the existing topics.
    fn start(
        &self,
        committed: &[Option<CommittedOffset>],
        inputs: Vec<InputLog>,
        changelog_id: &str,
        changelog: Bounds,
    ) -> Result<Start> {
        self.check_changelog(committed, changelog_id)?;
        self.check_identity(committed)?;
        self.remember_partitioner(committed);
        Start::find(self, committed, inputs, changelog)
    }

    /// Rejects a changelog other than the one that the committed offsets belong to.
    fn check_changelog(&self, committed: &[Option<CommittedOffset>], topic_id: &str) -> Result<()> {
        let other = committed.iter().flatten().map(|offset| &offset.metadata.changelog_id);
        match other.into_iter().find(|id| !id.is_empty() && *id != topic_id) {
            None => Ok(()),
            Some(id) => Err(Error::Misconfigured(format!(
                "shard {}: the changelog topic was deleted or recreated: the committed offsets \
                 belong to topic id {id}, the topic there now is {topic_id}; restore the topic \
                 from a backup, or accept that open keys are lost and start over with \
                 `rollcall reset`",
                self.shard
            ))),
        }
    }

    /// Takes over what an earlier owner has learnt about the inputs' partitioner.
    fn remember_partitioner(&self, committed: &[Option<CommittedOffset>]) {
        let offsets = committed.iter().flatten();
        if let Some(learnt) = { offsets }.find_map(|offset| offset.metadata.partitioner) {
            self.plan.placement.remember(learnt);
        }
    }

    /// Rejects what another object, or one with different rules, has committed.
    fn check_identity(&self, committed: &[Option<CommittedOffset>]) -> Result<()> {
        let identities = committed.iter().flatten().filter_map(|offset| {
            let theirs = offset.metadata.identity.as_ref()?;
            self.plan.identity.mismatch(theirs)
        });
        match { identities }.next() {
            None => Ok(()),
            Some(mismatch) => {
                Err(Error::Misconfigured(format!("shard {}: {mismatch}", self.shard)))
            }
        }
    }

    /// Returns the store's position in the changelog, and since when tombstones matter to it; wipes
    /// a store that cannot be trusted.
    fn resume<S: Store>(
        &self,
        store: &mut S,
        topic_id: &str,
        bounds: Bounds,
    ) -> Result<(Offset, Timestamp)> {
        let now_ms = (self.wall_ms)();
        let checkpoint = match store.checkpoint() {
            Ok(None) => return Ok((bounds.start, now_ms)),
            Ok(Some(checkpoint)) => checkpoint,
            Err(Error::Corrupt(why)) => {
                self.wipe(store, &why)?;
                return Ok((bounds.start, now_ms));
            }
            Err(error) => return Err(error),
        };
        let why = if checkpoint.topic_id != topic_id {
            "it belongs to another changelog topic"
        } else if checkpoint.changelog_next > bounds.end {
            // R-2
            "it is ahead of the changelog"
        } else if checkpoint.changelog_next < bounds.start {
            "the changelog was truncated past it"
        } else if self.is_outdated(checkpoint.spilled_at_ms) {
            "it was away for longer than the changelog keeps tombstones"
        } else if checkpoint.deadlines != self.plan.deadlines {
            "it was written under other deadlines"
        } else {
            return Ok((checkpoint.changelog_next, checkpoint.spilled_at_ms));
        };
        self.wipe(store, why)?;
        Ok((bounds.start, now_ms))
    }

    /// Returns whether tombstones written after `since_ms` may be gone.
    fn is_outdated(&self, since_ms: Timestamp) -> bool {
        (self.wall_ms)() - since_ms > millis(self.plan.tombstones_kept)
    }

    fn wipe<S: Store>(&self, store: &mut S, why: &str) -> Result<()> {
        tracing::warn!(shard = self.shard.0, why, "restoring the local store from nothing");
        store.wipe()
    }
}

impl<C: ChangelogReader> Located<'_, C> {
    /// Brings store and cache up to the changelog's end.
    fn restore<B: Broker, S: Store>(mut self, broker: &B, mut store: S) -> Result<Running<S>> {
        self.opening.enter(OpeningPhase::Restore);
        let topic_id = self.changelog.topic_id();
        let opened_at_ms = (self.opening.wall_ms)();
        let (from, known_end_ms) = self.opening.resume(&mut store, &topic_id, self.bounds)?;
        let stored = store.checkpoint()?.is_some();
        let filter = if stored { KeyFilter::of_filled_store } else { KeyFilter::of_empty_store };
        let inputs = self.start.next.len();
        let mut found = Counters::new(inputs);
        found.lost_records = self.start.lost_records;
        found.recreated_inputs = self.start.recreated_inputs;
        let mut shard = Running {
            id: self.opening.shard,
            plan: Arc::clone(self.opening.plan),
            store: Arc::new(store),
            cache: Cache::default(),
            key_filter: filter(self.opening.limits.cache_bytes / KNOWN_SHARE),
            clock: Clock::new(inputs),
            hidden: vec![None; inputs],
            next: self.start.next.clone(),
            batch_from: self.start.next.clone(),
            // Committed soon, so that a restart starts there.
            moved: self.start.differs,
            outputs: Vec::new(),
            output_bytes: 0,
            overlay_max: self.opening.limits.transaction_records_max,
            rows: RowCounts::default(),
            ages: Ages::default(),
            input_ids: self.start.topic_ids.clone(),
            changelog_id: topic_id,
            changelog_next: from,
            limits: self.opening.limits,
            spilled_at_ms: opened_at_ms,
            known_end_ms,
            taken_at_ms: opened_at_ms,
            committing: false,
            tenure: self.opening.tenure,
            claim: None,
            owner: Arc::clone(&self.opening.owner),
            commits: self.committed.first().and_then(Option::as_ref).map_or(0, number),
            ledger: Ledger::new(found),
            due_cursor: None,
            due_listed_until: Timestamp::MIN,
            due_goes_on: false,
            stored,
            scratch: Scratch::default(),
            slots: Vec::new(),
            waits: false,
            row: Row::default(),
            large: LargeRows::default(),
        };
        self.replay(broker, &mut shard)?;
        if self.opening.is_outdated(known_end_ms) {
            let why = "restoring took longer than the changelog keeps tombstones";
            return Err(Error::Corrupt(why.to_owned()));
        }
        // R-5: rows and offsets are from the same moment. An owner that was overtaken meanwhile may
        // have read rows that a newer one has committed since, with the offsets and counts from
        // before. Rows are always committed together with offsets, so equal offsets rule that out.
        if is_overtaken(broker, self.opening.shard, &self.committed)? {
            return Err(overtaken());
        }
        shard.known_end_ms = self.located_at_ms;
        (shard.rows, shard.ages) = self.counts().map_or_else(|| shard.count_rows(), Ok)?;
        shard.claim = Some(self.claim(&shard));
        Ok(shard)
    }

    /// Returns what the new owner commits to name itself: the first input's offset as it is, or
    /// where a new shard begins. Even if the offset names it already: the claim of an owner in
    /// between may still be decided, but does not count any more after this one.
    fn claim<S: Store>(&self, shard: &Running<S>) -> CommittedOffset {
        let committed = self.committed.first().and_then(Option::clone);
        committed
            .unwrap_or_else(|| CommittedOffset { next: shard.next[0], metadata: shard.metadata() })
    }

    /// Returns the counts of the rows up to the changelog's end, and since when they have been
    /// waiting, if the committed offsets contain that.
    fn counts(&self) -> Option<(RowCounts, Ages)> {
        self.committed.iter().flatten().find_map(|offset| {
            let metadata = &offset.metadata;
            Some((metadata.rows?, metadata.ages.clone()?))
        })
    }

    fn replay<B: Broker, S: Store>(&mut self, broker: &B, shard: &mut Running<S>) -> Result<()> {
        let (mut restored, mut stalled) = (0, 0);
        self.opening.progress.set(self.bounds.end - shard.changelog_next, 0);
        if shard.changelog_next < self.bounds.end {
            self.changelog.seek(shard.changelog_next)?;
        }
        // By position, not by the last change seen: markers and gaps contain no change.
        while shard.changelog_next < self.bounds.end {
            let (cache, id) = (&mut shard.cache, shard.id);
            let mut failed = None;
            let position = self.changelog.read(&mut |change| {
                restored += 1;
                if let Err(error) = cache.restore(change.key, change.row) {
                    failed = Some(error);
                }
            })?;
            if let Some(error) = failed {
                return Err(unreadable(id, error));
            }
            stalled = if position > shard.changelog_next { 0 } else { stalled + 1 };
            if stalled == STALLED_READS_FENCED {
                // An older version may have written rows without holding their offsets first.
                broker.fence(&broker.former_id(id))?;
            }
            if stalled > STALLED_READS_MAX {
                return Err(Error::Interrupted(format!(
                    "shard {id}: the changelog ends at {} but can be read only up to {position}; \
                     a foreign transaction may be open on it",
                    self.bounds.end
                )));
            }
            shard.changelog_next = position.max(shard.changelog_next);
            self.opening.progress.set(self.bounds.end - shard.changelog_next, restored);
            shard.make_room()?;
        }
        let (id, restored_to, end) = (shard.id, shard.changelog_next, self.bounds.end);
        check!(R5, restored_to >= end, "shard {id} is restored up to {restored_to} of {end}");
        shard.cache.list_dirty(&self.opening.plan.rules);
        Ok(())
    }
}
