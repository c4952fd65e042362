//! Checks whether records are in the partition that their key belongs to (S28).
//!
//! Promise: a partitioner is attributed to an input only on the evidence of many keys, and to the
//! reconciliation only if all inputs have the same; until then no record is rejected. Shared by all
//! shards of a process, since one shard sees one partition; once the partitioner is known, a record
//! costs one hash of its key.

use std::{
    fmt::Write,
    num::NonZeroU32,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use crate::codec::Partitioner;
use crate::record::{InputIndex, ShardId};
use crate::shard::{Error, Result, run::query::key_hash};

/// Number of matching keys before a partitioner is attributed to an input.
const KEYS_MIN: usize = 32;
/// Number of keys that are examined before an input is considered to have no known partitioner, or
/// to have one although only one of its partitions was seen.
const KEYS_MAX: usize = 64;
/// One in this many keys may be misplaced, for example if it was sent by hand.
const STRAY_SHARE: usize = 32;

/// How the partition of a key is determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// From the records.
    Auto,
    Named(Partitioner),
    /// Not at all.
    Unchecked,
}

/// What keys are, of which the record keys decide the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysAre {
    RecordKeys,
    /// They are parts of record keys, so they do not show their partition.
    Parts,
}

/// Where a misplaced record should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misplaced {
    pub belongs: u32,
    pub partitioner: Partitioner,
}

/// What is known about the inputs' partitioner; see the module.
#[derive(Debug)]
pub struct Placement {
    partitioning: Partitioning,
    partitions: NonZeroU32,
    /// In the order of their numbers.
    topics: Vec<String>,
    /// The rule for every record; a [`code`], or [`UNKNOWN`], [`ALL_FIT`], [`CONFLICT`].
    rule: AtomicU8,
    inputs: Vec<Input>,
    conflict: OnceLock<String>,
    keys_are: KeysAre,
}

const UNKNOWN: u8 = 0;
const ALL_FIT: u8 = 254;
const CONFLICT: u8 = 255;
/// For an input: none of the partitioners fits.
const NONE_FITS: u8 = 255;

fn code(partitioner: Partitioner) -> u8 {
    match partitioner {
        Partitioner::Murmur2 => 1,
        Partitioner::Crc32 => 2,
        Partitioner::Fnv1a => 3,
    }
}

fn partitioner(code: u8) -> Option<Partitioner> {
    Partitioner::ALL.into_iter().find(|partitioner| self::code(*partitioner) == code)
}

#[derive(Debug, Default)]
struct Input {
    /// A [`code`], or [`UNKNOWN`], [`NONE_FITS`].
    finding: AtomicU8,
    evidence: Mutex<Evidence>,
}

/// The different keys of an input that were examined.
#[derive(Debug, Default)]
struct Evidence {
    hashes: Vec<u64>,
    /// How many of them fit each of [`Partitioner::ALL`].
    fits: [usize; Partitioner::ALL.len()],
    first_shard: Option<ShardId>,
    several_shards: bool,
}

impl Placement {
    /// Returns what is known before any record, according to `partitioning`.
    pub fn new(partitioning: Partitioning, topics: Vec<String>, partitions: NonZeroU32) -> Self {
        let rule = match partitioning {
            // All keys belong to the only partition there is.
            _ if partitions.get() == 1 => ALL_FIT,
            Partitioning::Auto => UNKNOWN,
            Partitioning::Named(partitioner) => code(partitioner),
            Partitioning::Unchecked => ALL_FIT,
        };
        let inputs = topics.iter().map(|_| Input::default()).collect();
        let conflict = OnceLock::new();
        let rule = AtomicU8::new(rule);
        let keys_are = KeysAre::RecordKeys;
        Self { partitioning, partitions, topics, rule, inputs, conflict, keys_are }
    }

    /// Returns the placement of inputs with such keys.
    pub fn with(self, keys_are: KeysAre) -> Self {
        Self { keys_are, ..self }
    }

    /// Returns the partitioner that shows where a key is; `None` if that is unknown, or a key is
    /// not enough to tell.
    pub fn key_partitioner(&self) -> Option<Partitioner> {
        self.partitioner().filter(|_| self.keys_are == KeysAre::RecordKeys)
    }

    /// Returns the placement of inputs that are not checked.
    pub fn unchecked() -> Self {
        Self::new(Partitioning::Unchecked, Vec::new(), NonZeroU32::MIN)
    }

    /// Returns the partitioner, if it is known; see [`Self::learnt`] for its source.
    pub fn partitioner(&self) -> Option<Partitioner> {
        match self.partitioning {
            Partitioning::Named(partitioner) => Some(partitioner),
            Partitioning::Auto => partitioner(self.rule.load(Ordering::Acquire)),
            Partitioning::Unchecked => None,
        }
    }

    pub fn partitioning(&self) -> Partitioning {
        self.partitioning
    }

    /// Returns the partitioner learnt from the records, to be committed with the offsets.
    pub fn learnt(&self) -> Option<Partitioner> {
        self.partitioner().filter(|_| self.partitioning == Partitioning::Auto)
    }

