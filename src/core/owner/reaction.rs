//! How the process that runs a shard must react to its errors.

use std::time::Duration;

use crate::shard::Error;

/// After being fenced, wait this long for the group's assignment: another process may own the
/// shard, and opening it would fence that process.
const FENCED_PAUSE: Duration = Duration::from_secs(1);
/// How often to retry a shard that needs someone to fix something.
const STOPPED_PAUSE: Duration = Duration::from_secs(30);

/// The state of a shard until it is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next try may succeed.
    Waiting,
    /// It cannot work until someone fixes the problem.
    Stopped,
}

/// What to do with a shard after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    pub verdict: Verdict,
    /// How long to wait before it is opened again.
    pub pause: Duration,
    /// How often it has failed since it was last healthy.
    pub failures: u32,
    /// The reason shown to users.
    pub reason: String,
}

impl Reaction {
    /// Returns the reaction to `error` after this many failures; `backoff` is the pause that grows
    /// with each failure.
    pub fn to(error: &Error, backoff: Duration, failures: u32) -> Self {
        let (verdict, pause, reason) = match error {
            Error::Fenced(reason) => (Verdict::Waiting, FENCED_PAUSE, reason.clone()),
            Error::Misconfigured(reason) => (Verdict::Stopped, STOPPED_PAUSE, reason.clone()),
            // It may have been fenced as well: the brokers ending a transaction looks the same.
            Error::Oversized(_) => (Verdict::Waiting, backoff.max(FENCED_PAUSE), error.to_string()),
            Error::Outdated(_)
            | Error::Aborted(_)
            | Error::Corrupt(_)
            | Error::Violated { .. }
            | Error::Interrupted(_) => (Verdict::Waiting, backoff, error.to_string()),
        };
        Self { verdict, pause, failures, reason }
    }
}
