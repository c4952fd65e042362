//! The metadata that is committed with each input offset.
//!
//! ```text
//! <topic id of the changelog> [<open>,<overdue>,<unexpected>,<finished> [<ages>]] [<name>=<value>
//! …]
//! ```
//!
//! The first three words are those of older versions, which read as much of the rest as they know.

use std::{convert::Infallible, fmt, str::FromStr};

use crate::codec::Partitioner;
use crate::record::Offset;
use crate::shard::{Ages, Identity, RowCounts};

/// The metadata committed with each input offset, and with the rows: all from the same moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The changelog that holds the rows of everything before the offset; see
    /// [`crate::shard::ChangelogReader::topic_id`]. Empty when another tool has set the offset.
    pub changelog_id: String,
    /// The shard's rows; `None` when another tool has set the offset.
    pub rows: Option<RowCounts>,
    /// Since when its open keys have been waiting; `None` for all inputs except the first.
    pub ages: Option<Ages>,
    /// The position of every input, in order, so that a single offset which a broker still has
    /// restores the others. Empty if an older version or another tool has set the offset.
    pub positions: Vec<Position>,
    /// Whom the shard belongs to; `None` if an older version or another tool has set the offset,
    /// and for all inputs except the first.
    pub identity: Option<Identity>,
    /// The inputs' partitioner, as their records have shown; `None` while it is unknown or not
    /// needed, and for all inputs except the first.
    pub partitioner: Option<Partitioner>,
    /// The transactional id under which the shard commits, so that a later owner can end a
    /// transaction that was left open; see [`crate::shard::Broker::fence`]. `None` if an older
    /// version or another tool has set the offset, and for all inputs except the first.
    pub owner: Option<String>,
    /// The number of the shard's commit, one more than that of the commit before. 0 if an older
    /// version or another tool has set the offset, and for all inputs except the first.
    pub commit: u64,
}

/// The position of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Identifies the incarnation of the topic: a recreated one has another id. Empty if the
    /// brokers do not assign ids.
    pub topic_id: String,
    /// First offset not yet processed.
    pub next: Offset,
}

impl Metadata {
    /// Returns the metadata for the inputs except the first: the rest is needed only once.
    pub fn brief(&self) -> Self {
        let (changelog_id, positions) = (self.changelog_id.clone(), self.positions.clone());
        Self { changelog_id, rows: self.rows, positions, ..Self::default() }
    }
}

impl Metadata {
    /// Writes who has committed, if that is known. Percent signs and spaces are encoded.
    fn write_commit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, " owner={}", owner.replace('%', "%25").replace(' ', "%20"))?;
        }
        if self.commit > 0 {
            write!(f, " commit={:x}", self.commit)?;
        }
        Ok(())
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.changelog_id)?;
        let Some(RowCounts { open, overdue, unexpected, finished }) = self.rows else {
            return self.write_commit(f);
        };
        write!(f, " {open},{overdue},{unexpected},{finished}")?;
        if let Some(ages) = &self.ages {
            write!(f, " {ages}")?;
        }
        for (n, Position { topic_id, next }) in self.positions.iter().enumerate() {
            write!(f, "{}{topic_id}@{next:x}", if n == 0 { " inputs=" } else { "," })?;
        }
        let mut words = self.identity.iter().flat_map(Identity::words);
        words.try_for_each(|word| write!(f, " {word}"))?;
        if let Some(partitioner) = self.partitioner {
            write!(f, " partitioner={partitioner}")?;
        }
        self.write_commit(f)
    }
}

impl FromStr for Metadata {
    type Err = Infallible;

    /// Parses the metadata: whatever another tool has written contains no counts.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut words = text.split(' ');
        let changelog_id = words.next().unwrap_or_default().to_owned();
        let (named, plain): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
        let named = || named.iter().filter_map(|word| word.split_once('='));
        let value = |wanted| named().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        Ok(Self {
            changelog_id,
            rows: plain.first().and_then(|word| counts(word)),
            ages: plain.get(1).and_then(|word| word.parse().ok()),
            positions: value("inputs").and_then(read_positions).unwrap_or_default(),
            identity: Identity::read(named()),
            partitioner: value("partitioner").and_then(Partitioner::named),
            owner: value("owner").map(|id| id.replace("%20", " ").replace("%25", "%")),
            commit: value("commit").and_then(|n| u64::from_str_radix(n, 16).ok()).unwrap_or(0),
        })
    }
}

