//! The shards that the group has assigned to this process.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Now, Pace, Reaction, Stay, backoff::Backoff};
use crate::{
    record::ShardId,
    shard::{Error, Tenure},
};

/// Maximum number of shards opened at a time: brokers and disks take most of the time, restoring
/// uses a core.
const OPENINGS_MAX: usize = 8;
/// How often to retry a shard that there was no room for.
const CROWDED_PAUSE: Duration = Duration::from_secs(5);

/// Every shard of this process, by state.
#[derive(Debug, Default)]
pub struct Shards {
    owned: BTreeMap<ShardId, Owned>,
    /// Openings that have not ended, including those of shards lost meanwhile.
    openings: BTreeMap<ShardId, Stay>,
    /// Stays that have ended, of which a part of a transaction or a spill may be under way.
    leaving: BTreeMap<ShardId, Stay>,
    stays: u64,
}

#[derive(Debug)]
struct Owned {
    tenure: Tenure,
    phase: Phase,
    backoff: Backoff,
    standing: Standing,
    store: Trust,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Queued,
    Opening(Stay),
    Running(Stay),
    /// It has failed, and is opened again at this time.
    Waiting(Now),
    /// There was no room for it; the next check is at this time.
    Crowded(Now),
}

/// The result of a shard's earlier commits.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Why the last commit failed, until one succeeds: until then the shard does not count as
    /// running.
    pub unproven: Option<String>,
    pub pace: Pace,
}

/// Whether the files on disk may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    #[default]
    Kept,
    /// They were found damaged: they are deleted before the shard is opened, and restored.
    Lost,
}

/// A shard to open now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    pub shard: ShardId,
    pub stay: Stay,
    pub tenure: Tenure,
    pub store: Trust,
}

/// What to do with a shard whose opening has ended.
#[derive(Debug)]
pub enum Opened {
    /// It runs.
    Run(Standing),
    /// It is opened again, either after a pause or when someone has fixed the problem.
    Failed(Reaction),
    /// It was lost meanwhile: close what was opened.
    Discard,
}

impl Shards {
    /// Returns how many shards this process has.
    pub fn count(&self) -> usize {
        self.owned.len()
    }

    /// Returns how many shards take room: those that run or are being opened.
    pub fn active(&self) -> usize {
        let runs = |owned: &&Owned| matches!(owned.phase, Phase::Running(_));
        self.owned.values().filter(runs).count() + self.openings.len()
    }

    /// Returns how many shards are waiting for room.
    pub fn crowded(&self) -> usize {
        let waits = |owned: &&Owned| matches!(owned.phase, Phase::Crowded(_));
        self.owned.values().filter(waits).count()
    }

    /// Returns whether any shard is still to be opened.
    pub fn is_incomplete(&self) -> bool {
        !self.openings.is_empty()
            || self.owned.values().any(|owned| !matches!(owned.phase, Phase::Running(_)))
    }

    /// Returns the stay in which a shard runs, if it does.
    pub fn stay_of(&self, shard: ShardId) -> Option<Stay> {
        match self.owned.get(&shard)?.phase {
            Phase::Running(stay) => Some(stay),
            Phase::Queued | Phase::Opening(_) | Phase::Waiting(_) | Phase::Crowded(_) => None,
        }
    }

    /// Records the shards that the group has assigned.
    pub fn gained(&mut self, shards: &BTreeMap<ShardId, Tenure>) {
        for (&shard, &tenure) in shards {
            self.owned.insert(shard, Owned::of(tenure));
        }
    }

    /// Records the shards that are being revoked, and returns those that run: they are to be
    /// released.
    pub fn losing(&mut self, shards: &BTreeSet<ShardId>) -> Vec<ShardId> {
        let mut running = Vec::new();
        for &shard in shards {
            let owned = self.owned.remove(&shard);
            if let Some(Owned { phase: Phase::Running(stay), .. }) = owned {
                self.leaving.insert(shard, stay);
                running.push(shard);
            }
        }
        running
    }

    /// Records that nothing of a stay that has ended is under way any more.
    pub fn closed(&mut self, shard: ShardId, stay: Stay) {
        if self.leaving.get(&shard) == Some(&stay) {
            self.leaving.remove(&shard);
        }
    }

