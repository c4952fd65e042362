//! The size of transactions, and whether the running overlay has room for more.

use crate::record::Output;
use crate::shard::{Running, Store, Transaction};

/// The size of a transaction, or a limit on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Number of rows and of records for the output topics.
    pub records: usize,
    /// Size of keys and values of both, and of the outputs' headers.
    pub bytes: usize,
}

impl Size {
    /// Returns the size of all of them together.
    pub fn sum(sizes: impl Iterator<Item = Self>) -> Self {
        sizes.fold(Self::default(), |sum, size| Self {
            records: sum.records + size.records,
            bytes: sum.bytes + size.bytes,
        })
    }
}

/// Returns how many rows and outputs a transaction may have at most if `most` of them fill an
/// overlay: the last record, or the last deadlines, add a few.
pub(in crate::shard) fn bound(most: usize) -> usize {
    most.max(1).saturating_mul(2).saturating_add(8)
}

impl Transaction {
    /// Returns the size of the transaction.
    pub fn size(&self) -> Size {
        Size {
            records: self.changes.len() + self.outputs.len(),
            bytes: self.changes.bytes() + self.outputs.iter().map(Output::bytes).sum::<usize>(),
        }
    }
}

impl Output {
    /// Returns the size of key, value and headers.
    pub fn bytes(&self) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers = self.all_headers().map(|(name, value)| name.len() + length(value));
        length(self.key.as_deref()) + length(self.value.as_deref()) + headers.sum::<usize>()
    }
}

impl<S: Store> Running<S> {
    /// Sets how large a transaction may be from now on, see [`crate::shard::Limits`].
    pub fn set_transaction_max(&mut self, most: Size) {
        self.overlay_max = self.overlay_max.max(most.records);
        self.limits.transaction_records_max = most.records;
        self.limits.transaction_bytes_max = most.bytes;
    }

    /// Returns whether the shard must wait for its commit before it accepts more records:
    /// what it holds cannot be evicted yet, or the next transaction is as large as allowed.
    pub fn is_full(&self) -> bool {
        self.is_claiming()
            || self.committing
                && (self.cache_bytes() > self.limits.cache_bytes * 2 || self.fills_transaction())
    }

    /// Returns whether the next transaction would write to outputs.
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Returns how much the next transaction would hold of the shard so far.
    pub fn overlay_size(&self) -> Size {
        let records = self.outputs.len() + self.cache.changed_rows();
        Size { records, bytes: self.overlay_bytes() }
    }

    /// Returns whether the running overlay is as large as a transaction may be.
    pub fn fills_transaction(&self) -> bool {
        self.room() == 0 || self.overlay_bytes() >= self.limits.transaction_bytes_max
    }

    /// Returns how many more rows and outputs the running overlay may have.
    pub(in crate::shard) fn room(&self) -> usize {
        let records = self.outputs.len() + self.cache.changed_rows();
        self.limits.transaction_records_max.max(1).saturating_sub(records)
    }

    fn overlay_bytes(&self) -> usize {
        self.output_bytes + self.cache.changed_bytes() + self.large.changed_bytes()
    }
}
