//! The progress of a restore.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::record::{Timestamp, millis};

/// The progress of a restore; shared between the thread that opens a shard and observers.
#[derive(Debug, Default)]
pub struct Progress {
    remaining: AtomicI64,
    restored: AtomicU64,
    began: OnceLock<(Instant, i64)>,
    /// Counts the changes applied by all restores.
    sum: Option<Arc<AtomicU64>>,
    /// When each phase began; 0 for one that has not been reached.
    phases: [AtomicI64; 3],
}

/// The phases of opening a shard, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpeningPhase {
    Fence,
    Locate,
    Restore,
}

impl OpeningPhase {
    const ALL: [Self; 3] = [Self::Fence, Self::Locate, Self::Restore];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fence => "fence",
            Self::Locate => "locate",
            Self::Restore => "restore",
        }
    }
}

impl Progress {
    /// Returns the progress of a restore whose changes are also added to `sum`.
    pub fn adding_to(sum: Arc<AtomicU64>) -> Self {
        Self { sum: Some(sum), ..Self::default() }
    }

    /// Returns the number of changelog offsets still to read: at least the number of records.
    pub fn remaining(&self) -> i64 {
        self.remaining.load(Ordering::Relaxed)
    }

    /// Returns the number of changes applied.
    pub fn restored(&self) -> u64 {
        self.restored.load(Ordering::Relaxed)
    }

    /// Returns the offsets passed per second, on average since the restore began.
    pub fn per_second(&self) -> i64 {
        let Some((began, at_first)) = self.began.get() else { return 0 };
        let took_ms = millis(began.elapsed()).max(1);
        (at_first - self.remaining()).saturating_mul(1_000) / took_ms
    }

    /// Returns how many seconds the rest takes at the rate so far; `None` before it is known.
    pub fn seconds_left(&self) -> Option<i64> {
        let per_second = self.per_second();
        (per_second > 0).then(|| self.remaining() / per_second)
    }

    /// Returns the phases that were reached, and the wall time in milliseconds when each began.
    pub fn phases(&self) -> impl Iterator<Item = (OpeningPhase, Timestamp)> {
        let began = |phase| (phase, self.phases[phase as usize].load(Ordering::Relaxed));
        OpeningPhase::ALL.into_iter().map(began).filter(|(_, began_ms)| *began_ms != 0)
    }

    pub fn enter(&self, phase: OpeningPhase, wall_ms: Timestamp) {
        self.phases[phase as usize].store(wall_ms, Ordering::Relaxed);
    }

    pub(in crate::shard) fn set(&self, remaining: i64, restored: u64) {
        self.began.get_or_init(|| (Instant::now(), remaining));
        self.remaining.store(remaining, Ordering::Relaxed);
        let before = self.restored.swap(restored, Ordering::Relaxed);
        if let Some(sum) = &self.sum {
            sum.fetch_add(restored.saturating_sub(before), Ordering::Relaxed);
        }
    }
}
