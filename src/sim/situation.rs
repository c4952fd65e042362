//! Counts the situations that schedules get into: a simulator without trouble proves nothing.

/// Something that happened to a process or a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Situation {
    Killed,
    StoodStill,
    SessionEnded,
    /// A shard was given up to another process.
    ShardMoved,
    /// A newer owner took the shard over.
    Fenced,
    /// A transaction was rejected under an outdated assignment.
    Refused,
    /// A rejected transaction was committed under a newer assignment.
    CommittedAtLast,
    Interrupted,
    /// Giving a shard up took longer than the group waits.
    ReleasedLate,
    /// A shard was opened although it had been lost meanwhile.
    OpenedForNothing,
    /// A commit did not return.
    Stuck,
    /// A transaction was larger than the brokers accept.
    Oversized,
    /// The end of a transaction was requested, but never decided.
    RequestLost,
    /// The end of a transaction was requested, and the request reached the broker much later.
    RequestDelayed,
    /// A transaction was decided, but its owner never learned of it.
    AnswerLost,
    TransactionTimedOut,
    /// The next overlay took records while a commit was under way.
    OverlaysOverlapped,
    ReplicaLagged,
    TombstoneCompacted,
    InputDeleted,
    Spilled,
    StoreFailed,
    StoreCorrupt,
    StoreLost,
    StoreOld,
    StoreWiped,
    /// Opening a shard read changes from its changelog.
    Restored,
    /// A record with an unusable timestamp was read.
    UnusableTime,
    Completed,
    Overdue,
    DeadLetter,
    /// A failed record was written.
    Failed,
    /// A cancelled record was written.
    Cancelled,
    /// A completion carried what was kept of a record.
    KeptCarried,
    /// A completion or a dead letter carried a trace on.
    TraceCarried,
    /// A key was forgotten.
    Forgotten,
    /// A shard refused to run, as it should.
    Stopped,
    /// Offsets were dropped by the brokers.
    OffsetsExpired,
    /// A record belonged to no entry of its topic.
    Skipped,
    /// A record belonged to another entry of its topic than the first.
    LaterEntry,
    /// A record became a dead letter because its key belongs to another partition.
    WrongPartition,
    /// A shard committed the inputs' partitioner, as learnt from the records.
    PartitionerLearnt,
    /// A shard refused to run because the inputs are partitioned differently.
    PartitionersDiffered,
    /// All topics got another partition while no process ran.
    TopicsGrown,
    /// A transaction held parts of several shards.
    CommittedTogether,
    /// A shard's offsets named its new owner.
    Claimed,
    /// A claim that was not decided was passed over, or was decided after that of a newer owner.
    ClaimPassed,
    /// The transaction of another process was ended by taking its transactional id.
    OwnerFenced,
    /// The same, of an older version.
    FormerFenced,
    /// A process found out what had become of a transaction.
    Settled,
    /// A part failed, and the others of its transaction were sent again.
    NeighbourFailed,
    /// A process of an older version was replaced by one of this version.
    Upgraded,
    Downgraded,
    /// A process stopped for good, whatever it was doing.
    Gone,
    /// The next record of a shard waited for its schema.
    SchemaAwaited,
    /// A shard was closed because the schema registry did not answer.
    RegistryDown,
}

/// Every situation with its name.
pub const SITUATIONS: [(Situation, &str); 56] = [
    (Situation::Killed, "killed"),
    (Situation::StoodStill, "stood still"),
    (Situation::SessionEnded, "session ended"),
    (Situation::ShardMoved, "shard moved"),
    (Situation::Fenced, "fenced"),
    (Situation::Refused, "refused"),
    (Situation::CommittedAtLast, "committed at last"),
    (Situation::Interrupted, "interrupted"),
    (Situation::ReleasedLate, "released late"),
    (Situation::OpenedForNothing, "opened for nothing"),
    (Situation::Stuck, "stuck"),
    (Situation::Oversized, "oversized"),
    (Situation::RequestLost, "request lost"),
    (Situation::RequestDelayed, "request delayed"),
    (Situation::AnswerLost, "answer lost"),
    (Situation::TransactionTimedOut, "transaction timed out"),
    (Situation::OverlaysOverlapped, "overlays overlapped"),
    (Situation::ReplicaLagged, "replica lagged"),
    (Situation::TombstoneCompacted, "tombstone compacted"),
    (Situation::InputDeleted, "input deleted"),
    (Situation::Spilled, "spilled"),
    (Situation::StoreFailed, "store failed"),
    (Situation::StoreCorrupt, "store corrupt"),
    (Situation::StoreLost, "store lost"),
    (Situation::StoreOld, "store old"),
    (Situation::StoreWiped, "store wiped"),
    (Situation::Restored, "restored"),
    (Situation::UnusableTime, "unusable time"),
    (Situation::Completed, "completed"),
    (Situation::Overdue, "overdue"),
    (Situation::DeadLetter, "dead letter"),
    (Situation::Failed, "failed"),
    (Situation::Cancelled, "cancelled"),
    (Situation::KeptCarried, "kept carried"),
    (Situation::TraceCarried, "trace carried"),
    (Situation::Forgotten, "forgotten"),
    (Situation::Stopped, "stopped"),
    (Situation::OffsetsExpired, "offsets expired"),
    (Situation::Skipped, "skipped"),
    (Situation::LaterEntry, "later entry"),
    (Situation::WrongPartition, "wrong partition"),
    (Situation::PartitionerLearnt, "partitioner learnt"),
    (Situation::PartitionersDiffered, "partitioners differed"),
    (Situation::TopicsGrown, "topics grown"),
    (Situation::CommittedTogether, "committed together"),
    (Situation::Claimed, "claimed"),
    (Situation::ClaimPassed, "claim passed over"),
    (Situation::OwnerFenced, "owner fenced"),
    (Situation::FormerFenced, "former owner fenced"),
    (Situation::Settled, "settled"),
    (Situation::NeighbourFailed, "neighbour failed"),
    (Situation::Upgraded, "upgraded"),
    (Situation::Downgraded, "downgraded"),
    (Situation::Gone, "gone"),
    (Situation::SchemaAwaited, "schema awaited"),
    (Situation::RegistryDown, "registry down"),
];

/// How often each of [`SITUATIONS`] occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen([u64; SITUATIONS.len()]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; SITUATIONS.len()])
    }
}

impl Seen {
    pub fn count(&mut self, situation: Situation) {
        self.0[situation as usize] += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// Returns how often each situation occurred, with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        SITUATIONS.iter().map(|&(situation, name)| (name, self.0[situation as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn situations_are_listed_in_their_order() {
        for (index, (situation, _)) in SITUATIONS.iter().enumerate() {
            assert_eq!(*situation as usize, index);
        }
    }
}
