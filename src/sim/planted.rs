//! Faults planted in the processes: a simulator that does not find them proves nothing.

mod entries;
mod lanes;
mod owner;
mod running;
mod schemas;

use std::sync::Arc;

use super::{
    Authority, Client, Tracing, Wiring, client, disk::Disk, producer, run, run_with,
    wiring::faithful_broker,
};
use rollcall_core::{
    record::{Offset, ShardId},
    shard::{
        Bounds, Broker, Change, ChangelogReader, Commit, CommittedOffset, End, Failed, InputLog,
        Metadata, Placement, Plan, Producer, Result, Spill, Transaction, Wait,
    },
};

/// Passes calls of a broker on to the wrapped client.
macro_rules! hand_on {
    (committed) => {
        fn committed(
            &self,
            shard: ShardId,
            wait: Wait,
        ) -> Result<Option<Vec<Option<CommittedOffset>>>> {
            self.0.committed(shard, wait)
        }
    };
    (fence) => {
        fn fence(&self, transactional_id: &str) -> Result<()> {
            self.0.fence(transactional_id)
        }
    };
    (changelog) => {
        type Changelog = $crate::client::Changelog;

        fn changelog(&self, shard: ShardId) -> Result<$crate::client::Changelog> {
            self.0.changelog(shard)
        }
    };
    (rest) => {
        fn last_committed(&self, shard: ShardId) -> Result<Option<CommittedOffset>> {
            self.0.last_committed(shard)
        }

        fn is_ours(&self, transactional_id: &str) -> bool {
            self.0.is_ours(transactional_id)
        }

        fn former_id(&self, shard: ShardId) -> String {
            self.0.former_id(shard)
        }

        fn inputs(&self, shard: ShardId) -> Result<Vec<InputLog>> {
            self.0.inputs(shard)
        }
    };
}

/// Implements the parts of [`Wiring`] of processes with another broker and a correct producer.
macro_rules! other_broker {
    ($broker:ident) => {
        type Producer = $crate::producer::Producer;
        type Broker = $broker;

        fn producer(&self, client: Client, lane: usize) -> $crate::producer::Producer {
            $crate::producer::Producer::new(client, lane)
        }

        fn broker(&self, client: Client) -> $broker {
            $broker(client)
        }
    };
}

/// Implements the parts of [`Wiring`] of processes with another producer and a correct broker.
macro_rules! other_producer {
    ($producer:ty, $make:expr) => {
        type Producer = $producer;
        type Broker = Client;

        fn producer(&self, client: Client, lane: usize) -> $producer {
            let make: fn(Client, usize) -> $producer = $make;
            make(client, lane)
        }

        fn broker(&self, client: Client) -> Client {
            client
        }
    };
}

use {hand_on, other_broker, other_producer};

/// Number of schedules within which a planted fault must show: half of those that the tests play.
const SEEDS: u64 = 500;

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

/// Checks that among the failures is one of this invariant: the fault has other effects, too.
fn assert_among<W: Wiring>(wiring: &W, invariant: &str) {
    let names = |seed| {
        let failure = run_with(wiring, seed, Tracing::Off).err()?;
        failure.what.starts_with(invariant).then_some(seed)
    };
    let seed = (0..SEEDS).find_map(names).expect("some schedule shows it");
    assert!(run(seed, Tracing::Off).is_ok(), "seed {seed} fails without the fault, too");
}

struct StoreBeforeCommit;

impl Wiring for StoreBeforeCommit {
    faithful_broker!();

    fn prepare(&self, _client: &Client, commit: &mut Commit, store: &Disk) -> Result<()> {
        let position = commit.changelog_next;
        commit.spill.as_mut().map_or(Ok(()), |spill: &mut Spill| spill.land(store, position))
    }
}

#[test]
fn a_store_written_before_the_commit_is_found() {
    assert_found(&StoreBeforeCommit, "R-1");
}

struct TracesMixedUp;

impl Wiring for TracesMixedUp {
    faithful_broker!();

    fn prepare(&self, _client: &Client, commit: &mut Commit, _store: &Disk) -> Result<()> {
        let mut last = None;
        for output in &mut commit.transaction.outputs {
            std::mem::swap(&mut output.carried, &mut last);
        }
        Ok(())
    }
}

#[test]
fn headers_that_are_carried_on_from_another_record_are_found() {
    assert_found(&TracesMixedUp, "R-3");
}

struct OffsetsOutside;

/// Commits the offsets after the transaction instead of in it.
struct OutsideProducer {
    client: Client,
    inner: producer::Producer,
}

impl Wiring for OffsetsOutside {
    other_producer!(OutsideProducer, |client, lane| {
        OutsideProducer { client: client.clone(), inner: producer::Producer::new(client, lane) }
    });
}

impl Producer for OutsideProducer {
    type Authority = Authority;

    fn commit(
        &mut self,
        parts: &[&Transaction],
        authority: &Authority,
    ) -> std::result::Result<Vec<Option<Offset>>, Failed> {
        let bare = |part: &&Transaction| Transaction { offsets: Vec::new(), ..(*part).clone() };
        let bare: Vec<Transaction> = parts.iter().map(bare).collect();
        let ends = self.inner.commit(&bare.iter().collect::<Vec<_>>(), authority)?;
        for part in parts {
            let failed = |error| Failed { error, shard: None, end: End::Unknown(None) };
            self.client.commit_offsets(part).map_err(failed)?;
        }
        Ok(ends)
    }

    fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    fn renew(&mut self) -> Result<()> {
        self.inner.renew()
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
    other_broker!(ShownBroker);
}

impl Broker for ShownBroker {
    type Changelog = ShownChangelog;

    hand_on!(fence);
    hand_on!(committed);
    hand_on!(rest);

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
    other_broker!(ForgetfulBroker);
}

impl Broker for ForgetfulBroker {
    hand_on!(changelog);
    hand_on!(fence);
    hand_on!(rest);

    fn committed(
        &self,
        shard: ShardId,
        wait: Wait,
    ) -> Result<Option<Vec<Option<CommittedOffset>>>> {
        let Some(mut committed) = self.0.committed(shard, wait)? else { return Ok(None) };
        if committed.iter().any(Option::is_some) {
            for (offset, log) in committed.iter_mut().zip(self.0.inputs(shard)?) {
                let (next, metadata) = (log.bounds.start, Metadata::default());
                offset.get_or_insert(CommittedOffset { next, metadata });
            }
        }
        Ok(Some(committed))
    }
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
    fn prepare(&self, _client: &Client, commit: &mut Commit, _store: &Disk) -> Result<()> {
        commit.transaction.metadata.partitioner = None;
        Ok(())
    }
}

#[test]
fn a_partitioner_that_is_learnt_and_not_committed_is_found() {
    assert_found(&NothingRemembered, "R-3");
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
