//! Rollcall's side of Kafka: membership, data, transactions, changelogs and topics.
//!
//! Promise: what comes out are the values of `shard/`, and errors named by the reaction they
//! demand. Ban: no decision about records here. librdkafka's traps are noted where they are met.

mod admin;
mod broker;
mod brokers;
mod changelog;
mod client;
mod context;
mod data;
mod flaw;
mod membership;
mod native;
mod producer;
mod reset;
mod survey;
mod token;
mod topics;
mod unfit;

pub use broker::KafkaBroker;
pub use brokers::{BrokerFigures, Brokers, Client};
pub use changelog::Reader;
pub use client::{Connection, Protocol};
pub use data::{DataConsumer, Input};
pub use flaw::Flaw;
pub use membership::{Current, GroupAssignment, Loss, Membership, Owner};
pub use native::{GroupMetadata, Kept, Member, Native};
pub use producer::ShardProducer;
pub use reset::{Changelog, Remains, remains, reset};
pub use survey::{Found, Role, Surveyed, survey};
pub use token::{Login, Refusal, Request};
pub use topics::{Topics, Wanted, ensure};
pub use unfit::Unfit;
