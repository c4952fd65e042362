//! How a shard comes up: each state consumes the last, so processing before restoring does not
//! compile.
//!
//! ```text
//!  Opening ──fence──► Fenced ──locate──► Located ──restore──► Running
//!                     older owners      offsets first, then   rows up to the
//!                     cannot commit     the changelog's end   changelog's end
//! ```

use std::sync::Arc;

use super::{
    Ages, Bounds, Broker, Cache, ChangelogReader, Clock, CommittedOffset, Counters, Error, Known,
    Limits, Offset, OnTruncation, Phase, Plan, Progress, Result, RowCounts, Running, ShardId,
    StartFrom, Store,
    large::LargeRows,
    running::{KNOWN_SHARE, unreadable},
};
use crate::{
    codec::{self, input::Scratch},
    matching::{Row, Timestamp},
};

/// Reads in a row that may bring a restore no further before it is given up.
const STALLED_READS_MAX: u32 = 60;

/// Rows that are counted at a time.
const COUNTED_MAX: usize = 10_000;

/// What opening a shard takes besides Kafka and the store.
pub struct Opening<'a> {
    pub plan: &'a Arc<Plan>,
    pub shard: ShardId,
    pub limits: Limits,
    /// Returns wall time in milliseconds, for the age of the store: opening may take long.
    pub wall_ms: &'a dyn Fn() -> Timestamp,
    pub progress: &'a Progress,
}

/// No older owner of the shard can commit any more.
struct Fenced<'a, P> {
    opening: Opening<'a>,
    producer: P,
}

/// It is known where input and changelog have to be read from and to.
struct Located<'a, P, C> {
    opening: Opening<'a>,
    producer: P,
    changelog: C,
    /// First offset to process, by input.
    next: Vec<Offset>,
    /// Input records that were deleted before they were read.
    lost_records: u64,
    /// An input starts where nothing was committed yet.
    fresh: bool,
    /// The rows up to the changelog's end, and since when they wait, if the committed offsets tell.
    counts: Option<(RowCounts, Ages)>,
    bounds: Bounds,
    /// Wall time just before `bounds` was read.
    located_at_ms: Timestamp,
}

impl<'a> Opening<'a> {
    /// Takes the shard over and restores it.
    ///
    /// # Errors
    /// See [`Error`]; a store that cannot be trusted is wiped and restored from the changelog.
    pub fn open<B: Broker, S: Store>(
        self,
        broker: &B,
        store: S,
    ) -> Result<(Running<S>, B::Producer)> {
        self.enter(Phase::Fence);
        let producer = broker.fence(self.shard)?;
        Fenced { opening: self, producer }.locate(broker)?.restore(store)
    }
}

impl<'a, P> Fenced<'a, P> {
    /// R-5: first the stable committed offsets, then the changelog's end. The other way round, a
    /// transaction that ends in between would be in the offsets and not in the rows.
    fn locate<B: Broker>(self, broker: &B) -> Result<Located<'a, P, B::Changelog>> {
        let Self { opening, producer } = self;
        opening.enter(Phase::Locate);
        let committed = broker.committed(opening.shard)?;
        let mut changelog = broker.changelog(opening.shard)?;
        let located_at_ms = (opening.wall_ms)();
        let bounds = changelog.bounds()?;
        opening.check_changelog(&committed, &changelog.topic_id())?;
        let inputs = broker.input_bounds(opening.shard)?;
        let outside = |(offset, bounds): (&Option<CommittedOffset>, &Bounds)| {
            offset.as_ref().is_some_and(|offset| !bounds.contains(offset.next))
        };
        // An owner that was overtaken meanwhile sees input gone that others have processed.
        if committed.iter().zip(&inputs).any(outside)
            && broker.committed(opening.shard)? != committed
        {
            let why = "offsets were committed since the shard was taken over";
            return Err(Error::Fenced(why.to_owned()));
        }
        let mut lost_records = 0;
        let mut next = Vec::with_capacity(inputs.len());
        for (input, (offset, bounds)) in committed.iter().zip(&inputs).enumerate() {
            let start = opening.start(input, offset.as_ref(), *bounds, &mut lost_records)?;
            next.push(start);
        }
        let fresh = committed.iter().any(Option::is_none);
        Ok(Located {
            opening,
            producer,
            changelog,
            next,
            lost_records,
            fresh,
            counts: committed.into_iter().flatten().find_map(|offset| {
                let metadata = offset.metadata;
                Some((metadata.rows?, metadata.ages?))
            }),
            bounds,
            located_at_ms,
        })
    }
}

