//! One commit of a shard: its part of a transaction, and the rows that may go to the store once
//! that has succeeded.

use crate::record::Offset;
use crate::shard::{Result, Spill, Store, Tenure, Transaction};

/// A shard's part of a transaction, and what to do after it has committed.
#[derive(Debug)]
pub struct Commit {
    pub transaction: Transaction,
    /// Rows up to and including this transaction's.
    pub spill: Option<Spill>,
    /// The end of the changelog for us if the transaction contains no change.
    pub changelog_next: Offset,
    /// The tenure in which it was processed: it must not be committed in another.
    pub tenure: Tenure,
}

/// The result of a successful commit; its shard may take the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// First changelog offset that the shard's rows do not contain.
    pub changelog_next: Offset,
    pub spilled: bool,
}

impl Commit {
    /// Applies the spill, if there is one. `end` is where the changes end in the changelog, as the
    /// transaction that has committed them reports.
    ///
    /// only after the commit. A row on disk must never be ahead of the changelog.
    ///
    /// # Errors
    /// Those of [`Store::apply`]; the shard must be dropped then.
    pub fn land<S: Store>(&mut self, store: &S, end: Option<Offset>) -> Result<Committed> {
        let changelog_next = end.unwrap_or(self.changelog_next);
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
