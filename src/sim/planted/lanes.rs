//! Faults in transactions that hold the parts of several shards: whose authority they use, when a
//! shard opens beside one that is open, what a process makes of one whose result is unknown.

use super::{assert_among, assert_found, hand_on, other_broker, other_producer};
use crate::{Authority, Client, Wiring, producer, wiring::faithful_broker};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{
        Assignment, Broker, Commit, CommittedOffset, End, Failed, InputLog, Producer, Result,
        Transaction, Wait,
    },
};

struct NewerGeneration;

impl Wiring for NewerGeneration {
    faithful_broker!();

    fn assignment(
        &self,
        client: &Client,
        current: &Assignment<Authority>,
        _parts: &[&Commit],
    ) -> Assignment<Authority> {
        let authority = client.newest_authority().map(Into::into);
        let authority = authority.unwrap_or_else(|| current.authority.clone());
        Assignment { authority, ..current.clone() }
    }
}

#[test]
fn a_commit_under_a_newer_generation_than_gave_the_shard_is_found() {
    assert_found(&NewerGeneration, "R-4");
}

struct TenureIgnored;

impl Wiring for TenureIgnored {
    faithful_broker!();

    /// A shard that is lost and comes back is taken for the one that it was.
    fn assignment(
        &self,
        _client: &Client,
        current: &Assignment<Authority>,
        parts: &[&Commit],
    ) -> Assignment<Authority> {
        let mut assignment = current.clone();
        for part in parts {
            if let Some(tenure) = assignment.shards.get_mut(&part.transaction.shard) {
                *tenure = part.tenure;
            }
        }
        assignment
    }

    fn waits_for_release(&self) -> u32 {
        0
    }
}

#[test]
fn a_part_of_an_earlier_tenure_that_is_committed_is_found() {
    assert_found(&TenureIgnored, "R-");
}

struct OpenedBesideItsOwnPart;

impl Wiring for OpenedBesideItsOwnPart {
    faithful_broker!();

    fn hurries(&self) -> bool {
        true
    }
}

#[test]
fn a_shard_that_is_opened_while_a_part_of_it_is_under_way_is_found() {
    assert_found(&OpenedBesideItsOwnPart, "");
}

struct OffsetsUnstable;

/// Does not wait for the transaction that holds a shard's offsets.
struct HastyBroker(Client);

impl Wiring for OffsetsUnstable {
    other_broker!(HastyBroker);
}

impl Broker for HastyBroker {
    hand_on!(changelog);
    hand_on!(fence);
    hand_on!(rest);

    fn committed(
        &self,
        shard: ShardId,
        _wait: Wait,
    ) -> Result<Option<Vec<Option<CommittedOffset>>>> {
        let world = self.0.call()?;
        let inputs = 0..world.setting.inputs();
        Ok(Some(inputs.map(|input| world.cluster.group.last(shard, input)).collect()))
    }
}

#[test]
fn a_shard_that_goes_on_from_offsets_beside_an_open_transaction_is_found() {
    assert_among(&OffsetsUnstable, "R-5");
}

struct NothingFenced;

/// Waits for transactions that were left open instead of ending them.
struct PatientBroker(Client);

impl Wiring for NothingFenced {
    other_broker!(PatientBroker);
}

impl Broker for PatientBroker {
    hand_on!(changelog);
    hand_on!(committed);
    hand_on!(rest);

    fn fence(&self, _transactional_id: &str) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_takeover_that_waits_for_the_brokers_to_end_a_transaction_is_found() {
    assert_found(&NothingFenced, "the processes never come to rest");
}

struct UnclaimedShardsRun;

impl Wiring for UnclaimedShardsRun {
    faithful_broker!();

    fn claims(&self) -> bool {
        false
    }
}

#[test]
fn a_shard_that_processes_records_before_its_claim_is_found() {
    assert_found(&UnclaimedShardsRun, "R-4");
}

/// What a producer says instead of what is certain.
struct LyingProducer {
    inner: producer::Producer,
    lie: fn(Failed) -> std::result::Result<(), Failed>,
}

impl Producer for LyingProducer {
    type Authority = Authority;

    fn commit(
        &mut self,
        parts: &[&Transaction],
        authority: &Authority,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed> {
        self.inner.commit(parts, authority).or_else(|failed| {
            let ends = match &failed.end {
                End::Unknown(Some(ends)) => ends.clone(),
                _ => return Err(failed),
            };
            // As far as the lane is concerned, nothing has happened to the producer.
            if self.inner.renew().is_err() {
                return Err(failed);
            }
            (self.lie)(failed).map(|()| ends)
        })
    }

    fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    fn renew(&mut self) -> Result<()> {
        self.inner.renew()
    }
}

struct UnknownMeansAborted;

impl Wiring for UnknownMeansAborted {
    other_producer!(LyingProducer, |client, lane| {
        let lie = |failed| Err(Failed { end: End::Aborted, ..failed });
        LyingProducer { inner: producer::Producer::new(client, lane), lie }
    });
}

#[test]
fn a_transaction_of_unknown_result_that_is_simply_sent_again_is_found() {
    assert_found(&UnknownMeansAborted, "R-");
}

struct UnknownMeansCommitted;

impl Wiring for UnknownMeansCommitted {
    other_producer!(LyingProducer, |client, lane| {
        LyingProducer { inner: producer::Producer::new(client, lane), lie: |_| Ok(()) }
    });
}

#[test]
fn a_transaction_of_unknown_result_that_is_taken_for_committed_is_found() {
    assert_found(&UnknownMeansCommitted, "R-");
}
