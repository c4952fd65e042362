//! The successive commits of a running shard.

use std::time::Duration;

use super::{Now, Stay};
use crate::shard::Error;

/// How long to wait before a commit is sent again that was aborted because the group had moved on,
/// or because of another shard.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);
/// A shard is opened again after its commit was aborted again and again for this long.
const REFUSED_MAX: Duration = Duration::from_secs(60);
/// librdkafka can forget a timeout when a coordinator goes away: such a shard is opened again.
pub const STUCK_AFTER: Duration = Duration::from_secs(90);

/// The state of a shard's commits, from its opening to its release.
#[derive(Debug)]
pub struct Cycle {
    stay: Stay,
    phase: CommitPhase,
    releasing: bool,
    /// The first commit of a stay only claims the shard.
    has_claimed: bool,
    has_committed: bool,
    /// When the last commit was sent, or the stay began.
    sent_at: Now,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommitPhase {
    Idle,
    /// A commit is under way that was first sent at this time.
    Committing {
        first: Now,
    },
    /// It was certainly aborted, under an outdated assignment or because of another shard.
    Refused {
        first: Now,
        again: Now,
    },
}

/// The consequence of the end of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It succeeded, and has claimed the shard, which may process records now.
    Claimed,
    /// It succeeded. `first` tells whether it is the first one since the claim.
    Committed { first: bool },
    /// It is kept, and sent again when [`Cycle::due`] says so.
    Refused,
    /// The shard is opened again.
    Failed,
    /// The shard is being given up, and this was its last commit: the next owner repeats it.
    Left,
    /// It belongs to another stay and changes nothing.
    Stale,
}

/// What a shard that is to be given up must still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Commit what it holds, if anything. It leaves when that commit has ended.
    Commit,
    /// Wait for the commit that is under way.
    Wait,
    /// Leave now. A rejected commit is not sent again: the group's moving on may well be why the
    /// shard is given up.
    Leave,
}

/// What is due because of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Send the rejected commit again.
    Again,
    /// The shard is opened again: its commit was aborted again and again.
    Abandoned,
    /// The shard is opened again: its commit does not return.
    Stuck,
}

impl Cycle {
    /// Starts the commits of a shard that was opened in this stay.
    pub fn new(stay: Stay, now: Now) -> Self {
        Self {
            stay,
            phase: CommitPhase::Idle,
            releasing: false,
            has_claimed: false,
            has_committed: false,
            sent_at: now,
        }
    }

    pub fn stay(&self) -> Stay {
        self.stay
    }

    /// Returns whether records may be processed: those of a shard being given up would be processed
    /// twice.
    pub fn processes(&self) -> bool {
        !self.releasing
    }

    /// Returns whether the next commit may be taken. A shard that is being given up, which
    /// processes nothing any more, may commit what it still holds.
    pub fn may_commit(&self) -> bool {
        self.phase == CommitPhase::Idle
    }

    /// Returns whether a commit is under way or waiting to be sent again.
    pub fn is_committing(&self) -> bool {
        self.phase != CommitPhase::Idle
    }

    /// Returns when the last commit was sent.
    pub fn sent_at(&self) -> Now {
        self.sent_at
    }

    /// Records that a commit was sent, for the first time or again.
    ///
    /// # Panics
    /// When another one has not ended.
    pub fn sent(&mut self, now: Now) {
        let first = match self.phase {
            CommitPhase::Idle => now,
            CommitPhase::Refused { first, .. } => first,
            CommitPhase::Committing { .. } => panic!("O-2: one commit of a shard at a time"),
        };
        self.phase = CommitPhase::Committing { first };
        self.sent_at = now;
    }

    /// Records how the commit of a stay ended.
    pub fn ended(&mut self, stay: Stay, result: Result<(), &Error>, now: Now) -> Ended {
        let CommitPhase::Committing { first } = self.phase else { return Ended::Stale };
        if stay != self.stay {
            return Ended::Stale;
        }
        self.phase = CommitPhase::Idle;
        match result {
            Ok(()) if !std::mem::replace(&mut self.has_claimed, true) => Ended::Claimed,
            Ok(()) => {
                let first = !std::mem::replace(&mut self.has_committed, true);
                Ended::Committed { first }
            }
            Err(_) if self.releasing => Ended::Left,
            Err(Error::Outdated(_) | Error::Aborted(_)) => {
                self.phase = CommitPhase::Refused { first, again: now + REFUSED_PAUSE };
                Ended::Refused
            }
            Err(_) => Ended::Failed,
        }
    }

