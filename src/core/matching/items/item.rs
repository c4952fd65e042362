//! One item, and what is known about it.

/// One item of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    pub text: &'a str,
    /// How often the expectation lists it; 0 when it is not expected.
    pub need: u32,
    /// How often it was observed.
    pub have: u32,
    pub mark: Mark,
}

/// What is known about an item besides its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    #[default]
    None,
    /// The last word about it is that it failed; it has not arrived then.
    Failed,
    /// The last word about an item that is not expected is that it was withdrawn. An expected one
    /// is missing then and has no mark.
    Withdrawn,
}

/// Whether any item of a list has a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    None,
    Some,
}

impl Item<'_> {
    /// Returns how many are still missing; a failed item is not missing.
    pub fn missing(&self) -> u32 {
        if self.has_failed() { 0 } else { self.need.saturating_sub(self.have) }
    }

    /// Returns whether it has arrived or failed.
    pub fn is_known(&self) -> bool {
        self.have > 0 || self.has_failed()
    }

    /// Returns whether the last word about it is that it failed.
    pub fn has_failed(&self) -> bool {
        self.mark == Mark::Failed
    }
}
