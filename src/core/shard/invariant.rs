//! The invariants of a shard, by the names that code, simulator, metrics and docs share.

use crate::shard::Error;

/// The invariants of a shard; `docs/architecture.md` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Invariant {
    /// A row on disk is never ahead of the committed changelog.
    R1,
    /// What a store holds ends no later than its changelog, which only grows.
    R2,
    /// Committed output, rows and offsets are those of the pure core run over the committed input.
    R3,
    /// At most one owner can commit for a shard.
    R4,
    /// A shard processes nothing before it is restored.
    R5,
    /// A shard's records are processed in the order of their offsets.
    R6,
    /// Memory, batches, transactions and rows are bounded.
    R7,
}

impl Invariant {
    pub const ALL: [Self; 7] =
        [Self::R1, Self::R2, Self::R3, Self::R4, Self::R5, Self::R6, Self::R7];

    /// Returns the name under which it is reported.
    pub fn name(self) -> &'static str {
        match self {
            Self::R1 => "R-1",
            Self::R2 => "R-2",
            Self::R3 => "R-3",
            Self::R4 => "R-4",
            Self::R5 => "R-5",
            Self::R6 => "R-6",
            Self::R7 => "R-7",
        }
    }

    /// Returns the error for its violation.
    pub fn violated(self, what: String) -> Error {
        Error::Violated { invariant: self, what }
    }
}

/// Returns an [`Error::Violated`] from the enclosing function if a condition does not hold; in
/// every build: `check!(R2, end >= start, "shard {shard} ends at {end}")`.
#[macro_export]
macro_rules! check {
    ($invariant:ident, $condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::shard::Invariant::$invariant.violated(format!($($what)+)));
        }
    };
}

impl std::fmt::Display for Invariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_a_definition() {
        let definitions = include_str!("../../../docs/architecture.md");
        for (index, invariant) in Invariant::ALL.into_iter().enumerate() {
            assert_eq!(invariant as usize, index);
            assert!(definitions.contains(&format!("- **{invariant}** ")), "{invariant}");
        }
    }

    #[test]
    fn one_that_does_not_hold_is_an_error_that_names_it() {
        let in_order = |last: u32, next: u32| {
            check!(R6, next > last, "offset {next} after {last}");
            Ok::<(), Error>(())
        };
        assert_eq!(in_order(3, 4), Ok(()));
        let text = in_order(4, 3).expect_err("it does not hold").to_string();
        assert!(text.starts_with("R-6 does not hold: offset 3 after 4"), "{text}");
    }
}
