//! Faults in who runs what: openings, releases and commits that outlive their stay.

use super::assert_found;
use crate::{Wiring, wiring::faithful_broker};
use rollcall_core::{
    owner::{Cycle, Now, Opened, Release, Shards, Standing, Stay},
    record::ShardId,
    shard::Error,
};

struct OpenedForAnyStay;

impl Wiring for OpenedForAnyStay {
    faithful_broker!();

    fn opened(
        &self,
        shards: &mut Shards,
        (shard, stay): (ShardId, Stay),
        result: std::result::Result<(), &Error>,
        now: Now,
    ) -> Opened {
        match shards.opened(shard, stay, result, now) {
            Opened::Discard if result.is_ok() => Opened::Run(Standing::default()),
            opened => opened,
        }
    }
}

#[test]
fn a_shard_that_runs_twice_in_one_process_is_found() {
    assert_found(&OpenedForAnyStay, "O-1");
}

struct ReleaseForgetsCommit;

impl Wiring for ReleaseForgetsCommit {
    faithful_broker!();

    fn release(&self, cycle: &mut Cycle) -> Release {
        match cycle.release() {
            Release::Wait => Release::Leave,
            release => release,
        }
    }
}

#[test]
fn a_release_that_forgets_a_commit_under_way_is_found() {
    assert_found(&ReleaseForgetsCommit, "O-2");
}

struct RefusedIsSentAfterRelease;

impl Wiring for RefusedIsSentAfterRelease {
    faithful_broker!();

    fn resurrects(&self) -> bool {
        true
    }
}

#[test]
fn a_refused_commit_that_is_sent_again_after_its_shard_was_given_away_is_found() {
    assert_found(&RefusedIsSentAfterRelease, "O-2");
}