    /// Takes over the partitioner that an earlier process has learnt and committed, if none is
    /// known yet.
    pub fn remember(&self, learnt: Partitioner) {
        if self.partitioning == Partitioning::Auto {
            self.decide(code(learnt));
        }
    }

    /// Returns why the inputs cannot be reconciled, with the remedy.
    pub fn conflict(&self) -> Option<&str> {
        self.conflict.get().map(String::as_str)
    }

    /// Fails if the inputs cannot be reconciled.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] with each topic, its partitioner, and the remedy.
    pub fn agreed(&self) -> Result<()> {
        self.conflict().map_or(Ok(()), |why| Err(Error::Misconfigured(why.to_owned())))
    }

    /// Returns where a record of `input` in `shard` should be; `None` if it is there, or that is
    /// unknown.
    ///
    /// # Errors
    /// As [`Self::agreed`].
    pub fn check(
        &self,
        input: InputIndex,
        shard: ShardId,
        key: &[u8],
    ) -> Result<Option<Misplaced>> {
        let rule = self.rule.load(Ordering::Acquire);
        if let Some(partitioner) = partitioner(rule) {
            let belongs = partitioner.partition(key, self.partitions);
            let is_there = i64::from(belongs) == i64::from(shard.0);
            return Ok((!is_there).then_some(Misplaced { belongs, partitioner }));
        }
        if rule == UNKNOWN {
            self.learn(input, shard, key);
        }
        self.agreed().map(|()| None)
    }

    /// Adds a record to the evidence. If another lane is doing so, this one does not wait.
    fn learn(&self, input: InputIndex, shard: ShardId, key: &[u8]) {
        let input = &self.inputs[input];
        if input.finding.load(Ordering::Acquire) != UNKNOWN {
            return;
        }
        let Ok(mut evidence) = input.evidence.try_lock() else { return };
        evidence.add(shard, key, self.partitions);
        let Some(finding) = evidence.finding() else { return };
        drop(evidence);
        input.finding.store(finding, Ordering::SeqCst);
        self.conclude();
    }

    /// Decides once the inputs agree, or it is certain that they never will.
    fn conclude(&self) {
        let findings: Vec<u8> =
            self.inputs.iter().map(|input| input.finding.load(Ordering::SeqCst)).collect();
        let mut known = findings.iter().copied().filter(|finding| *finding != UNKNOWN);
        let Some(first) = known.next() else { return };
        if first == NONE_FITS || known.any(|other| other != first) {
            let _ = self.conflict.set(self.disagreement(&findings));
            self.decide(CONFLICT);
        } else if !findings.contains(&UNKNOWN) {
            self.decide(first);
        }
    }

    fn decide(&self, rule: u8) {
        // The first decision stands.
        let _ = self.rule.compare_exchange(UNKNOWN, rule, Ordering::AcqRel, Ordering::Acquire);
    }

    fn disagreement(&self, findings: &[u8]) -> String {
        let mut text = "records of one key are in different shards and never meet, since the \
                        producers do not choose its partition alike:"
            .to_owned();
        for (topic, finding) in self.topics.iter().zip(findings) {
            let separator = if text.ends_with(':') { "" } else { "," };
            let uses = match partitioner(*finding) {
                Some(partitioner) => format!("{partitioner} ({})", partitioner.users()),
                None if *finding == UNKNOWN => "what is not known yet".to_owned(),
                None => "none of murmur2, crc32 and fnv1a, or several of them".to_owned(),
            };
            let _ = write!(text, "{separator} {topic} uses {uses}");
        }
        text + "; have all producers use one, as librdkafka does Java's with the setting \
                partitioner=murmur2_random, and start over with new topics; or, if the records of \
                a key do have the same partition number in all inputs, by a rule of your own, set \
                spec.partitioner: unchecked; then restart the workers"
    }
}

impl Evidence {
    fn add(&mut self, shard: ShardId, key: &[u8], partitions: NonZeroU32) {
        let hash = key_hash(key);
        if self.hashes.contains(&hash) {
            return;
        }
        self.hashes.push(hash);
        self.several_shards |= *self.first_shard.get_or_insert(shard) != shard;
        for (fits, partitioner) in self.fits.iter_mut().zip(Partitioner::ALL) {
            let belongs = partitioner.partition(key, partitions);
            *fits += usize::from(i64::from(belongs) == i64::from(shard.0));
        }
    }

    /// Returns what the keys show; `None` while that is uncertain.
    fn finding(&self) -> Option<u8> {
        let keys = self.hashes.len();
        if keys < KEYS_MIN || (keys < KEYS_MAX && !self.several_shards) {
            return None;
        }
        let mut fitting = self
            .fits
            .iter()
            .zip(Partitioner::ALL)
            .filter(|(fits, _)| (keys - **fits) * STRAY_SHARE <= keys)
            .map(|(_, partitioner)| partitioner);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(code(only)),
            // A coincidence, as with a few coin tosses: more keys will decide.
            (Some(_), Some(_)) => None,
            (None, _) => (keys >= KEYS_MAX).then_some(NONE_FITS),
        }
    }
}

#[cfg(test)]
mod tests;
