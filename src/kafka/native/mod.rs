//! The librdkafka calls that the Rust client does not offer, or offers at too high a price.
//!
//! Promise: safe types; no pointer leaves this folder. Ban: no `unsafe` anywhere else. Each
//! `unsafe` block states what it relies on.
#![allow(unsafe_code, reason = "the one place where librdkafka is called directly")]

mod consumer;
mod deliveries;
mod describe;
mod events;
mod failure;
mod group;
mod group_members;
mod headers;
mod logs;
mod memory;
mod producer;
mod sockets;
mod tokens;

pub use consumer::{Fetched, Queue};
pub use describe::{Description, cluster_id, describe, topic_ids};
pub use events::Events;
pub use failure::Failure;
pub use group::{GroupMetadata, assignment_lost, incremental_assign_paused, incremental_unassign};
pub use group_members::{Member, group_is_live, group_members};
pub use headers::MessageHeaders;
pub use logs::lead_logs;
pub use producer::{NativeProducer, Outgoing, TopicHandle};
pub use sockets::Sockets;
pub use tokens::{Handle, Native, Token, TokenClient, TokenRegistry};

/// Converts a time to milliseconds, as librdkafka takes it.
fn millis(time: std::time::Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// Ends the process at once and without an error, whatever its threads are doing.
///
/// A normal exit runs the exit handlers of libraries while threads still use them.
pub fn end_process() -> ! {
    // SAFETY: nothing runs after it, and there is nothing that it relies on.
    unsafe { libc::_exit(0) }
}