    /// Returns the next shard to open, if one is due and not too many are being opened. From then
    /// on it counts as being opened.
    pub fn next_to_open(&mut self, now: Now) -> Option<Next> {
        let opens = |owned: &&Owned| matches!(owned.phase, Phase::Opening(_));
        if self.owned.values().filter(opens).count() >= OPENINGS_MAX {
            return None;
        }
        let is_due = |phase: Phase| match phase {
            Phase::Queued => true,
            Phase::Waiting(until) | Phase::Crowded(until) => until <= now,
            Phase::Opening(_) | Phase::Running(_) => false,
        };
        // O-1: an opening of an earlier stay must end first, and whatever was under way of one. A
        // part of a transaction would otherwise be committed after the offsets were read.
        let (openings, leaving) = (&self.openings, &self.leaving);
        let may_open = |(shard, owned): &(&ShardId, &mut Owned)| {
            is_due(owned.phase) && !openings.contains_key(shard) && !leaving.contains_key(shard)
        };
        let (&shard, owned) = self.owned.iter_mut().find(may_open)?;
        self.stays += 1;
        let stay = Stay(self.stays);
        owned.phase = Phase::Opening(stay);
        self.openings.insert(shard, stay);
        Some(Next { shard, stay, tenure: owned.tenure, store: owned.store })
    }

    /// Records that there is no room for a shard that was to be opened.
    pub fn no_room(&mut self, shard: ShardId, now: Now) {
        self.openings.remove(&shard);
        if let Some(owned) = self.owned.get_mut(&shard) {
            owned.phase = Phase::Crowded(now + CROWDED_PAUSE);
        }
    }

    /// Records how the opening of a shard ended.
    pub fn opened(
        &mut self,
        shard: ShardId,
        stay: Stay,
        result: Result<(), &Error>,
        now: Now,
    ) -> Opened {
        if self.openings.get(&shard) == Some(&stay) {
            self.openings.remove(&shard);
        }
        let of_this_stay = |owned: &&mut Owned| owned.phase == Phase::Opening(stay);
        let Some(owned) = self.owned.get_mut(&shard).filter(of_this_stay) else {
            return Opened::Discard;
        };
        match result {
            Ok(()) => {
                owned.phase = Phase::Running(stay);
                owned.backoff.opened(now);
                owned.store = Trust::Kept;
                Opened::Run(owned.standing.clone())
            }
            Err(error) => Opened::Failed(owned.failed(error, now)),
        }
    }

    /// Records the first commit of a stay.
    pub fn committed(&mut self, shard: ShardId, stay: Stay, now: Now) {
        let owned = self.owned.get_mut(&shard);
        if let Some(owned) = owned.filter(|owned| owned.phase == Phase::Running(stay)) {
            owned.backoff.committed(now);
            owned.standing.unproven = None;
        }
    }

    /// Records that a running shard had to be closed, and returns what to do with it; `None` if
    /// that stay has already ended.
    pub fn dropped(
        &mut self,
        shard: ShardId,
        stay: Stay,
        error: &Error,
        left: &Left,
        now: Now,
    ) -> Option<Reaction> {
        let owned =
            self.owned.get_mut(&shard).filter(|owned| owned.phase == Phase::Running(stay))?;
        self.leaving.insert(shard, stay);
        owned.standing.pace = left.pace;
        if left.cause == Cause::Commit {
            owned.standing.unproven = Some(format!("the last commit failed: {error}"));
        }
        Some(owned.failed(error, now))
    }
}

/// How a failed shard was closed.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    pub pace: Pace,
    pub cause: Cause,
}

/// What has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Commit,
    Other,
}

impl Owned {
    fn of(tenure: Tenure) -> Self {
        let (phase, backoff) = (Phase::default(), Backoff::default());
        let (standing, store) = (Standing::default(), Trust::default());
        Self { tenure, phase, backoff, standing, store }
    }

