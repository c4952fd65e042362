//! How much a transaction holds, and whether the running overlay has room for more.

use super::{Running, Store, Transaction};
use crate::record::Output;

/// How much a transaction holds, or may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rows, and records for the output topics.
    pub records: usize,
    /// Keys and values of both, and the outputs' headers.
    pub bytes: usize,
}

/// Returns how many rows and outputs a transaction may have at most if `most` of them fill an
/// overlay: the last record, or the last deadlines, add a few.
pub(super) fn bound(most: usize) -> usize {
    most.max(1).saturating_mul(2).saturating_add(8)
}

impl Transaction {
    /// Returns how much the transaction holds.
    pub fn size(&self) -> Size {
        Size {
            records: self.changes.len() + self.outputs.len(),
            bytes: self.changes.bytes() + self.outputs.iter().map(Output::bytes).sum::<usize>(),
        }
    }
}

impl Output {
    /// Returns the bytes of key, value and headers.
    pub fn bytes(&self) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers = self.all_headers().map(|(name, value)| name.len() + length(value));
        length(self.key.as_deref()) + length(self.value.as_deref()) + headers.sum::<usize>()
    }
}

impl<S: Store> Running<S> {
    /// Sets how much a transaction may hold from now on, see [`super::Limits`].
    pub fn set_transaction_max(&mut self, most: Size) {
        self.overlay_max = self.overlay_max.max(most.records);
        self.limits.transaction_records_max = most.records;
        self.limits.transaction_bytes_max = most.bytes;
    }

    /// Tells whether the shard has to wait for its commit before it takes more records:
    /// what it holds cannot be evicted yet, or the next transaction is as large as it may be.
    pub fn is_full(&self) -> bool {
        self.claiming
            || self.committing
                && (self.cache_bytes() > self.limits.cache_bytes * 2 || self.fills_transaction())
    }

    /// Tells whether the running overlay is as much as a transaction may hold.
    pub fn fills_transaction(&self) -> bool {
        self.room() == 0 || self.overlay_bytes() >= self.limits.transaction_bytes_max
    }

    /// Returns how many more rows and outputs the running overlay may have.
    pub(super) fn room(&self) -> usize {
        let records = self.outputs.len() + self.cache.changed_rows();
        self.limits.transaction_records_max.max(1).saturating_sub(records)
    }

    fn overlay_bytes(&self) -> usize {
        self.output_bytes + self.cache.changed_bytes() + self.large.changed_bytes()
    }
}
