//! Rollcall's side of Kafka: membership, data, transactions, changelogs and topics.
//!
//! Promise: what comes out are the values of `shard/`, and errors named by the reaction they
//! demand. Ban: no decision about records here. librdkafka's traps are noted where they are met.

mod broker;
mod changelog;
mod client;
mod context;
mod data;
mod membership;
mod native;
mod producer;
mod topics;

pub use broker::KafkaBroker;
pub use changelog::Reader;
pub use client::Connection;
pub use data::{DataConsumer, Input};
pub use membership::{Current, GroupAssignment, Membership, Owner};
pub use native::{GroupMetadata, share_arenas};
pub use producer::ShardProducer;
pub use topics::{Topics, Wanted, ensure};