    fn failed(&mut self, error: &Error, now: Now) -> Reaction {
        let backoff = self.backoff.failed(now);
        if matches!(error, Error::Corrupt(_)) {
            self.store = Trust::Lost;
        }
        let reaction = Reaction::to(error, backoff, self.backoff.failures());
        self.phase = Phase::Waiting(now + reaction.pause);
        reaction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId(5);

    fn at(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn set(shards: impl IntoIterator<Item = u32>) -> BTreeSet<ShardId> {
        shards.into_iter().map(|shard| ShardId(shard.try_into().expect("small"))).collect()
    }

    fn left(cause: Cause) -> Left {
        Left { pace: Pace::default(), cause }
    }

    fn given(shards: impl IntoIterator<Item = u32>) -> BTreeMap<ShardId, Tenure> {
        set(shards).into_iter().map(|shard| (shard, Tenure(1))).collect()
    }

    fn interrupted() -> Error {
        Error::Interrupted("no broker answers".to_owned())
    }

    /// A process whose only shard runs, and its stay.
    fn running() -> (Shards, Stay) {
        let mut shards = Shards::default();
        shards.gained(&given([5]));
        let Next { stay, .. } = shards.next_to_open(at(0)).expect("it is due");
        assert!(matches!(shards.opened(SHARD, stay, Ok(()), at(1)), Opened::Run(_)));
        (shards, stay)
    }

    #[test]
    fn a_few_shards_are_opened_at_a_time() {
        let mut shards = Shards::default();
        shards.gained(&given(0..12));
        let mut opening = Vec::new();
        while let Some(next) = shards.next_to_open(at(0)) {
            opening.push(next);
        }
        assert_eq!((opening.len(), shards.active()), (OPENINGS_MAX, OPENINGS_MAX));
        let Next { shard, stay, .. } = opening[0];
        assert!(matches!(shards.opened(shard, stay, Ok(()), at(1)), Opened::Run(_)));
        assert!(shards.next_to_open(at(1)).is_some_and(|next| next.shard == ShardId(8)));
        assert!(shards.is_incomplete());
    }

    #[test]
    fn what_was_opened_for_an_earlier_stay_is_discarded_and_the_next_one_waits_for_it() {
        let mut shards = Shards::default();
        shards.gained(&given([5]));
        let Next { stay, .. } = shards.next_to_open(at(0)).expect("it is due");
        assert!(shards.losing(&set([5])).is_empty(), "it does not run");
        shards.gained(&given([5]));
        assert_eq!(shards.next_to_open(at(1)), None, "it is still being opened");
        assert!(matches!(shards.opened(SHARD, stay, Ok(()), at(2)), Opened::Discard));
        let next = shards.next_to_open(at(2)).expect("it is due");
        assert!(next.stay > stay);
    }

    #[test]
    fn a_shard_that_is_dropped_is_opened_again_after_a_while() {
        let (mut shards, stay) = running();
        let reaction = shards.dropped(SHARD, stay, &interrupted(), &left(Cause::Commit), at(9));
        let reaction = reaction.expect("it ran");
        assert_eq!((reaction.verdict, reaction.failures), (super::super::Verdict::Waiting, 1));
        assert_eq!(shards.next_to_open(at(9)), None);
        assert_eq!(shards.next_to_open(at(10)), None, "its last commit may be under way");
        shards.closed(SHARD, stay);
        let Next { stay, store, .. } = shards.next_to_open(at(10)).expect("it is due");
        assert_eq!(store, Trust::Kept);
        let Opened::Run(standing) = shards.opened(SHARD, stay, Ok(()), at(11)) else {
            panic!("it runs")
        };
        assert!(standing.unproven.is_some(), "until a commit is in");
        shards.committed(SHARD, stay, at(12));
        shards.dropped(SHARD, stay, &interrupted(), &left(Cause::Other), at(13)).expect("it ran");
        shards.closed(SHARD, stay);
        let Next { stay, .. } = shards.next_to_open(at(20)).expect("it is due");
        let Opened::Run(standing) = shards.opened(SHARD, stay, Ok(()), at(21)) else {
            panic!("it runs")
        };
        assert_eq!(standing.unproven, None, "no commit is what has failed");
    }

    #[test]
    fn what_is_said_of_an_earlier_stay_changes_nothing() {
        let (mut shards, stay) = running();
        assert_eq!(shards.losing(&set([5])), [SHARD]);
        assert_eq!(shards.dropped(SHARD, stay, &interrupted(), &left(Cause::Commit), at(2)), None);
        shards.gained(&given([5]));
        assert_eq!(shards.dropped(SHARD, stay, &interrupted(), &left(Cause::Commit), at(2)), None);
        shards.closed(SHARD, Stay(0));
        assert_eq!(shards.next_to_open(at(2)), None, "another stay was closed");
        shards.closed(SHARD, stay);
        let next = shards.next_to_open(at(2)).expect("nothing of it has failed");
        assert!(next.stay > stay);
    }

    #[test]
    fn a_store_that_is_damaged_is_deleted_before_the_shard_is_opened() {
        let (mut shards, stay) = running();
        let damaged = Error::Corrupt("a block does not add up".to_owned());
        shards.dropped(SHARD, stay, &damaged, &left(Cause::Other), at(2)).expect("it ran");
        shards.closed(SHARD, stay);
        let Next { stay, store, .. } = shards.next_to_open(at(9)).expect("it is due");
        assert_eq!(store, Trust::Lost);
        let failed = shards.opened(SHARD, stay, Err(&interrupted()), at(9));
        assert!(matches!(failed, Opened::Failed(_)));
        let Next { stay, store, .. } = shards.next_to_open(at(30)).expect("it is due");
        assert_eq!(store, Trust::Lost, "it may not have come to that");
        assert!(matches!(shards.opened(SHARD, stay, Ok(()), at(30)), Opened::Run(_)));
    }

    #[test]
    fn a_shard_without_room_is_tried_again_and_takes_none_meanwhile() {
        let mut shards = Shards::default();
        shards.gained(&given([5]));
        let next = shards.next_to_open(at(0)).expect("it is due");
        shards.no_room(next.shard, at(0));
        assert_eq!((shards.active(), shards.crowded()), (0, 1));
        assert_eq!(shards.next_to_open(at(4)), None);
        assert!(shards.next_to_open(at(5)).is_some());
    }
}
