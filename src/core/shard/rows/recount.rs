//! Counts rows one by one: if the counts are unknown, and to verify them.

use crate::record::ShardId;
use crate::shard::{Ages, Cache, Error, Result, RowCounts, Running, Store, run::running};
use crate::{codec::row, matching::Row};

/// Rows counted at a time.
const COUNTED_MAX: usize = 10_000;

/// A count of a shard's rows, one by one: those in memory first, then those of the store that
/// memory does not hide.
pub struct Recount<'a> {
    shard: ShardId,
    cache: &'a Cache,
    counts: RowCounts,
    ages: Ages,
    failed: Option<Error>,
}

impl Recount<'_> {
    /// Counts a row of the store.
    pub fn stored(&mut self, key: &[u8], bytes: &[u8]) {
        if self.cache.peek(key).is_none() {
            self.add(bytes);
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let row = match bytes {
            [] => Ok(Row::default()),
            bytes => row::outline(bytes),
        };
        match row {
            Ok(row) => {
                self.counts.add(RowCounts::of(&row));
                if let Some(at) = Ages::since(&row) {
                    self.ages.add(at);
                }
            }
            Err(error) => self.failed = Some(running::unreadable(self.shard, error)),
        }
    }

    /// Returns the number of rows, and since when the open ones have been waiting.
    ///
    /// # Errors
    /// When a row is of another version of the program.
    pub fn counts(self) -> Result<(RowCounts, Ages)> {
        self.failed.map_or(Ok((self.counts, self.ages)), Err)
    }
}

impl<S: Store> Running<S> {
    /// Starts a count: the rows in memory have been counted already.
    pub fn recount(&self) -> Recount<'_> {
        let (counts, ages) = <(RowCounts, Ages)>::default();
        let mut recount =
            Recount { shard: self.id, cache: &self.cache, counts, ages, failed: None };
        self.cache.each(|_, bytes| recount.add(bytes));
        recount
    }

    /// Counts all rows: only if the committed offsets do not contain the counts, for example if
    /// another tool or an older version has written them.
    pub(in crate::shard) fn count_rows(&self) -> Result<(RowCounts, Ages)> {
        let mut recount = self.recount();
        let mut last: Option<Vec<u8>> = None;
        loop {
            let after = last.take();
            let shown = self.store.scan(after.as_deref(), COUNTED_MAX, &mut |key, bytes| {
                recount.stored(key, bytes);
                let last = last.get_or_insert_default();
                last.clear();
                last.extend_from_slice(key);
            })?;
            if shown < COUNTED_MAX {
                return recount.counts();
            }
        }
    }

    /// Compares the maintained counts with the rows, counted one by one.
    ///
    /// # Errors
    /// [`Error::Violated`] when they differ.
    pub fn audit(&self, recount: Recount<'_>) -> Result<()> {
        let (counts, ages) = recount.counts()?;
        let oldest = ages.earliest();
        if counts == self.rows && self.ages.keys() == counts.open && self.ages.may_begin_at(oldest)
        {
            return Ok(());
        }
        let (rows, kept) = (self.rows, &self.ages);
        Err(running::miscounted(
            self.id,
            &format!("{rows:?}, waiting since {kept} is kept, but there are {counts:?}, {ages}"),
        ))
    }
}
