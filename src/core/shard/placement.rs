//! Whether records lie in the partition that their key belongs to (S28).
//!
//! Promise: a partitioner is taken for an input's own only on the evidence of many keys, and for
//! the reconciliation's only when all inputs have the same; until then no record is refused.
//! Shared by all shards of a process, since one shard sees one partition; once it is known, a
//! record costs one hash of its key.

use std::{
    fmt::Write,
    num::NonZeroU32,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
};

use super::{Error, Result, query::key_hash};
use crate::codec::Partitioner;
use crate::record::{InputIndex, ShardId};

/// Keys that have to fit before a partitioner is believed to be an input's.
const KEYS_MIN: usize = 32;
/// Keys that are looked at before an input is believed to have no partitioner that is known here,
/// or to have one though only one of its partitions was seen.
const KEYS_MAX: usize = 64;
/// One key in so many may be elsewhere, as one that was sent by hand.
const STRAY_SHARE: usize = 32;

/// How the partition of a key is to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// From the records.
    Auto,
    Named(Partitioner),
    /// Not at all.
    Unchecked,
}

/// Where a record should be that is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misplaced {
    pub belongs: u32,
    pub partitioner: Partitioner,
}

/// What is known of how the inputs are partitioned; see the module.
#[derive(Debug)]
pub struct Placement {
    partitioning: Partitioning,
    partitions: NonZeroU32,
    /// In the order of their numbers.
    topics: Vec<String>,
    /// What holds for every record; a [`code`], or [`UNKNOWN`], [`ALL_FIT`], [`CONFLICT`].
    rule: AtomicU8,
    inputs: Vec<Input>,
    conflict: OnceLock<String>,
}

const UNKNOWN: u8 = 0;
const ALL_FIT: u8 = 254;
const CONFLICT: u8 = 255;
/// Of an input: it has none of the partitioners.
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

/// The different keys of an input that were looked at.
#[derive(Debug, Default)]
struct Evidence {
    hashes: Vec<u64>,
    /// How many of them fit each of [`Partitioner::ALL`].
    fits: [usize; Partitioner::ALL.len()],
    first_shard: Option<ShardId>,
    several_shards: bool,
}

impl Placement {
    /// Returns what is known before any record: what `partitioning` says.
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
        Self { partitioning, partitions, topics, rule: AtomicU8::new(rule), inputs, conflict }
    }

    /// Returns the placement of inputs that nobody checks.
    pub fn unchecked() -> Self {
        Self::new(Partitioning::Unchecked, Vec::new(), NonZeroU32::MIN)
    }

    /// Returns the partitioner, if it is known; see [`Self::learnt`] for where from.
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

    /// Returns the partitioner that the records have shown, to be committed beside the offsets.
    pub fn learnt(&self) -> Option<Partitioner> {
        self.partitioner().filter(|_| self.partitioning == Partitioning::Auto)
    }

    /// Takes over what an earlier process has learnt and committed, if nothing else is known.
    pub fn remember(&self, learnt: Partitioner) {
        if self.partitioning == Partitioning::Auto {
            self.decide(code(learnt));
        }
    }

    /// Returns why the inputs cannot be reconciled, with the remedy.
    pub fn conflict(&self) -> Option<&str> {
        self.conflict.get().map(String::as_str)
    }

    /// Refuses to go on when the inputs cannot be reconciled.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] with each topic, what it uses, and the remedy.
    pub fn agreed(&self) -> Result<()> {
        self.conflict().map_or(Ok(()), |why| Err(Error::Misconfigured(why.to_owned())))
    }

    /// Returns where a record of `input` in `shard` should be, `None` when it is there or that is
    /// not known.
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

    /// Adds a record to the evidence. A lane that finds another one at it does not wait.
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
        // What was decided first stays.
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

    /// Returns what the keys show; `None` while that is not certain.
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
            // By chance, as a short while of tossed coins may: the next keys tell.
            (Some(_), Some(_)) => None,
            (None, _) => (keys >= KEYS_MAX).then_some(NONE_FITS),
        }
    }
}

#[cfg(test)]
mod tests;
