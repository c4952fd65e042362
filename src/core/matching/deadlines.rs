//! When an open key becomes overdue, and when it expires.

use super::{Row, Rules};
use crate::record::Timestamp;

/// Deadlines that an expectation names itself; where it names none, those of the rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadlines {
    /// When the key is reported as overdue (S18).
    pub overdue: Option<Timestamp>,
    /// When the key is cancelled (S21).
    pub expire: Option<Timestamp>,
}

impl Deadlines {
    pub const NONE: Self = Self { overdue: None, expire: None };
}

impl Row {
    /// Returns when the key is overdue, in shard time, whether that was reported or not.
    pub fn overdue_at(&self, rules: &Rules) -> Option<Timestamp> {
        self.at(self.deadlines.overdue, rules.overdue_after_ms)
    }

    /// Returns when the key expires, in shard time.
    pub fn expires_at(&self, rules: &Rules) -> Option<Timestamp> {
        self.at(self.deadlines.expire, rules.expire_after_ms)
    }

    fn at(&self, named: Option<Timestamp>, after_ms: Option<Timestamp>) -> Option<Timestamp> {
        named.or(after_ms.map(|after| self.expected_at.saturating_add(after)))
    }

    /// Sets what an expectation names. A key that was reported as overdue is reported again at
    /// another deadline.
    pub(super) fn set_deadlines(&mut self, deadlines: Deadlines) {
        self.overdue &= self.deadlines.overdue == deadlines.overdue;
        self.deadlines = deadlines;
    }
}
