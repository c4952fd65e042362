//! The records that a row was made of, for people who ask where it came from. No decision depends
//! on it.

use super::{Outcome, Row};

/// An input record of the row's partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// 0 for the expected topic, then the observed topics by name.
    pub input: u8,
    pub offset: i64,
}

/// The index of the expected topic among the inputs.
pub const EXPECTED_INPUT: u8 = 0;

impl Row {
    /// Records that the record at `origin` changed the row, which still exists, with `outcome`.
    pub fn touched_by(&mut self, outcome: Outcome, origin: Origin) {
        if matches!(
            outcome,
            Outcome::Expected | Outcome::Amended | Outcome::Reopened | Outcome::Listed
        ) {
            self.expectation_offset = Some(origin.offset);
        }
        self.changed_by = Some(origin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(input: u8, offset: i64) -> Origin {
        Origin { input, offset }
    }

    #[test]
    fn a_row_names_its_expectation_and_the_last_record_that_changed_it() {
        let mut row = Row::default();
        row.touched_by(Outcome::Observed, at(1, 7));
        assert_eq!((row.expectation_offset, row.changed_by), (None, Some(at(1, 7))));
        row.touched_by(Outcome::Expected, at(EXPECTED_INPUT, 3));
        assert_eq!((row.expectation_offset, row.changed_by), (Some(3), Some(at(0, 3))));
        row.touched_by(Outcome::Unexpected, at(2, 9));
        assert_eq!((row.expectation_offset, row.changed_by), (Some(3), Some(at(2, 9))));
        row.touched_by(Outcome::Amended, at(EXPECTED_INPUT, 12));
        row.touched_by(Outcome::Cancelled, at(EXPECTED_INPUT, 13));
        assert_eq!((row.expectation_offset, row.changed_by), (Some(12), Some(at(0, 13))));
    }
}