    /// Returns what is due.
    pub fn due(&self, now: Now) -> Due {
        match self.phase {
            CommitPhase::Refused { first, .. } if now.saturating_sub(first) > REFUSED_MAX => {
                Due::Abandoned
            }
            CommitPhase::Refused { again, .. } if again <= now => Due::Again,
            CommitPhase::Committing { .. } if now.saturating_sub(self.sent_at) > STUCK_AFTER => {
                Due::Stuck
            }
            CommitPhase::Idle | CommitPhase::Refused { .. } | CommitPhase::Committing { .. } => {
                Due::Nothing
            }
        }
    }

    /// Starts giving up the shard, and returns what remains to be done.
    pub fn release(&mut self) -> Release {
        self.releasing = true;
        match self.phase {
            CommitPhase::Idle => Release::Commit,
            CommitPhase::Committing { .. } => Release::Wait,
            CommitPhase::Refused { .. } => Release::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAY: Stay = Stay(3);

    fn at(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn outdated() -> Error {
        Error::Outdated("the group has moved on".to_owned())
    }

    #[test]
    fn the_claim_and_the_first_commit_of_a_stay_are_told_from_later_ones() {
        let mut cycle = Cycle::new(STAY, at(0));
        cycle.sent(at(1));
        assert_eq!(cycle.ended(STAY, Ok(()), at(2)), Ended::Claimed);
        for first in [true, false] {
            assert!(cycle.may_commit());
            cycle.sent(at(1));
            assert!(!cycle.may_commit() && cycle.is_committing());
            assert_eq!(cycle.ended(STAY, Ok(()), at(2)), Ended::Committed { first });
        }
    }

    #[test]
    fn a_refused_commit_is_sent_again_until_no_assignment_holds_the_shard_for_long() {
        let mut cycle = Cycle::new(STAY, at(0));
        cycle.sent(at(1));
        assert_eq!(cycle.ended(STAY, Err(&outdated()), at(2)), Ended::Refused);
        assert_eq!(cycle.due(at(2)), Due::Nothing);
        assert_eq!(cycle.due(at(3)), Due::Again);
        cycle.sent(at(3));
        assert_eq!(cycle.due(at(3)), Due::Nothing, "it is under way");
        assert_eq!(cycle.ended(STAY, Err(&outdated()), at(62)), Ended::Refused);
        assert_eq!(cycle.due(at(62)), Due::Abandoned, "counted from when it was first sent");
    }

    #[test]
    fn a_refused_commit_of_a_shard_that_is_given_up_is_not_sent_again() {
        let mut cycle = Cycle::new(STAY, at(0));
        cycle.sent(at(1));
        assert_eq!(cycle.ended(STAY, Err(&outdated()), at(2)), Ended::Refused);
        assert_eq!(cycle.release(), Release::Leave);
        cycle = Cycle::new(STAY, at(0));
        cycle.sent(at(1));
        assert_eq!(cycle.release(), Release::Wait);
        assert_eq!(cycle.ended(STAY, Err(&outdated()), at(2)), Ended::Left);
    }

    #[test]
    fn a_shard_that_is_given_up_commits_once_more_and_processes_nothing() {
        let mut cycle = Cycle::new(STAY, at(0));
        cycle.sent(at(1));
        assert_eq!(cycle.release(), Release::Wait);
        assert_eq!(cycle.ended(STAY, Ok(()), at(2)), Ended::Claimed);
        assert!(!cycle.processes());
        assert_eq!(cycle.release(), Release::Commit);
    }

    #[test]
    fn what_ends_of_another_stay_changes_nothing() {
        let mut cycle = Cycle::new(STAY, at(0));
        cycle.sent(at(1));
        assert_eq!(cycle.ended(Stay(2), Ok(()), at(2)), Ended::Stale);
        assert!(cycle.is_committing());
    }

    #[test]
    fn a_commit_that_does_not_return_is_stuck() {
        let mut cycle = Cycle::new(STAY, at(0));
        assert_eq!(cycle.due(at(1_000)), Due::Nothing, "there is none");
        cycle.sent(at(1_000));
        assert_eq!(cycle.due(at(1_090)), Due::Nothing);
        assert_eq!(cycle.due(at(1_091)), Due::Stuck);
    }
}
