//! Errors, named by the reaction they demand.

use crate::shard::Invariant;

/// What went wrong with a shard, named by the reaction it demands. Undecodable input is not an
/// error: it is data, and goes to the dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A newer owner has the shard. Drop it; if it is still ours by assignment, open it again.
    #[error("a newer owner has fenced this one: {0}")]
    Fenced(String),
    /// The transaction was certainly aborted because the group has moved on. Commit the same
    /// transaction again under a newer assignment that holds the shard, or drop the shard.
    #[error("the transaction was refused under an outdated assignment: {0}")]
    Outdated(String),
    /// The transaction was certainly aborted for a reason that is not this shard's: another part
    /// of it was rejected, or its lane was fenced. Commit the same again.
    #[error("the transaction was aborted: {0}")]
    Aborted(String),
    /// The local store does not match the changelog. Wipe it and open again.
    #[error("the local store cannot be trusted: {0}")]
    Corrupt(String),
    /// An invariant does not hold: a bug in this program, to be reported. Open again: what is
    /// committed is right.
    #[error("{invariant} does not hold: {what}; please report this with the log around it")]
    Violated { invariant: Invariant, what: String },
    /// The transaction is more than the brokers accept at a time, in bytes or in duration. Drop the
    /// shard, open it again, and commit less at a time.
    #[error("too much for one transaction: {0}")]
    Oversized(String),
    /// It may work later, and the outcome of a transaction is unknown. Open again with backoff.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// It cannot work until someone fixes it. Stop and say how.
    #[error("{0}")]
    Misconfigured(String),
}

pub type Result<T> = std::result::Result<T, Error>;