impl Opening<'_> {
    fn enter(&self, phase: Phase) {
        self.progress.enter(phase, (self.wall_ms)());
    }

    /// Refuses a changelog that is not the one which the committed offsets belong to.
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

    /// Returns the first offset of the input to process.
    fn start(
        &self,
        input: usize,
        committed: Option<&CommittedOffset>,
        bounds: Bounds,
        lost_records: &mut u64,
    ) -> Result<Offset> {
        let Some(CommittedOffset { next, .. }) = committed else {
            return Ok(match self.plan.start_from {
                StartFrom::Earliest => bounds.start,
                StartFrom::Latest => bounds.end,
            });
        };
        if bounds.contains(*next) {
            return Ok(*next);
        }
        let topic = &self.plan.topics[input];
        match self.plan.on_truncation {
            OnTruncation::Continue => {
                *lost_records += u64::try_from(bounds.start - next).unwrap_or(0);
                Ok(bounds.start)
            }
            OnTruncation::Stop if *next < bounds.start => Err(Error::Misconfigured(format!(
                "{topic} partition {}: input was deleted before it was read: offset {next} is \
                 next, the log starts at {}; {} offsets are lost; set `spec.onTruncation: \
                 continue` to accept the loss, and give the topic a longer retention",
                self.shard,
                bounds.start,
                bounds.start - next
            ))),
            OnTruncation::Stop => Err(Error::Misconfigured(format!(
                "{topic} partition {}: offset {next} is next, but the log ends at {}: the topic \
                 was recreated or lost data; set `spec.onTruncation: continue` to go on from its \
                 start",
                self.shard, bounds.end
            ))),
        }
    }

    /// Returns where in the changelog the store stands, and since when tombstones matter to it;
    /// wipes a store that cannot be trusted.
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

    /// Tells whether tombstones written after `since_ms` may be gone.
    fn is_outdated(&self, since_ms: Timestamp) -> bool {
        let kept_ms = i64::try_from(self.plan.tombstones_kept.as_millis()).unwrap_or(i64::MAX);
        (self.wall_ms)() - since_ms > kept_ms
    }

    fn wipe<S: Store>(&self, store: &mut S, why: &str) -> Result<()> {
        tracing::warn!(shard = self.shard.0, why, "restoring the local store from nothing");
        store.wipe()
    }
}

impl<P, C: ChangelogReader> Located<'_, P, C> {
    /// Brings store and cache up to the changelog's end.
    fn restore<S: Store>(mut self, mut store: S) -> Result<(Running<S>, P)> {
        self.opening.enter(Phase::Restore);
        let topic_id = self.changelog.topic_id();
        let opened_at_ms = (self.opening.wall_ms)();
        let (from, known_end_ms) = self.opening.resume(&mut store, &topic_id, self.bounds)?;
        let stored = store.checkpoint()?.is_some();
        let known_bytes_max = self.opening.limits.cache_bytes / KNOWN_SHARE;
        let inputs = self.next.len();
        let mut counters = Counters::new(inputs);
        counters.lost_records = self.lost_records;
        let mut shard = Running {
            id: self.opening.shard,
            plan: Arc::clone(self.opening.plan),
            store: Arc::new(store),
            cache: Cache::default(),
            known: if stored {
                Known::of_filled_store(known_bytes_max)
            } else {
                Known::of_empty_store(known_bytes_max)
            },
            clock: Clock::new(inputs),
            hidden: vec![None; inputs],
            next: self.next.clone(),
            // What nothing was committed for is committed soon, so that a restart starts there.
            moved: self.fresh || self.lost_records > 0,
            outputs: Vec::new(),
            rows: RowCounts::default(),
            ages: Ages::default(),
            changelog_id: topic_id,
            changelog_next: from,
            limits: self.opening.limits,
            spilled_at_ms: opened_at_ms,
            known_end_ms,
            taken_at_ms: opened_at_ms,
            committing: false,
            counters,
            due_cursor: None,
            due_listed_until: Timestamp::MIN,
            stored,
            scratch: Scratch::default(),
            slots: Vec::new(),
            row: Row::default(),
            large: LargeRows::default(),
        };
        self.replay(&mut shard)?;
        if self.opening.is_outdated(known_end_ms) {
            let why = "restoring took longer than the changelog keeps tombstones";
            return Err(Error::Corrupt(why.to_owned()));
        }
        shard.known_end_ms = self.located_at_ms;
        (shard.rows, shard.ages) = match self.counts {
            Some(counts) => counts,
            None => shard.count_rows()?,
        };
        Ok((shard, self.producer))
    }

    fn replay<S: Store>(&mut self, shard: &mut Running<S>) -> Result<()> {
        let (mut restored, mut stalled) = (0, 0);
        self.opening.progress.set(self.bounds.end - shard.changelog_next, 0);
        if shard.changelog_next < self.bounds.end {
            self.changelog.seek(shard.changelog_next)?;
        }
        // By position, not by the last change seen: markers and holes hold no change.
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
        shard.cache.list_dirty(&self.opening.plan.rules);
        Ok(())
    }
}

impl<S: Store> Running<S> {
    /// Counts the rows one by one: only where the committed offsets do not tell, as when another
    /// tool has set them, they have expired, or an older version has written them.
    fn count_rows(&mut self) -> Result<(RowCounts, Ages)> {
        if self.cache.dirty_rows() > 0 {
            self.spill_now()?;
        }
        let (mut counts, mut ages, mut failed) = (RowCounts::default(), Ages::default(), None);
        let mut last: Option<Vec<u8>> = None;
        loop {
            let after = last.take();
            let shown = self.store.scan(after.as_deref(), COUNTED_MAX, &mut |key, bytes| {
                match codec::row::outline(bytes) {
                    Ok(row) => {
                        counts.add(RowCounts::of(&row));
                        ages.moved(None, Ages::since(&row));
                    }
                    Err(error) => failed = Some(error),
                }
                let last = last.get_or_insert_default();
                last.clear();
                last.extend_from_slice(key);
            })?;
            if let Some(error) = failed {
                return Err(unreadable(self.id, error));
            }
            if shown < COUNTED_MAX {
                return Ok((counts, ages));
            }
        }
    }
}
