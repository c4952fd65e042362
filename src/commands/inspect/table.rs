//! Plain-text tables.

use std::fmt;

use rollcall_core::text::escape::printable;

/// Rows of cells with a heading; numbers are right-aligned, the last column left-aligned.
pub(super) struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(heading: &[&str]) -> Self {
        Self { lines: vec![heading.iter().copied().map(str::to_owned).collect()] }
    }

    /// Adds a row. Cells hold untrusted text, so it is made printable.
    pub(super) fn line(&mut self, cells: Vec<String>) {
        self.lines.push(cells.into_iter().map(|cell| printable(&cell).into_owned()).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.lines[0].len();
        let width = |column: usize| {
            self.lines.iter().filter_map(|line| line.get(column)).map(|c| c.chars().count()).max()
        };
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for line in &self.lines {
            let (last, numbers) = line.split_last().expect("a line has cells");
            for (cell, width) in numbers.iter().zip(&widths) {
                write!(f, "{cell:>width$}  ")?;
            }
            writeln!(f, "{last}")?;
        }
        Ok(())
    }
}
