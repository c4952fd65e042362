//! Looks at a running shard that change nothing, for those who ask about its keys.
//!
//! Promise: bounded work, no look-up in the store, no effect on what is cached. What is seen may be
//! up to one commit ahead of what is committed: rows are changed in place.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::{Result, Running, Store, cache::DirtyCursor, running::unreadable};
use crate::record::ShardId;
use crate::{codec::row, matching::Row};

/// Some of the rows that the store does not have yet.
#[derive(Debug, Default)]
pub struct Portion {
    /// [`key_hash`] of each, which hides what the store has of the key.
    pub hashes: Vec<u64>,
    /// Keys and rows of those that may be open.
    pub open: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where to go on; `None` when all were seen.
    pub next: Option<PortionCursor>,
}

/// Where the next [`Portion`] begins.
#[derive(Debug, Clone, Copy)]
pub struct PortionCursor(DirtyCursor);

/// Returns the hash that stands for `key` in a [`Portion`].
pub fn key_hash(key: &[u8]) -> u64 {
    FixedState::default().hash_one(key)
}

/// Returns the row that `bytes` encode; no bytes are the row of a key that nothing is known of.
///
/// # Errors
/// [`super::Error::Misconfigured`] for a row of another version of the program.
pub fn decode_row(shard: ShardId, bytes: &[u8]) -> Result<Row> {
    match bytes {
        [] => Ok(Row::default()),
        bytes => row::decode(bytes).map_err(|error| unreadable(shard, error)),
    }
}

impl<S: Store> Running<S> {
    /// Returns the row as it is in memory, for [`decode_row`]; `None` when only the store knows.
    pub fn cached(&self, key: &[u8]) -> Option<&[u8]> {
        self.cache.peek(key)
    }

    /// Returns up to `limit` rows that the store does not have yet.
    ///
    /// Whoever reads all portions and then the store sees every row that was there all the time:
    /// a row leaves the portions only by a spill, which the store has by then.
    pub fn not_stored(&self, from: Option<PortionCursor>, limit: usize) -> Portion {
        let from = from.map_or_else(|| self.cache.first_dirty(), |PortionCursor(from)| from);
        let mut portion = Portion::default();
        let next = self.cache.dirty(from, limit, |key, bytes| {
            portion.hashes.push(key_hash(key));
            if !bytes.is_empty() && !row::is_finished(bytes) {
                portion.open.push((key.to_vec(), bytes.to_vec()));
            }
        });
        portion.next = next.map(PortionCursor);
        portion
    }
}
