//! How far a restore has come, for those who wait for it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How far a restore has come; shared between the thread that opens a shard and those who ask.
#[derive(Debug, Default)]
pub struct Progress {
    remaining: AtomicI64,
    restored: AtomicU64,
}

impl Progress {
    /// Returns the changelog offsets still to read: at least as many as records.
    pub fn remaining(&self) -> i64 {
        self.remaining.load(Ordering::Relaxed)
    }

    /// Returns the changes applied.
    pub fn restored(&self) -> u64 {
        self.restored.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, remaining: i64, restored: u64) {
        self.remaining.store(remaining, Ordering::Relaxed);
        self.restored.store(restored, Ordering::Relaxed);
    }
}
