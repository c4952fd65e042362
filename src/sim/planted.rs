//! Faults planted in the processes: a simulator that does not find them proves nothing.

mod owner;
mod running;

use std::sync::Arc;

use super::{
    Authority, Client, Tracing, Wiring, client, disk::Disk, run, run_with, wiring::faithful_broker,
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{
        Bounds, Broker, Change, ChangelogReader, Commit, Committed, CommittedOffset, InputLog,
        Metadata, Placement, Plan, Producer, Result, Spill, Transaction,
    },
};

/// Passes calls of a broker on to the wrapped client.
macro_rules! hand_on {
    (fence) => {
        fn fence(&self, shard: ShardId) -> Result<client::Producer> {
            self.0.fence(shard)
        }
    };
    (committed) => {
        fn committed(&self, shard: ShardId) -> Result<Vec<Option<CommittedOffset>>> {
            self.0.committed(shard)
        }
    };
    (inputs) => {
        fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>> {
            self.0.inputs(shard)
        }
    };
    (changelog) => {
        fn changelog(&self, shard: ShardId) -> Result<client::Changelog> {
            self.0.changelog(shard)
        }
    };
}

/// Number of schedules within which a planted fault must show.
const SEEDS: u64 = 300;

/// Returns the first failure that the simulator finds, and checks that the fault is its cause.
fn found<W: Wiring>(wiring: &W) -> String {
    for seed in 0..SEEDS {
        if let Err(failure) = run_with(wiring, seed, Tracing::Off) {
            assert!(run(seed, Tracing::Off).is_ok(), "seed {seed} fails without the fault, too");
            return failure.what;
        }
    }
    panic!("{SEEDS} schedules do not show the fault");
}

fn assert_found<W: Wiring>(wiring: &W, invariant: &str) {
    let what = found(wiring);
    assert!(what.starts_with(invariant), "not {invariant}: {what}");
}

struct StoreBeforeCommit;

impl Wiring for StoreBeforeCommit {
    faithful_broker!();

    fn commit(
        &self,
        _client: &Client,
        commit: &mut Commit,
        producer: &mut Self::Producer,
        store: &Disk,
        authority: &Authority,
    ) -> Result<Committed> {
        let position = commit.changelog_next;
        let spilled = commit.spill.as_mut().map(|spill: &mut Spill| spill.land(store, position));
        let spilled = spilled.transpose()?.is_some();
        let end = producer.commit(&commit.transaction, authority)?;
        Ok(Committed { changelog_next: end.unwrap_or(position), spilled })
    }
}

#[test]
fn a_store_written_before_the_commit_is_found() {
    assert_found(&StoreBeforeCommit, "R-1");
}

struct TracesMixedUp;

impl Wiring for TracesMixedUp {
    faithful_broker!();

    fn commit(
        &self,
        _client: &Client,
        commit: &mut Commit,
        producer: &mut Self::Producer,
        store: &Disk,
        authority: &Authority,
    ) -> Result<Committed> {
        let mut last = None;
        for output in &mut commit.transaction.outputs {
            std::mem::swap(&mut output.carried, &mut last);
        }
        commit.run(producer, store, authority)
    }
}

#[test]
fn headers_that_are_carried_on_from_another_record_are_found() {
    assert_found(&TracesMixedUp, "R-3");
}

struct NewerGeneration;

impl Wiring for NewerGeneration {
    faithful_broker!();

    fn authority(&self, client: &Client, _held: Option<Authority>) -> Option<Authority> {
        client.newest_authority()
    }
}

#[test]
fn a_commit_under_a_newer_generation_than_gave_the_shard_is_found() {
    assert_found(&NewerGeneration, "R-4");
}

struct OffsetsOutside;

impl Wiring for OffsetsOutside {
    faithful_broker!();

    fn commit(
        &self,
        client: &Client,
        commit: &mut Commit,
        producer: &mut Self::Producer,
        store: &Disk,
        authority: &Authority,
    ) -> Result<Committed> {
        let mut bare = Commit { spill: commit.spill.take(), ..clone(commit) };
        bare.transaction.offsets.clear();
        let committed = bare.run(producer, store, authority)?;
        client.commit_offsets(&commit.transaction)?;
        Ok(committed)
    }
}

fn clone(commit: &Commit) -> Commit {
    Commit {
        transaction: commit.transaction.clone(),
        spill: None,
        changelog_next: commit.changelog_next,
    }
}

#[test]
fn offsets_committed_outside_the_transaction_are_found() {
    assert_found(&OffsetsOutside, "R-3");
}

struct RestoreToWhatIsShown;

struct ShownBroker(Client);

struct ShownChangelog {
    inner: client::Changelog,
    client: Client,
}

impl Wiring for RestoreToWhatIsShown {
    type Producer = client::Producer;
    type Broker = ShownBroker;

    fn broker(&self, client: Client) -> ShownBroker {
        ShownBroker(client)
    }
}

