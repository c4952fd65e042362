//! The committed counts of a shard's rows: how many there are, and since when they have been
//! waiting.

use super::{Shard, Verdict};
use rollcall_core::{
    record::{InputIndex, ShardId},
    shard::{Ages, CommittedOffset, RowCounts},
};

type Offsets = [(ShardId, InputIndex, CommittedOffset)];

impl Shard {
    /// Compares the committed counts of rows with the rows.
    pub(super) fn counted(&self, offsets: &Offsets) -> Verdict {
        let mut counts = RowCounts::default();
        self.rows.values().for_each(|row| counts.add(RowCounts::of(row)));
        let wrong = |(_, _, offset): &&(ShardId, InputIndex, CommittedOffset)| {
            offset.metadata.rows != Some(counts)
        };
        if let Some((shard, _, offset)) = offsets.iter().find(wrong) {
            return Err(format!(
                "R-3: shard {shard} commits that it has {:?}, but there are {counts:?}",
                offset.metadata.rows
            ));
        }
        let oldest = self.rows.values().filter_map(Ages::since).min();
        let ages = offsets.iter().find_map(|(_, _, offset)| offset.metadata.ages.as_ref());
        match ages {
            Some(ages) if ages.keys() == counts.open && ages.may_begin_at(oldest) => Ok(()),
            other => Err(format!(
                "R-3: a shard commits that its keys wait since {other:?}, but {} do since \
                 {oldest:?}",
                counts.open
            )),
        }
    }
}
