//! How processes are put together: as they should be, or with a fault planted.

use super::{Authority, Client, client, disk::Disk};
use crate::shard::{Broker, Commit, Committed, Producer, Result};

/// How a process reaches Kafka, which proof it commits with, and how.
pub trait Wiring: Sync {
    type Producer: Producer<Authority = Authority>;
    type Broker: Broker<Producer = Self::Producer>;

    fn broker(&self, client: Client) -> Self::Broker;

    /// Returns what to commit a shard with. `held` proves the assignment that gave the shard; a
    /// client could also be asked for the newest generation that it has heard of.
    fn authority(&self, _client: &Client, held: Option<Authority>) -> Option<Authority> {
        held
    }

    /// Tells whether a shard whose transaction was too large makes smaller ones.
    fn shrinks(&self) -> bool {
        true
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

/// Processes as they should be.
pub struct Faithful;

impl Wiring for Faithful {
    type Producer = client::Producer;
    type Broker = Client;

    fn broker(&self, client: Client) -> Client {
        client
    }
}
