//! The transactions of a lane: one at a time, each with the parts of several shards.

use std::{collections::BTreeSet, time::Duration};

use super::{Now, Pace, Stay};
use crate::{record::ShardId, shard::Size};

/// Minimum time between the starts of two transactions.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// The transactions of a lane.
#[derive(Debug, Default)]
pub struct Lane {
    /// The transaction that is under way, and the stays that have a part in it.
    transaction: Option<(Sent, BTreeSet<Stay>)>,
    /// The stays of which a spill is under way.
    landing: BTreeSet<Stay>,
    /// The number of the last transaction.
    last: Sent,
    /// When the last transaction was sent.
    sent_at: Option<Now>,
    pace: Pace,
    /// The first shard that the last transaction had no room for.
    turn: Option<ShardId>,
}

/// A transaction that a lane has sent. Later ones have larger numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent(u64);

/// A shard that has something to commit.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    pub shard: ShardId,
    pub size: Size,
}

impl Lane {
    /// Returns whether the next transaction may be sent.
    pub fn is_free(&self) -> bool {
        self.transaction.is_none()
    }

    /// Returns whether a part of a transaction, or a spill, of the stay is under way. Until neither
    /// is, its shard must not be opened again (O-1).
    pub fn has_under_way(&self, stay: Stay) -> bool {
        self.has_part(stay) || self.landing.contains(&stay)
    }

    /// Returns whether the transaction that is under way has a part of the stay.
    pub fn has_part(&self, stay: Stay) -> bool {
        self.transaction.iter().any(|(_, stays)| stays.contains(&stay))
    }

    /// Returns whether so much fills a transaction.
    pub fn is_filled_by(&self, size: Size) -> bool {
        let limit = self.pace.limit();
        size.records >= limit.records || size.bytes >= limit.bytes
    }

    /// Returns how long ago the last transaction was sent; `None` before the first.
    pub fn sent_for(&self, now: Now) -> Option<Duration> {
        self.sent_at.map(|at| now.saturating_sub(at))
    }

    /// Returns how much a shard may commit at a time, whose own commits have this pace.
    pub fn limit_of(&self, shard: Pace) -> Size {
        let (lane, shard) = (self.pace.limit(), shard.limit());
        Size { records: lane.records.min(shard.records), bytes: lane.bytes.min(shard.bytes) }
    }

    /// Returns which of the shards take part in the next transaction: as many as fit, at least one.
    /// Those left out come first the next time.
    pub fn choose(&mut self, candidates: &[Candidate]) -> Vec<ShardId> {
        let limit = self.pace.limit();
        let first = self.turn.take().map_or(0, |turn| {
            candidates.iter().position(|candidate| candidate.shard >= turn).unwrap_or(0)
        });
        let (mut chosen, mut sum) = (Vec::new(), Size { records: 0, bytes: 0 });
        let (before, after) = candidates.split_at(first);
        for Candidate { shard, size } in after.iter().chain(before) {
            sum = Size { records: sum.records + size.records, bytes: sum.bytes + size.bytes };
            if !chosen.is_empty() && (sum.records > limit.records || sum.bytes > limit.bytes) {
                self.turn = Some(*shard);
                break;
            }
            chosen.push(*shard);
        }
        chosen
    }

    /// Records that a transaction with parts of these stays was sent.
    ///
    /// # Panics
    /// When another one has not ended.
    pub fn sent(&mut self, stays: BTreeSet<Stay>, now: Now) -> Sent {
        assert!(self.is_free(), "O-3: one transaction of a lane at a time");
        self.last = Sent(self.last.0 + 1);
        self.transaction = Some((self.last, stays));
        self.sent_at = Some(now);
        self.last
    }

    /// Records that a transaction has ended, and what was learnt about how much to commit at a
    /// time. What was learnt from one that had been abandoned does not count.
    pub fn ended(&mut self, sent: Sent, learnt: Learnt) {
        if self.transaction.as_ref().is_none_or(|(current, _)| *current != sent) {
            return;
        }
        self.transaction = None;
        match learnt {
            Learnt::Committed { size, took } => self.pace.committed(size, took),
            Learnt::TooLarge { size, throttled } => self.pace.refused(size, throttled),
            Learnt::Nothing => {}
        }
    }

    /// Records that the transaction under way does not end, and that another producer takes over,
    /// which settles it before any shard is opened. Returns the stays that had a part in it.
    pub fn abandoned(&mut self) -> BTreeSet<Stay> {
        self.transaction.take().map(|(_, stays)| stays).unwrap_or_default()
    }

