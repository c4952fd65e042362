//! What an error of a shard demands of the process that runs it.

use std::time::Duration;

use crate::shard::Error;

/// After being fenced, the group's word is awaited for so long: another process may own the shard,
/// and opening it would fence that one.
const FENCED_PAUSE: Duration = Duration::from_secs(1);
/// How often a shard is tried again that needs someone to fix something.
const STOPPED_PAUSE: Duration = Duration::from_secs(30);

/// What a shard is until it is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may work the next time.
    Waiting,
    /// It cannot work until someone fixes what is wrong.
    Stopped,
}

/// What becomes of a shard after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    pub verdict: Verdict,
    /// How long to wait before it is opened again.
    pub pause: Duration,
    /// How often it has failed since it was last well.
    pub failures: u32,
    /// For those who look at the shard.
    pub reason: String,
}

impl Reaction {
    /// Returns what `error` demands after so many failures, where `backoff` is the pause that grows
    /// with each.
    pub fn to(error: &Error, backoff: Duration, failures: u32) -> Self {
        let (verdict, pause, reason) = match error {
            Error::Fenced(reason) => (Verdict::Waiting, FENCED_PAUSE, reason.clone()),
            Error::Misconfigured(reason) => (Verdict::Stopped, STOPPED_PAUSE, reason.clone()),
            // It may have been fenced as well: that the brokers have ended it looks the same.
            Error::Oversized(_) => (Verdict::Waiting, backoff.max(FENCED_PAUSE), error.to_string()),
            Error::Outdated(_)
            | Error::Corrupt(_)
            | Error::Violated { .. }
            | Error::Interrupted(_) => (Verdict::Waiting, backoff, error.to_string()),
        };
        Self { verdict, pause, failures, reason }
    }
}
