//! The settings of a reconciliation that decide what a record means.

use crate::record::Timestamp;

/// How often an item has to be observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counting {
    /// Once, however often it is listed or arrives.
    #[default]
    Distinct,
    /// As often as it is listed.
    Quantity,
}

/// The settings that decide what a record means; all durations are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub counting: Counting,
    /// An expectation without items completes at once instead of being refused (S7).
    pub allow_empty: bool,
    /// From the expectation's arrival to the overdue record (S18).
    pub overdue_after_ms: Option<Timestamp>,
    /// From the last change of a row without expectation to its end (S19).
    pub orphans_after_ms: Option<Timestamp>,
    /// From the expectation's arrival to the row's cancellation (S21).
    pub expire_after_ms: Option<Timestamp>,
    /// How long a finished key is remembered (S20).
    pub memory_ms: Timestamp,
    /// Most bytes that a row's items may come to, encoded and with their counts; an event that
    /// would add more is refused (S16). The rest of a row takes some 60 bytes.
    pub row_bytes_max: usize,
}