    /// Records that the spill of a part that was committed is on its way to the store.
    pub fn landing(&mut self, stay: Stay) {
        self.landing.insert(stay);
    }

    /// Records that the spill is there, or has failed.
    pub fn landed(&mut self, stay: Stay) {
        self.landing.remove(&stay);
    }

    /// Returns how long after the start of a transaction the next one may start, if it touches so
    /// many partitions.
    pub fn pause(touched: usize, lanes: usize, per_second: u32) -> Duration {
        let share = Duration::from_secs(1) / per_second.max(1);
        let partitions = u32::try_from((touched + 1) * lanes).unwrap_or(u32::MAX);
        share.saturating_mul(partitions).max(PAUSE_MIN)
    }
}

/// What a transaction has shown about how much to commit at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learnt {
    /// So much was committed, and that took so long.
    Committed {
        size: Size,
        took: Duration,
    },
    /// So much was too large; brokers have held the client back for so long.
    TooLarge {
        size: Size,
        throttled: Duration,
    },
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(records: &[usize]) -> Vec<Candidate> {
        let candidate = |(shard, &records): (i32, &usize)| Candidate {
            shard: ShardId(shard),
            size: Size { records, bytes: records },
        };
        (0..).zip(records).map(candidate).collect()
    }

    fn ids(shards: &[ShardId]) -> Vec<i32> {
        shards.iter().map(|shard| shard.0).collect()
    }

    #[test]
    fn a_transaction_holds_what_fits_and_those_left_out_come_first_the_next_time() {
        let mut lane = Lane::default();
        let all = candidates(&[40_000, 40_000, 40_000]);
        assert_eq!(ids(&lane.choose(&all)), [0, 1]);
        assert_eq!(ids(&lane.choose(&all)), [2, 0]);
        assert_eq!(ids(&lane.choose(&all)), [1, 2]);
    }

    #[test]
    fn one_part_is_sent_however_large() {
        let mut lane = Lane::default();
        assert_eq!(ids(&lane.choose(&candidates(&[1_000_000, 1]))), [0]);
        assert_eq!(ids(&lane.choose(&candidates(&[1_000_000, 1]))), [1]);
        assert!(lane.choose(&[]).is_empty());
    }

    #[test]
    fn fewer_parts_are_sent_after_a_transaction_was_too_large() {
        let mut lane = Lane::default();
        let sent = lane.sent([Stay(1)].into(), Duration::ZERO);
        assert!(!lane.is_free());
        let size = Size { records: 40, bytes: 1 << 20 };
        assert!(!lane.is_filled_by(size));
        lane.ended(sent, Learnt::TooLarge { size, throttled: Duration::ZERO });
        assert!(lane.is_free() && lane.is_filled_by(size));
        assert_eq!(ids(&lane.choose(&candidates(&[5, 5, 5, 5]))), [0, 1]);
    }

    #[test]
    fn a_stay_is_under_way_until_its_transaction_and_its_spill_have_ended() {
        let mut lane = Lane::default();
        let sent = lane.sent([Stay(1), Stay(2)].into(), Duration::ZERO);
        assert!(lane.has_under_way(Stay(1)) && !lane.has_under_way(Stay(3)));
        lane.ended(sent, Learnt::Nothing);
        lane.landing(Stay(1));
        assert!(lane.has_under_way(Stay(1)) && !lane.has_under_way(Stay(2)));
        lane.landed(Stay(1));
        assert!(!lane.has_under_way(Stay(1)));
    }

    #[test]
    fn the_end_of_a_transaction_that_was_abandoned_changes_nothing() {
        let mut lane = Lane::default();
        let stuck = lane.sent([Stay(1)].into(), Duration::ZERO);
        assert_eq!(lane.abandoned(), [Stay(1)].into());
        assert!(lane.is_free() && !lane.has_under_way(Stay(1)));
        lane.sent([Stay(2)].into(), Duration::ZERO);
        let size = Size { records: 40, bytes: 1 << 20 };
        lane.ended(stuck, Learnt::TooLarge { size, throttled: Duration::ZERO });
        assert!(!lane.is_free() && lane.has_under_way(Stay(2)) && !lane.is_filled_by(size));
    }

    #[test]
    fn the_pause_follows_the_number_of_partitions() {
        assert_eq!(Lane::pause(1, 1, 2_000), PAUSE_MIN);
        assert_eq!(Lane::pause(31, 2, 2_000), Duration::from_millis(32));
    }
}
