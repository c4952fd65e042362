//! The progress on a partition of orders, as one committed offset and its metadata.

/// Marks the metadata as ours.
const PREFIX: &str = "made:";

/// The most products that the metadata can describe: by default brokers accept 4,096 bytes of it,
/// and a hexadecimal digit describes four.
pub(super) const PRODUCTS_MAX: usize = 16_000;

/// The progress on a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Offset of the first unfinished order; that of the next order if all are finished. `None` if
    /// nothing was ever committed.
    pub offset: Option<i64>,
    /// For each product from that order on, in order, whether it was made. Missing ones were not.
    pub made: Vec<bool>,
}

impl Progress {
    /// Returns `made` as commit metadata: hexadecimal digits, one bit per product, lowest bit
    /// first.
    pub fn metadata(&self) -> String {
        let digits = self.made.chunks(4).map(|four| {
            let digit = four.iter().rev().fold(0, |digit, &bit| digit << 1 | u32::from(bit));
            char::from_digit(digit, 16).expect("four bits are a hexadecimal digit")
        });
        let text: String = PREFIX.chars().chain(digits).collect();
        text.trim_end_matches('0').to_owned()
    }

    /// Parses `offset` and its `metadata`; `None` if they were not written by a factory.
    pub fn parse(offset: i64, metadata: &str) -> Option<Self> {
        if metadata.is_empty() {
            return Some(Self { offset: Some(offset), made: Vec::new() });
        }
        let digits = metadata.strip_prefix(PREFIX)?;
        let mut made = Vec::with_capacity(digits.len() * 4);
        for digit in digits.chars() {
            let digit = digit.to_digit(16)?;
            made.extend((0..4).map(|bit| digit >> bit & 1 == 1));
        }
        Some(Self { offset: Some(offset), made })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(made: &[bool]) -> Progress {
        Progress { offset: Some(7), made: made.to_vec() }
    }

    #[test]
    fn the_metadata_shows_the_example_of_the_module() {
        let (y, n) = (true, false);
        assert_eq!(progress(&[y, n, n, y, y]).metadata(), "made:91");
        assert_eq!(progress(&[]).metadata(), "made:");
        assert_eq!(progress(&[n, n, n, n, n]).metadata(), "made:");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for bits in 0..1_u32 << 9 {
            let made: Vec<bool> = (0..9).map(|bit| bits >> bit & 1 == 1).collect();
            let read = Progress::parse(7, &progress(&made).metadata()).expect("our own");
            let padded = read.made.iter().copied().chain(std::iter::repeat(false));
            assert_eq!(padded.take(9).collect::<Vec<_>>(), made);
            assert!(read.made.iter().skip(9).all(|bit| !bit));
        }
    }

    #[test]
    fn foreign_metadata_is_not_taken_for_ours() {
        assert_eq!(Progress::parse(7, "some tool's note"), None);
        assert_eq!(Progress::parse(7, "made:xyz"), None);
        assert_eq!(Progress::parse(7, ""), Some(progress(&[])));
    }

    #[test]
    fn the_largest_progress_fits_into_what_brokers_take() {
        assert!(progress(&[true; PRODUCTS_MAX]).metadata().len() <= 4096);
    }
}