fn counts(text: &str) -> Option<RowCounts> {
    let numbers: Vec<u64> = text.split(',').map_while(|count| count.parse().ok()).collect();
    match numbers[..] {
        [open, overdue, unexpected, finished] => {
            Some(RowCounts { open, overdue, unexpected, finished })
        }
        _ => None,
    }
}

fn read_positions(text: &str) -> Option<Vec<Position>> {
    let position = |text: &str| {
        let (topic_id, next) = text.split_once('@')?;
        let next = Offset::from_str_radix(next, 16).ok()?;
        Some(Position { topic_id: topic_id.to_owned(), next })
    };
    text.split(',').map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::port::identity::tests::shipping;

    fn read(text: &str) -> Metadata {
        text.parse().expect("any text is read")
    }

    fn metadata() -> Metadata {
        let rows = RowCounts { open: 1, overdue: 2, unexpected: 3, finished: u64::MAX };
        let mut ages = Ages::default();
        ages.add(0x1000);
        let position = |id: &str, next| Position { topic_id: id.to_owned(), next };
        Metadata {
            changelog_id: "id_-1".to_owned(),
            rows: Some(rows),
            ages: Some(ages),
            positions: vec![position("a_-", 255), position("", 0)],
            identity: Some(shipping()),
            partitioner: Some(Partitioner::Crc32),
            owner: Some("shop floor-w-1-0".to_owned()),
            commit: 31,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let metadata = metadata();
        assert_eq!(
            metadata.to_string(),
            "id_-1 1,2,3,18446744073709551615 1000+0*1 inputs=a_-@ff,@0 object=prod/shipping \
             uid=7d1f counting=distinct topics=orders,manufactured partitions=4 partitioner=crc32 \
             owner=shop%20floor-w-1-0 commit=1f"
        );
        assert_eq!(read(&metadata.to_string()), metadata);
        assert_eq!(
            metadata.brief().to_string(),
            "id_-1 1,2,3,18446744073709551615 inputs=a_-@ff,@0"
        );
        assert_eq!(read(&metadata.brief().to_string()), metadata.brief());
    }

    #[test]
    fn what_older_versions_have_written_is_read() {
        let old = read("id_-1 1,2,3,4 1000+0*1");
        assert_eq!(old.rows.expect("counts").finished, 4);
        assert_eq!(old.ages.expect("ages").keys(), 1);
        assert_eq!((old.positions, old.identity, old.partitioner), (vec![], None, None));
        assert_eq!((old.owner, old.commit), (None, 0));
    }

    #[test]
    fn identities_of_versions_that_did_not_count_partitions_are_read() {
        let old = metadata().to_string().replace(" partitions=4", "");
        let identity = read(&old).identity.expect("an identity");
        assert_eq!(identity, Identity { partitions: None, ..shipping() });
    }

    #[test]
    fn an_offset_that_another_tool_has_set_can_be_claimed() {
        let claimed = Metadata {
            changelog_id: "id".to_owned(),
            owner: Some("100% ours".to_owned()),
            commit: 1,
            ..Metadata::default()
        };
        assert_eq!(claimed.to_string(), "id owner=100%25%20ours commit=1");
        assert_eq!(read(&claimed.to_string()), claimed);
    }

    #[test]
    fn what_newer_versions_add_is_passed_over() {
        let text = format!("{} colour=blue", metadata());
        assert_eq!(read(&text), metadata());
    }

    #[test]
    fn metadata_of_others_carries_no_counts() {
        for text in ["", "id", "id 1,2,3", "id 1,2,3,4,5", "id 1,2,3,x", "id -1,2,3,4", "id 1 2"] {
            assert_eq!(read(text).rows, None, "{text}");
        }
        assert_eq!(read("id 1,2").changelog_id, "id");
        assert_eq!(read("id 1,2,3,4 - inputs=x").positions, vec![]);
    }

    #[test]
    fn it_fits_beside_an_offset() {
        let mut metadata = metadata();
        let day = 86_400_000;
        let mut ages = Ages::default();
        (0..64).for_each(|n| ages.add(1_700_000_000_000 + n * 7 * day));
        metadata.ages = Some(ages);
        let topic_id = "x".repeat(22);
        metadata.positions = vec![Position { topic_id, next: i64::MAX }; 17];
        // A consumer group, an instance and a lane.
        metadata.owner = Some(format!("{}-{}-3", "g".repeat(239), "i".repeat(253)));
        metadata.commit = u64::MAX;
        assert!(metadata.to_string().len() < 4_000, "{}", metadata.to_string().len());
    }
}
