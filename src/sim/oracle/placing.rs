//! What happens to records in partitions that their keys do not belong to (S28).

use super::{
    super::{kafka::Message, setting::Setting},
    Shard, Told,
    commit::Commit,
    facts::{Fact, Says},
};
use rollcall_core::{codec::Reason, shard::Partitioning};

/// What a transaction does with records in partitions that their keys do not belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// It accepts them: the partitioner is unknown.
    Taken,
    /// The partitioner was learnt meanwhile: some were accepted, and others rejected.
    Either,
    Refused,
}

impl Shard {
    /// Returns what a commit does with misplaced records, from what was known before and after it.
    pub(super) fn placing(
        &mut self,
        setting: &Setting,
        commit: &Commit<'_>,
    ) -> Result<Placing, String> {
        let partitions = &setting.partitions;
        let mut offsets = commit.offsets.iter();
        let learnt = offsets.find_map(|(_, _, offset)| offset.metadata.partitioner);
        let known = partitions.matter().then_some(partitions.by);
        if learnt.is_some() && (learnt != known || partitions.partitioning != Partitioning::Auto) {
            return Err(format!("S28: shard {} learns {learnt:?}, not {known:?}", commit.shard));
        }
        if learnt.is_none() && self.learnt {
            return Err(format!("S28: shard {} forgets how its inputs are sent", commit.shard));
        }
        let before = std::mem::replace(&mut self.learnt, learnt.is_some());
        Ok(match partitions.partitioning {
            _ if known.is_none() => Placing::Taken,
            Partitioning::Auto if before => Placing::Refused,
            Partitioning::Auto if learnt.is_some() => Placing::Either,
            Partitioning::Auto => Placing::Taken,
            Partitioning::Named(_) | Partitioning::Unchecked => Placing::Refused,
        })
    }
}

impl Fact {
    /// Returns the fact for a record that is misplaced for this reason, if any.
    pub(super) fn placed(mut self, misplaced: Option<Reason>, placing: Placing) -> Self {
        // A skipped record may be anywhere.
        if matches!(self.says, Says::Refused(_) | Says::Nothing) {
            return self;
        }
        match (misplaced, placing) {
            (None, _) | (_, Placing::Taken) => {}
            (misplaced, Placing::Either) => self.misplaced = misplaced,
            (Some(reason), Placing::Refused) => self.says = Says::Refused(reason),
        }
        self
    }
}

/// Returns how many dead letters are for misplaced records.
pub(super) fn misplaced(outputs: &Told) -> usize {
    let is_misplaced = |message: &&Message| {
        let mut headers = message.headers.iter();
        headers.any(|(name, value)| {
            name == "rollcall-reason" && value.as_deref() == Some(b"wrong-partition")
        })
    };
    outputs.values().flat_map(|topics| &topics[2]).filter(is_misplaced).count()
}
