//! Reads a running shard without changing it, for queries about its keys.
//!
//! Promise: bounded work, no look-up in the store, no effect on the cache. The result may be up to
//! one commit ahead of what is committed: rows are changed in place.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::record::ShardId;
use crate::shard::{Result, Running, Store, rows::cache::DirtyCursor, run::running::unreadable};
use crate::{codec::row, matching::Row};

/// Some of the rows that the store does not have yet.
#[derive(Debug, Default)]
pub struct Portion {
    /// [`key_hash`] of each, which hides the store's version of the key.
    pub hashes: Vec<u64>,
    /// Keys and rows of those that may be open.
    pub open: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where to continue; `None` when all rows were seen.
    pub next: Option<PortionCursor>,
}

/// The position of the next [`Portion`].
#[derive(Debug, Clone, Copy)]
pub struct PortionCursor(DirtyCursor);

/// Returns the hash that represents `key` in a [`Portion`].
pub fn key_hash(key: &[u8]) -> u64 {
    FixedState::default().hash_one(key)
}

/// Decodes a row; empty bytes are the row of an unknown key.
///
/// # Errors
/// [`crate::shard::Error::Misconfigured`] for a row of another version of the program.
pub fn decode_row(shard: ShardId, bytes: &[u8]) -> Result<Row> {
    match bytes {
        [] => Ok(Row::default()),
        bytes => row::decode(bytes).map_err(|error| unreadable(shard, error)),
    }
}

impl<S: Store> Running<S> {
    /// Returns the row in memory, for [`decode_row`]; `None` if only the store knows it.
    pub fn cached(&self, key: &[u8]) -> Option<&[u8]> {
        self.cache.peek(key)
    }

    /// Returns up to `limit` rows that the store does not have yet.
    ///
    /// A caller that reads all portions and then the store sees every row that existed throughout:
    /// a row leaves the portions only by a spill, which has reached the store by then.
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