impl Broker for ShownBroker {
    type Producer = client::Producer;
    type Changelog = ShownChangelog;

    hand_on!(fence);
    hand_on!(committed);
    hand_on!(inputs);

    fn changelog(&self, shard: ShardId) -> Result<ShownChangelog> {
        Ok(ShownChangelog { inner: self.0.changelog(shard)?, client: self.0.clone() })
    }
}

impl ChangelogReader for ShownChangelog {
    fn topic_id(&self) -> String {
        self.inner.topic_id()
    }

    fn bounds(&mut self) -> Result<Bounds> {
        let bounds = self.inner.bounds()?;
        Ok(Bounds { end: self.client.changelog_shown(self.inner.shard()), ..bounds })
    }

    fn seek(&mut self, from: Offset) -> Result<()> {
        self.inner.seek(from)
    }

    fn read(&mut self, change: &mut dyn FnMut(Change<'_>)) -> Result<Offset> {
        self.inner.read(change)
    }
}

#[test]
fn a_restore_that_ends_at_the_last_stable_offset_it_is_shown_is_found() {
    assert_found(&RestoreToWhatIsShown, "R-");
}

struct MissingMeansNew;

struct ForgetfulBroker(Client);

impl Wiring for MissingMeansNew {
    type Producer = client::Producer;
    type Broker = ForgetfulBroker;

    fn broker(&self, client: Client) -> ForgetfulBroker {
        ForgetfulBroker(client)
    }
}

impl Broker for ForgetfulBroker {
    type Producer = client::Producer;
    type Changelog = client::Changelog;

    hand_on!(fence);

    fn committed(&self, shard: ShardId) -> Result<Vec<Option<CommittedOffset>>> {
        let mut committed = self.0.committed(shard)?;
        if committed.iter().any(Option::is_some) {
            for (offset, log) in committed.iter_mut().zip(self.0.inputs(shard)?) {
                let (next, metadata) = (log.bounds.start, Metadata::default());
                offset.get_or_insert(CommittedOffset { next, metadata });
            }
        }
        Ok(committed)
    }

    hand_on!(inputs);
    hand_on!(changelog);
}

#[test]
fn an_offset_that_was_dropped_and_is_taken_for_that_of_a_new_group_is_found() {
    assert_found(&MissingMeansNew, "R-3");
}

struct PartitionsUnchecked;

impl Wiring for PartitionsUnchecked {
    faithful_broker!();

    fn plan(&self, client: &Client) -> Arc<Plan> {
        let placement = Arc::new(Placement::unchecked());
        Arc::new(Plan { placement, ..Plan::clone(&client.plan()) })
    }
}

#[test]
fn a_record_that_is_taken_in_another_partition_than_its_keys_is_found() {
    assert_found(&PartitionsUnchecked, "R-3");
}

struct NothingRemembered;

impl Wiring for NothingRemembered {
    faithful_broker!();

    /// What was learnt about the partitioner is lost whenever a shard is opened, and is not
    /// committed.
    fn commit(
        &self,
        _client: &Client,
        commit: &mut Commit,
        producer: &mut Self::Producer,
        store: &Disk,
        authority: &Authority,
    ) -> Result<Committed> {
        commit.transaction.metadata.partitioner = None;
        commit.run(producer, store, authority)
    }
}

#[test]
fn a_partitioner_that_is_learnt_and_not_committed_is_found() {
    assert_found(&NothingRemembered, "R-3");
}

struct FenceLate;

struct LateBroker(Client);

/// Fences older owners only when it first commits.
struct LateProducer {
    client: Client,
    inner: Option<client::Producer>,
}

impl Wiring for FenceLate {
    type Producer = LateProducer;
    type Broker = LateBroker;

    fn broker(&self, client: Client) -> LateBroker {
        LateBroker(client)
    }
}

impl Broker for LateBroker {
    type Producer = LateProducer;
    type Changelog = client::Changelog;

    fn fence(&self, _shard: ShardId) -> Result<LateProducer> {
        Ok(LateProducer { client: self.0.clone(), inner: None })
    }

    hand_on!(committed);
    hand_on!(inputs);
    hand_on!(changelog);
}

impl Producer for LateProducer {
    type Authority = Authority;

    fn commit(
        &mut self,
        transaction: &Transaction,
        authority: &Authority,
    ) -> Result<Option<Offset>> {
        let producer = match &mut self.inner {
            Some(producer) => producer,
            None => self.inner.insert(self.client.fence(transaction.shard)?),
        };
        producer.commit(transaction, authority)
    }
}

#[test]
fn a_shard_that_runs_before_its_old_owner_is_fenced_is_found() {
    assert_found(&FenceLate, "R-5");
}

struct NeverSmaller;

impl Wiring for NeverSmaller {
    faithful_broker!();

    fn shrinks(&self) -> bool {
        false
    }
}

#[test]
fn a_transaction_that_is_too_large_and_tried_again_as_it_is_is_found() {
    assert_found(&NeverSmaller, "the processes never come to rest");
}
