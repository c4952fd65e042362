//! How processes are put together: correctly, or with a planted fault.

use std::sync::Arc;

use super::{Authority, Client, disk::Disk};
use rollcall_core::{
    owner::{Cycle, Ended, Now, Opened, Release, Shards, Stay},
    record::ShardId,
    shard::{Broker, Commit, Committed, Error, Limits, Plan, Producer, Record, Result},
};

/// Implements the parts of [`Wiring`] shared by all processes that reach Kafka correctly.
macro_rules! faithful_broker {
    () => {
        type Producer = $crate::client::Producer;
        type Broker = $crate::Client;

        fn broker(&self, client: $crate::Client) -> $crate::Client {
            client
        }
    };
}
#[cfg(test)]
pub(crate) use faithful_broker;

/// How a process reaches Kafka, and how and under which authority it commits.
pub trait Wiring: Sync {
    type Producer: Producer<Authority = Authority>;
    type Broker: Broker<Producer = Self::Producer>;

    fn broker(&self, client: Client) -> Self::Broker;

    /// Returns the plan with which a shard is opened.
    fn plan(&self, client: &Client) -> Arc<Plan> {
        client.plan()
    }

    /// Returns the authority with which to commit a shard. `held` proves the assignment that gave
    /// the shard; a client could also be asked for the newest generation that it has heard of.
    fn authority(&self, _client: &Client, held: Option<Authority>) -> Option<Authority> {
        held
    }

    /// Returns how much a shard takes in before it commits.
    fn limits(&self, client: &Client) -> Limits {
        client.stage.world().setting.limits
    }

    /// Puts the records that were fetched into the order in which the shard gets them.
    fn order(&self, _records: &mut [Record<'_>]) {}

    /// Returns whether a shard whose transaction was too large makes smaller ones.
    fn shrinks(&self) -> bool {
        true
    }

    /// Begins to give a shard up.
    fn release(&self, cycle: &mut Cycle) -> Release {
        cycle.release()
    }

    /// Records how a commit ended.
    fn ended(
        &self,
        cycle: &mut Cycle,
        stay: Stay,
        result: std::result::Result<(), &Error>,
        now: Now,
    ) -> Ended {
        cycle.ended(stay, result, now)
    }

    /// Records how the opening of a shard ended.
    fn opened(
        &self,
        shards: &mut Shards,
        (shard, stay): (ShardId, Stay),
        result: std::result::Result<(), &Error>,
        now: Now,
    ) -> Opened {
        shards.opened(shard, stay, result, now)
    }

    /// Returns whether a rejected commit is sent again although its shard has been dropped.
    fn resurrects(&self) -> bool {
        false
    }

    /// Runs a commit.
    ///
    /// # Errors
    /// As [`Commit::run`].
    fn commit(
        &self,
        _client: &Client,
        commit: &mut Commit,
        producer: &mut Self::Producer,
        store: &Disk,
        authority: &Authority,
    ) -> Result<Committed> {
        commit.run(producer, store, authority)
    }
}

/// Correct processes.
pub struct Faithful;

impl Wiring for Faithful {
    faithful_broker!();
}
