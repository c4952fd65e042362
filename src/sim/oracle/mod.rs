//! Judges whether the shards' work is correct, transaction by transaction.
//!
//! Promise: a transaction that commits passes only if the pure core explains it: from the
//! rows before it and the records between the old and the new offsets, in some order that keeps
//! each partition's, and with deadlines that were due, the core gives exactly its rows and outputs.
//! Ban: no knowledge of a process's memory; only Kafka and the disks are read.

mod commit;
mod counts;
mod entries;
mod explain;
mod facts;
mod placing;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    commit::Commit,
    explain::Case,
    facts::{Fact, facts},
};
use super::{
    disk::Contents,
    kafka::{Cluster, Message, Topic, TopicPartition, TransactionId},
    setting::{Deadlines, Setting},
    situation::{Seen, Situation},
};
use rollcall_core::{
    codec,
    matching::{Phase, Row},
    record::{InputIndex, Offset, ShardId, Sink, Timestamp},
    shard::{CommittedOffset, Due, Spill, row_of},
};

/// A description of what is wrong, if anything.
pub type Verdict = Result<(), String>;

/// The output topics in the order in which they are compared.
pub const OUTPUTS: [Topic; Sink::ALL.len()] =
    [Topic::Completed, Topic::Overdue, Topic::DeadLetter, Topic::Failed, Topic::Cancelled];

/// The versions of a key's row in the changelog; `None` where it was forgotten.
type Versions = Vec<(Offset, Option<Vec<u8>>)>;

/// A record's key.
type Key = Option<Vec<u8>>;

/// The content of the records of each key, by input.
type Events = BTreeMap<Key, Vec<Vec<Fact>>>;

/// The records of each key in each of [`OUTPUTS`].
type Told = BTreeMap<Key, [Vec<Message>; OUTPUTS.len()]>;

/// What is committed for one shard.
#[derive(Debug, Default)]
struct Shard {
    rows: BTreeMap<Vec<u8>, Row>,
    /// Every committed version, whether or not compaction has removed it since.
    versions: BTreeMap<Vec<u8>, Versions>,
    next: BTreeMap<InputIndex, Offset>,
    /// The latest timestamp among the records of each input that were processed.
    passed_ms: BTreeMap<InputIndex, Timestamp>,
    /// Records in each of [`OUTPUTS`].
    outputs: [usize; OUTPUTS.len()],
    transactions: usize,
    /// The inputs' partitioner has been committed.
    learnt: bool,
}

/// The judge of a schedule.
#[derive(Debug, Default)]
pub struct Oracle {
    shards: BTreeMap<ShardId, Shard>,
    /// When records with an unusable timestamp were given to a process.
    read_at_ms: Readings,
    seen: Seen,
}

/// When each of some records was read.
type Readings = BTreeMap<(ShardId, InputIndex, Offset), BTreeSet<Timestamp>>;

impl Oracle {
    /// Judges a transaction as it commits; its markers have not been written yet.
    pub fn transaction(
        &mut self,
        setting: &Setting,
        cluster: &mut Cluster,
        (shard, transaction): (ShardId, TransactionId),
        wall_max_ms: Timestamp,
    ) -> Verdict {
        let mut offsets = cluster.group.held(transaction);
        offsets.retain(|(of, ..)| *of == shard);
        let transaction = Some(transaction);
        let commit = Commit { shard, transaction, offsets: &offsets, wall_max_ms };
        self.commit(setting, cluster, &commit)
    }

    /// Records when a process was given a record with an unusable timestamp: one of these times
    /// counts for it (S30).
    pub fn note_read(&mut self, record: (ShardId, InputIndex, Offset), read_at_ms: Timestamp) {
        self.read_at_ms.entry(record).or_default().insert(read_at_ms);
    }

    /// Judges offsets that are committed outside any transaction.
    pub fn offsets(
        &mut self,
        setting: &Setting,
        cluster: &mut Cluster,
        shard: ShardId,
        offsets: &[(ShardId, InputIndex, CommittedOffset)],
        wall_max_ms: Timestamp,
    ) -> Verdict {
        let commit = Commit { shard, transaction: None, offsets, wall_max_ms };
        self.commit(setting, cluster, &commit)
    }

