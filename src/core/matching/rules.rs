//! The settings of a reconciliation that determine what a record means.

use crate::record::Timestamp;

/// How often an item must be observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counting {
    /// Once, however often it is listed or arrives.
    #[default]
    Distinct,
    /// As often as it is listed.
    Quantity,
}

/// When a key of which an expected item has failed is finished as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedWhen {
    /// With its first failed item (S22).
    First,
    /// Once each expected item has arrived or failed (S23).
    AllKnown,
}

/// The settings that determine what a record means; all durations are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub counting: Counting,
    /// An expectation without items completes at once instead of being refused (S7).
    pub allow_empty: bool,
    /// When a key fails; `None` if never: a failed item keeps its key open then.
    pub failed: Option<FailedWhen>,
    /// A tombstone that cancels an open key with an expectation is reported (S29).
    pub reports_cancelled: bool,
    /// Time from the expectation's arrival to the overdue record (S18).
    pub overdue_after_ms: Option<Timestamp>,
    /// Time from the last change of a row without an expectation to its end (S19).
    pub orphans_after_ms: Option<Timestamp>,
    /// Time from the expectation's arrival to the row's cancellation (S21).
    pub expire_after_ms: Option<Timestamp>,
    /// How long a finished key is remembered (S20).
    pub memory_ms: Timestamp,
    /// Maximum size of a row's items, encoded and with their counts, and of what is kept of its
    /// records; an event that would exceed it is rejected (S16). The rest of a row takes some 60
    /// bytes.
    pub row_bytes_max: usize,
    /// How much larger than in the row the expected items may be in the list of a completion, so
    /// that its topic takes it together with whatever the row may keep; `None` if completions do
    /// not list them.
    pub list_bytes_max: Option<usize>,
}
