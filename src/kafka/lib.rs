//! Rollcall's access to Kafka: membership, data, transactions, changelogs and topics.
//!
//! Promise: results are the values of `shard/`, and errors named by the reaction they demand. Ban:
//! no decision about records here. Pitfalls of librdkafka are noted where they matter.

mod admin;
mod admission;
mod broker;
mod brokers;
mod changelog;
mod client;
mod client_check;
mod contact;
mod context;
mod data;
mod fencing;
mod files;
mod fit;
mod headers;
mod limits;
mod login;
mod membership;
mod native;
mod owner;
mod producer;
mod recheck;
mod refusal;
mod reset;
mod settings;
mod survey;
mod tail;
mod token;
mod topic_error;
mod topic_problem;
mod topics;

pub use admission::{INSTANCE_ID_TAKEN, Refused, UNKNOWN as NOT_A_MEMBER};
pub use broker::KafkaBroker;
pub use brokers::{BrokerFigures, Brokers, Client};
pub use changelog::Reader;
pub use client::{Connection, Protocol};
pub use client_check::check_clients;
pub use contact::Failed;
pub use data::{DataConsumer, Input};
pub use headers::HeadersOf;
pub use login::{Login, NoLogin};
pub use membership::{Current, GroupAssignment, Loss, Membership, Owner, Standing};
pub use native::{GroupMetadata, Member, Native, Sockets, TokenClient, end_process};
pub use owner::check_owner;
pub use producer::LaneProducer;
pub use recheck::recheck;
pub use reset::{Changelog, Remains, remains, reset};
pub use settings::check_settings;
pub use survey::{Found, Role, Survey, Surveyed, survey};
pub use tail::{Tail, TailRecord};
pub use token::{Refusal, Request};
pub use topic_error::TopicError;
pub use topic_problem::{Gravity, TopicProblem};
pub use topics::{Carried, Topics, Wanted, ensure};