    fn commit(&mut self, setting: &Setting, cluster: &mut Cluster, commit: &Commit<'_>) -> Verdict {
        let known = self.shards.entry(commit.shard).or_default();
        let changes = commit.changes(cluster)?;
        let outputs = commit.outputs(cluster);
        commit.is_bounded(setting, changes.len(), &outputs)?;
        let commit_ms = commit.taken_at_ms(&outputs)?;
        let known_before = known.learnt;
        let (mut events, tick_until_ms) =
            known.events(setting, cluster, commit, &self.read_at_ms)?;
        entries::count(&events, &mut self.seen);
        let keys: BTreeSet<Key> = events
            .keys()
            .chain(outputs.keys())
            .cloned()
            .chain(changes.keys().map(|key| Some(key.clone())))
            .collect();
        for key in keys {
            let row = key.as_ref().and_then(|key| known.rows.get(key)).cloned().unwrap_or_default();
            let changed = key.as_ref().and_then(|key| changes.get(key));
            let case = Case {
                plan: &setting.plan,
                key: key.clone().unwrap_or_default(),
                last: changed.map_or_else(|| row.clone(), |(_, row)| row.clone()),
                first: row,
                facts: events.remove(&key).unwrap_or_default(),
                outputs: outputs.get(&key).cloned().unwrap_or_default(),
                tick_until_ms,
                commit_ms,
            };
            case.explain().map_err(|why| format!("R-3: shard {}: {why}", commit.shard))?;
        }
        let forgotten = changes.values().filter(|(_, row)| row.phase == Phase::Absent).count();
        let told = |index: usize| outputs.values().map(move |topics| topics[index].len()).sum();
        let carries = |message: &&Message| {
            let value = message.value.as_deref().unwrap_or_default();
            value.windows(6).any(|bytes| bytes == b"\"note\"")
        };
        let kept = outputs.values().flat_map(|topics| &topics[0]).filter(carries).count();
        let traces = outputs.values().flatten().flatten().filter(|message| message.is_traced());
        let counts = [
            (Situation::Completed, told(0)),
            (Situation::Overdue, told(1)),
            (Situation::DeadLetter, told(2)),
            (Situation::Failed, told(3)),
            (Situation::Cancelled, told(4)),
            (Situation::KeptCarried, kept),
            (Situation::TraceCarried, traces.count()),
            (Situation::Forgotten, forgotten),
            (Situation::WrongPartition, placing::misplaced(&outputs)),
            (Situation::PartitionerLearnt, usize::from(known.learnt && !known_before)),
        ];
        for (situation, count) in counts {
            (0..count).for_each(|_| self.seen.count(situation));
        }
        known.accept(commit, changes, &outputs);
        known.counted(commit.offsets)
    }

    /// Judges a spill as it is applied at `wall_ms`, with the disk as it is afterwards.
    pub fn spill(
        &self,
        setting: &Setting,
        shard: ShardId,
        (spill, after): (&Spill, &Contents),
        wall_ms: Timestamp,
    ) -> Verdict {
        let nothing = Shard::default();
        let known = self.shards.get(&shard).unwrap_or(&nothing);
        for (key, value) in spill.rows.iter() {
            let value = row_of(value);
            let committed = known.versions.get(key).into_iter().flatten();
            // A key that came and went within one transaction need not have existed before.
            if value.is_some() && !committed.clone().any(|(_, row)| row.as_deref() == value) {
                return Err(format!(
                    "R-1: shard {shard}: the store gets a row of {} that was never committed",
                    text(key)
                ));
            }
        }
        let Some(checkpoint) = &after.checkpoint else { return Ok(()) };
        if wall_ms - checkpoint.spilled_at_ms > setting.tombstones_kept_ms() {
            // It may have missed that keys were forgotten. It reports that, and must not be used.
            return Ok(());
        }
        known.stored(setting, after, checkpoint.changelog_next).map_err(|why| {
            format!("R-1: shard {shard}: the store at {} {why}", checkpoint.changelog_next)
        })
    }

