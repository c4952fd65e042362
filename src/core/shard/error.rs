//! Errors, named by the reaction they demand.

use super::Invariant;

/// What went wrong with a shard, as the reaction that it demands. Undecodable input is not here:
/// it is data, and goes to the dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Someone newer owns the shard. Drop it; if it is still ours by assignment, open it again.
    #[error("a newer owner has fenced this one: {0}")]
    Fenced(String),
    /// The transaction was certainly aborted because the group has moved on. Commit the very same
    /// transaction again under a newer assignment that holds the shard, or drop the shard.
    #[error("the transaction was refused under an outdated assignment: {0}")]
    Outdated(String),
    /// The local store does not match the changelog. Wipe it and open again.
    #[error("the local store cannot be trusted: {0}")]
    Corrupt(String),
    /// What must always hold does not: a fault of this program, to be reported. Open again: what is
    /// committed is right.
    #[error("{invariant} does not hold: {what}; please report this with the log around it")]
    Violated { invariant: Invariant, what: String },
    /// The transaction is more at a time than the brokers take, in bytes or in time. Drop the
    /// shard, open it again, and commit less at a time.
    #[error("too much for one transaction: {0}")]
    Oversized(String),
    /// It may work later, and what happened to a transaction is unknown. Open again with backoff.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// It cannot work until someone fixes it. Stop and say how.
    #[error("{0}")]
    Misconfigured(String),
}

pub type Result<T> = std::result::Result<T, Error>;
