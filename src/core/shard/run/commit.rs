//! One commit: a transaction, and the rows that may go to the store once it has succeeded.

use crate::record::Offset;
use crate::shard::{Producer, Result, Spill, Store, Transaction};

/// A transaction, and what to do after it has committed.
#[derive(Debug)]
pub struct Commit {
    pub transaction: Transaction,
    /// Rows up to and including this transaction's.
    pub spill: Option<Spill>,
    /// The end of the changelog for us if the transaction contains no change.
    pub changelog_next: Offset,
}

/// The result of a successful commit; its shard may take the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// First changelog offset that the shard's rows do not contain.
    pub changelog_next: Offset,
    pub spilled: bool,
}

impl Commit {
    /// Commits the transaction, then applies the spill.
    ///
    /// # Errors
    /// After [`crate::shard::Error::Outdated`] the same commit may be run again under a newer
    /// assignment; after any other error its shard must be dropped.
    pub fn run<P: Producer, S: Store>(
        &mut self,
        producer: &mut P,
        store: &S,
        authority: &P::Authority,
    ) -> Result<Committed> {
        let end = producer.commit(&self.transaction, authority)?;
        let changelog_next = end.unwrap_or(self.changelog_next);
        // only after the commit. A row on disk must never be ahead of the changelog.
        let spilled = match &mut self.spill {
            Some(spill) => {
                spill.land(store, changelog_next)?;
                true
            }
            None => false,
        };
        Ok(Committed { changelog_next, spilled })
    }
}

impl Spill {
    /// Sorts the spill and applies it with `changelog_next` as its position.
    ///
    /// # Errors
    /// As [`Store::apply`].
    pub fn land<S: Store>(&mut self, store: &S, changelog_next: Offset) -> Result<()> {
        self.sort();
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.changelog_next = changelog_next;
        }
        store.apply(self)
    }
}
