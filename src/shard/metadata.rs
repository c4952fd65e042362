//! What is committed beside each input offset, as its metadata.
//!
//! ```text
//! <topic id of the changelog> [<open>,<overdue>,<unexpected>,<finished> [<ages>]]
//! ```

use std::{convert::Infallible, fmt, str::FromStr};

use super::{Ages, RowCounts};

/// What is committed beside each input offset, and with the rows: both are of the same moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The changelog that holds the rows of everything before the offset; see
    /// [`super::ChangelogReader::topic_id`]. Empty when another tool has set the offset.
    pub changelog_id: String,
    /// The shard's rows; `None` when another tool has set the offset.
    pub rows: Option<RowCounts>,
    /// Since when its open keys wait; `None` beside all inputs but the first.
    pub ages: Option<Ages>,
}

impl Metadata {
    /// Returns what is committed beside the inputs but the first: once is enough for the ages.
    pub fn brief(&self) -> Self {
        Self { changelog_id: self.changelog_id.clone(), rows: self.rows, ages: None }
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.changelog_id)?;
        let Some(RowCounts { open, overdue, unexpected, finished }) = self.rows else {
            return Ok(());
        };
        write!(f, " {open},{overdue},{unexpected},{finished}")?;
        self.ages.as_ref().map_or(Ok(()), |ages| write!(f, " {ages}"))
    }
}

impl FromStr for Metadata {
    type Err = Infallible;

    /// Reads what is there: whatever another tool has written carries no counts.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (id, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (counts, ages) = rest.split_once(' ').unwrap_or((rest, ""));
        let numbers: Vec<u64> = counts.split(',').map_while(|count| count.parse().ok()).collect();
        let rows = match numbers[..] {
            [open, overdue, unexpected, finished] => {
                Some(RowCounts { open, overdue, unexpected, finished })
            }
            _ => None,
        };
        Ok(Self { changelog_id: id.to_owned(), rows, ages: ages.parse().ok() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Metadata {
        text.parse().expect("any text is read")
    }

    #[test]
    fn what_is_written_is_read() {
        let rows = RowCounts { open: 1, overdue: 2, unexpected: 3, finished: u64::MAX };
        let mut ages = Ages::default();
        ages.moved(None, Some(0x1000));
        let metadata =
            Metadata { changelog_id: "id_-1".to_owned(), rows: Some(rows), ages: Some(ages) };
        assert_eq!(metadata.to_string(), "id_-1 1,2,3,18446744073709551615 1000+0*1");
        assert_eq!(read(&metadata.to_string()), metadata);
        assert_eq!(metadata.brief().to_string(), "id_-1 1,2,3,18446744073709551615");
        assert_eq!(read(&metadata.brief().to_string()), metadata.brief());
    }

    #[test]
    fn metadata_of_others_carries_no_counts() {
        for text in ["", "id", "id 1,2,3", "id 1,2,3,4,5", "id 1,2,3,x", "id -1,2,3,4", "id 1 2"] {
            assert_eq!(read(text).rows, None, "{text}");
        }
        assert_eq!(read("id 1,2").changelog_id, "id");
    }
}
