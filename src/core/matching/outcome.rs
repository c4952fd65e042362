//! What events do to their keys, as it is counted.

/// What an event did to its key; each has one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// A new expectation was stored (S1).
    Expected,
    /// A repeated expectation for an open, completed or failed key (S2, S4).
    DuplicateExpectation,
    /// The expectation of an open key was replaced (S3).
    Amended,
    /// A changed expectation for a completed key: dead letter (S5).
    AlreadyCompleted,
    /// A cancelled key was expected again (S6).
    Reopened,
    /// An expectation without items: dead letter (S7).
    NoItems,
    /// A tombstone ended the key (S8).
    Cancelled,
    /// A tombstone for a finished key (S9).
    LateCancellation,
    /// An item was stored (S10, S12).
    Observed,
    /// An item that had already arrived (S11), or an observation that was heard before (S27).
    DuplicateObservation,
    /// An item was stored that the known expectation does not list (S13).
    Unexpected,
    /// An observation for a finished key (S14).
    LateObservation,
    /// The row would have become too large: dead letter (S16).
    RowTooLarge,
    /// The overdue deadline fired (S18).
    Overdue,
    /// The orphan deadline fired (S19).
    Orphaned,
    /// A finished key was forgotten (S20).
    Forgotten,
    /// The expiry deadline fired (S21).
    Expired,
    /// An item was stored as failed (S22, S23).
    ItemFailed,
    /// An item was taken back (S24).
    ItemWithdrawn,
    /// A changed expectation for a failed key: dead letter (S5).
    AlreadyFailed,
    /// One more item of a list was stored (S26).
    Listed,
    /// An item of a list whose key failed before all of it was there (S26).
    LateExpectation,
    /// A list would become shorter: dead letter (S26).
    TotalShrinks,
    /// A list would have more items than it says: dead letter (S26).
    BeyondTotal,
    /// A tick found nothing due.
    Nothing,
}

/// Every outcome with its name in metrics and headers.
pub const OUTCOMES: [(Outcome, &str); 25] = [
    (Outcome::Expected, "expected"),
    (Outcome::DuplicateExpectation, "duplicate-expectation"),
    (Outcome::Amended, "amended"),
    (Outcome::AlreadyCompleted, "already-completed"),
    (Outcome::Reopened, "reopened"),
    (Outcome::NoItems, "no-items"),
    (Outcome::Cancelled, "cancelled"),
    (Outcome::LateCancellation, "late-cancellation"),
    (Outcome::Observed, "observed"),
    (Outcome::DuplicateObservation, "duplicate-observation"),
    (Outcome::Unexpected, "unexpected"),
    (Outcome::LateObservation, "late-observation"),
    (Outcome::RowTooLarge, "row-too-large"),
    (Outcome::Overdue, "overdue"),
    (Outcome::Orphaned, "orphaned"),
    (Outcome::Forgotten, "forgotten"),
    (Outcome::Expired, "expired"),
    (Outcome::ItemFailed, "item-failed"),
    (Outcome::ItemWithdrawn, "item-withdrawn"),
    (Outcome::AlreadyFailed, "already-failed"),
    (Outcome::Listed, "listed"),
    (Outcome::LateExpectation, "late-expectation"),
    (Outcome::TotalShrinks, "total-shrinks"),
    (Outcome::BeyondTotal, "beyond-total"),
    (Outcome::Nothing, "nothing"),
];

impl Outcome {
    /// Returns the name in metrics and headers.
    pub fn name(self) -> &'static str {
        OUTCOMES[self as usize].1
    }

    /// Returns whether the record goes to the dead-letter topic and the row stays unchanged.
    pub fn is_dead_letter(self) -> bool {
        matches!(
            self,
            Self::AlreadyCompleted
                | Self::AlreadyFailed
                | Self::NoItems
                | Self::RowTooLarge
                | Self::TotalShrinks
                | Self::BeyondTotal
        )
    }
}
