//! How processes are put together: correctly, or with a planted fault.

use std::sync::Arc;

use super::{Authority, Client, disk::Disk};
use rollcall_core::{
    owner::{Cycle, Ended, Now, Opened, Release, Shards, Stay},
    record::ShardId,
    shard::{Assignment, Broker, Commit, Committed, Error, Limits, Plan, Producer, Record, Result},
};

/// Implements the parts of [`Wiring`] shared by all processes that reach Kafka correctly.
macro_rules! faithful_broker {
    () => {
        type Producer = $crate::producer::Producer;
        type Broker = $crate::Client;

        fn producer(&self, client: $crate::Client, lane: usize) -> $crate::producer::Producer {
            $crate::producer::Producer::new(client, lane)
        }

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
    type Broker: Broker;

    fn producer(&self, client: Client, lane: usize) -> Self::Producer;

    fn broker(&self, client: Client) -> Self::Broker;

    /// Returns the plan with which a shard is opened.
    fn plan(&self, client: &Client) -> Arc<Plan> {
        client.plan()
    }

    /// Returns the assignment under which to commit.
    fn assignment(
        &self,
        _client: &Client,
        current: &Assignment<Authority>,
        _parts: &[&Commit],
    ) -> Assignment<Authority> {
        current.clone()
    }

    /// Returns how much a shard takes in before it commits.
    fn limits(&self, client: &Client) -> Limits {
        client.stage.world().setting.limits
    }

    /// Puts the records that were fetched into the order in which the shard gets them.
    fn order(&self, _records: &mut [Record<'_>]) {}

    /// Returns whether a lane whose transaction was too large makes smaller ones.
    fn shrinks(&self) -> bool {
        true
    }

    /// Returns whether a shard waits for its claim before it reads its inputs.
    fn claims(&self) -> bool {
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

    /// Returns how likely a process is to wait a turn longer for what it gives up, per mille.
    fn waits_for_release(&self) -> u32 {
        900
    }

    /// Returns whether a shard is opened again while a part of it may be under way.
    fn hurries(&self) -> bool {
        false
    }

    /// Prepares a part for its transaction.
    ///
    /// # Errors
    /// Its shard fails then.
    fn prepare(&self, _client: &Client, _commit: &mut Commit, _store: &Disk) -> Result<()> {
        Ok(())
    }

    /// Applies the spill of a part whose transaction has committed.
    ///
    /// # Errors
    /// As [`Commit::land`].
    fn land(&self, commit: &mut Commit, store: &Disk, end: Option<i64>) -> Result<Committed> {
        commit.land(store, end)
    }
}

/// Correct processes.
pub struct Faithful;

impl Wiring for Faithful {
    faithful_broker!();
}
