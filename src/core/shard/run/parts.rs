//! Commits the parts of several shards in one transaction, and finds out what has become of it
//! if its result is unknown.
//!
//! Promise: no part fails because of another one. It fails for a reason of its own or of the whole
//! lane; otherwise it has committed, or was certainly aborted and may be sent again.

use crate::record::Offset;
use crate::shard::{
    Assignment, Broker, Commit, CommittedOffset, End, Error, Failed, Producer, Result, Size,
    Transaction, Wait,
};

/// What has become of a part of a failed transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shard) enum Fate {
    Committed,
    Aborted,
    /// Another owner has committed since.
    Overtaken,
    /// It could not be found out.
    Unknown,
}

/// The result of an attempt to commit several parts together.
#[derive(Debug)]
pub struct Attempt {
    /// For each part, where its changes end in the changelog; `None` if it has none.
    /// [`Error::Outdated`] and [`Error::Aborted`] are certain: the same part may be sent again.
    pub results: Vec<Result<Option<Offset>>>,
    /// The size of all parts, if they were too much together, and none of them alone.
    pub too_large: Option<Size>,
}

/// Commits all parts whose shards this process still has in the same tenure.
///
/// If the result is unknown, `again` is asked before each attempt to find it out, with the error
/// and the number of attempts that have failed since the last success, and returns whether to make
/// it.
pub fn commit_parts<P: Producer, B: Broker>(
    parts: &[&Commit],
    producer: &mut P,
    broker: &B,
    assignment: Option<&Assignment<P::Authority>>,
    again: &mut dyn FnMut(&Error, u32) -> bool,
) -> Attempt {
    let outdated = || Err(Error::Outdated("the group has not given us the shard".to_owned()));
    let mut results: Vec<_> = parts.iter().map(|_| outdated()).collect();
    let Some(assignment) = assignment else { return Attempt { results, too_large: None } };
    // each part in its own tenure, all of them under the authority of one assignment.
    let admits = |part: &Commit| assignment.admits(part.transaction.shard, part.tenure);
    let sent: Vec<usize> = (0..parts.len()).filter(|&n| admits(parts[n])).collect();
    if sent.is_empty() {
        return Attempt { results, too_large: None };
    }
    let transactions: Vec<&Transaction> = sent.iter().map(|&n| &parts[n].transaction).collect();
    let failed = match producer.commit(&transactions, &assignment.authority) {
        Ok(ends) => {
            for (n, end) in sent.into_iter().zip(ends) {
                results[n] = Ok(end);
            }
            return Attempt { results, too_large: None };
        }
        Err(failed) => failed,
    };
    let together = sent.len() > 1 && failed.shard.is_none();
    let size = || Size::sum(transactions.iter().map(|part| part.size()));
    let too_large = (together && matches!(failed.error, Error::Oversized(_))).then(size);
    let joint = Joint { failed: &failed, together };
    let is_settled = match failed.end {
        End::Aborted => true,
        End::Unknown(_) => tried(&failed.error, || producer.renew(), again).is_some(),
    };
    for (position, n) in sent.into_iter().enumerate() {
        let fate = match failed.end {
            End::Aborted => Fate::Aborted,
            End::Unknown(_) if is_settled => find_fate(&failed, parts[n], broker, again),
            End::Unknown(_) => Fate::Unknown,
        };
        results[n] = joint.result_of(parts[n], position, fate);
    }
    Attempt { results, too_large }
}

/// Makes a call after `error`, and again after each error of its own, as long as it may.
fn tried<T>(
    error: &Error,
    mut call: impl FnMut() -> Result<T>,
    again: &mut dyn FnMut(&Error, u32) -> bool,
) -> Option<T> {
    let (mut error, mut failures) = (error.clone(), 0);
    while again(&error, failures) {
        match call() {
            Ok(done) => return Some(done),
            Err(next) => (error, failures) = (next, failures + 1),
        }
    }
    None
}

/// Finds out what has become of a part whose transaction has ended: the committed offsets have the
/// number of the commit that they belong to. If a transaction holds them, it is another owner's.
fn find_fate<B: Broker>(
    failed: &Failed,
    part: &Commit,
    broker: &B,
    again: &mut dyn FnMut(&Error, u32) -> bool,
) -> Fate {
    let shard = part.transaction.shard;
    match tried(&failed.error, || broker.committed(shard, Wait::Short), again) {
        Some(Some(committed)) => fate(&part.transaction, &committed),
        Some(None) => Fate::Overtaken,
        None => Fate::Unknown,
    }
}

fn fate(transaction: &Transaction, committed: &[Option<CommittedOffset>]) -> Fate {
    let there = |input: usize| committed.get(input).and_then(Option::as_ref);
    let (number, owner) = there(0)
        .map_or((0, None), |offset| (offset.metadata.commit, offset.metadata.owner.as_deref()));
    let ours = &transaction.metadata;
    let mut offsets = transaction.offsets.iter();
    let all_there =
        offsets.all(|&(input, next)| there(input).is_some_and(|offset| offset.next == next));
    if number == ours.commit && owner == ours.owner.as_deref() && all_there {
        Fate::Committed
    } else if number + 1 == ours.commit {
        Fate::Aborted
    } else {
        Fate::Overtaken
    }
}

/// A failed transaction, as each of its parts sees it.
struct Joint<'a> {
    failed: &'a Failed,
    /// It had several parts, and none of them alone is known to be the cause.
    together: bool,
}

impl Joint<'_> {
    /// Returns the result of a part; `position` is its place among the parts that were sent.
    fn result_of(&self, part: &Commit, position: usize, fate: Fate) -> Result<Option<Offset>> {
        let Self { failed: Failed { error, shard, end }, together } = self;
        let is_cause = *shard == Some(part.transaction.shard);
        match (fate, end, error) {
            (Fate::Committed, End::Unknown(Some(ends)), _) => Ok(ends[position]),
            (Fate::Committed, ..) => {
                Err(Error::Interrupted(format!("committed in the end: {error}")))
            }
            (Fate::Overtaken, ..) => {
                Err(Error::Fenced(format!("another owner has committed since: {error}")))
            }
            (Fate::Unknown, ..) => Err(Error::Interrupted(error.to_string())),
            (Fate::Aborted, _, error) if is_cause => Err(error.clone()),
            (Fate::Aborted, _, error) if shard.is_some() => {
                Err(Error::Aborted(format!("another shard's part failed: {error}")))
            }
            (Fate::Aborted, _, Error::Outdated(why)) => Err(Error::Outdated(why.clone())),
            (Fate::Aborted, _, error @ (Error::Misconfigured(_) | Error::Violated { .. })) => {
                Err(error.clone())
            }
            (Fate::Aborted, _, error @ Error::Oversized(_)) if !*together => Err(error.clone()),
            (Fate::Aborted, _, error) => Err(Error::Aborted(error.to_string())),
        }
    }
}