    /// Judges the state once nothing is left to do: everything is processed, every deadline due by
    /// `now_ms` has fired, and the outputs are those of the transactions.
    pub fn quiet(&self, setting: &Setting, cluster: &mut Cluster, now_ms: Timestamp) -> Verdict {
        for &shard in &setting.shards {
            let nothing = Shard::default();
            let known = self.shards.get(&shard).unwrap_or(&nothing);
            for input in 0..setting.inputs() {
                let log = cluster.log(TopicPartition { topic: Topic::Input(input), shard });
                let next = known.next.get(&input).copied().unwrap_or(0);
                if let Some((offset, _)) = log.messages(next, log.last_stable()).next() {
                    return Err(format!(
                        "shard {shard}: input {input} is processed up to {next}, but there is a \
                         record at {offset}"
                    ));
                }
            }
            for (key, row) in &known.rows {
                // Deadlines in memory wait until their one-second bucket has passed, and those on
                // disk are looked up once a second.
                if row.due(&setting.plan.rules).is_some_and(|due| due < now_ms - 4_096) {
                    return Err(format!(
                        "shard {shard}: a deadline of {} has not fired by {now_ms}: {row:?}",
                        text(key)
                    ));
                }
            }
            for (topic, &expected) in OUTPUTS.iter().zip(&known.outputs) {
                let log = cluster.log(TopicPartition { topic: *topic, shard });
                let visible = log.messages(0, log.last_stable()).count();
                if visible != expected {
                    return Err(format!(
                        "shard {shard}: {topic:?} has {visible} records, the transactions had \
                         {expected}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Records that an input was recreated and is to be read from its start.
    pub fn recreated(&mut self, shard: ShardId, input: InputIndex) {
        if let Some(known) = self.shards.get_mut(&shard) {
            known.next.remove(&input);
        }
    }

    /// Returns every key that has ever had a row.
    pub fn keys(&self) -> impl Iterator<Item = (ShardId, Vec<u8>)> {
        let of_shard = |(&shard, known): (&ShardId, &Shard)| {
            let keys: Vec<_> = known.versions.keys().map(|key| (shard, key.clone())).collect();
            keys
        };
        self.shards.iter().flat_map(of_shard)
    }

    /// Returns the situations seen in transactions.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Returns the shards that have committed something.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> {
        self.shards.keys().copied()
    }

    /// Returns how many transactions have committed.
    pub fn transactions(&self) -> usize {
        self.shards.values().map(|shard| shard.transactions).sum()
    }
}

impl Shard {
    /// Returns the content of the records that a commit passes, and the latest time at which a
    /// deadline may have fired among them.
    fn events(
        &mut self,
        setting: &Setting,
        cluster: &mut Cluster,
        commit: &Commit<'_>,
        read_at_ms: &Readings,
    ) -> Result<(Events, Timestamp), String> {
        let mut events = Events::new();
        let placing = self.placing(setting, commit)?;
        let mut tick_until_ms = commit.wall_max_ms;
        for &(shard, input, ref offset) in commit.offsets {
            let changelog_id =
                cluster.log(TopicPartition { topic: Topic::Changelog, shard }).topic_id();
            let named = &offset.metadata.changelog_id;
            if *named != changelog_id {
                return Err(format!(
                    "shard {shard} commits offsets for changelog {named:?} beside rows in \
                     {changelog_id:?}"
                ));
            }
            let place = TopicPartition { topic: Topic::Input(input), shard };
            let log = cluster.log(place);
            let from = self.next.get(&input).copied().unwrap_or(log.bounds().start);
            if offset.next < from || offset.next > log.last_stable() {
                let end = log.last_stable();
                return Err(format!(
                    "R-3: shard {shard} commits offset {} of input {input} after {from}, where \
                     committed records end at {end}",
                    offset.next
                ));
            }
            let passed_ms = self.passed_ms.entry(input).or_insert(Timestamp::MIN);
            for (at, message) in log.messages(from, offset.next) {
                let usable = setting.plan.times.usable(message.timestamp_ms, commit.wall_max_ms);
                *passed_ms = usable.map_or(*passed_ms, |usable| usable.max(*passed_ms));
                let counts_ms = match (usable, read_at_ms.get(&(shard, input, at))) {
                    (Some(usable), _) => vec![usable],
                    (None, read) => read.into_iter().flatten().copied().collect(),
                };
                let key = message.key.as_deref().unwrap_or_default();
                let misplaced = setting.partitions.misplaced(shard, key);
                let of = (&*setting.plan, &*setting.entries[input], setting.registry.as_ref());
                let fact = facts(of, place, at, message, counts_ms);
                let fact = fact.placed(misplaced, placing);
                let of_key = events.entry(message.key.clone()).or_default();
                of_key.resize_with(setting.inputs(), Vec::new);
                of_key[input].push(fact);
            }
            if setting.deadlines == Deadlines::Backlog && offset.next < log.bounds().end {
                tick_until_ms = tick_until_ms.min(*passed_ms);
            }
        }
        Ok((events, tick_until_ms))
    }

    fn accept(
        &mut self,
        commit: &Commit<'_>,
        changes: BTreeMap<Vec<u8>, (Offset, Row)>,
        outputs: &Told,
    ) {
        for (key, (offset, row)) in changes {
            self.versions.entry(key.clone()).or_default().push((offset, encoded(&row)));
            if row.phase == Phase::Absent {
                self.rows.remove(&key);
            } else {
                self.rows.insert(key, row);
            }
        }
        for (count, topic) in self.outputs.iter_mut().zip(0..) {
            *count += outputs.values().map(|of_key| of_key[topic].len()).sum::<usize>();
        }
        for (_, input, offset) in commit.offsets {
            self.next.insert(*input, offset.next);
        }
        self.transactions += 1;
    }

    /// Compares a store with the changelog below `next`, and its deadline index with its rows.
    fn stored(&self, setting: &Setting, store: &Contents, next: Offset) -> Verdict {
        for (key, versions) in &self.versions {
            // Compaction may have removed what a later version replaces before it was restored;
            // that later version is then still to be read.
            if let Some((offset, row)) = versions.last()
                && *offset < next
                && store.rows.get(key) != row.as_ref()
            {
                return Err(format!("has another row of {} than the changelog", text(key)));
            }
        }
        for (key, row) in &store.rows {
            if !self.versions.contains_key(key) {
                return Err(format!("has a row of {}, which was never committed", text(key)));
            }
            let row = codec::row::decode(row).map_err(|error| error.to_string())?;
            if let Some(at_ms) = row.due(&setting.plan.rules)
                && !store.due.contains(&Due { at_ms, key: key.clone() })
            {
                return Err(format!("does not list the deadline of {}", text(key)));
            }
        }
        Ok(())
    }
}

fn encoded(row: &Row) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if row.phase != Phase::Absent {
        codec::row::encode(row, &mut bytes);
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Returns a key as text for people.
fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
