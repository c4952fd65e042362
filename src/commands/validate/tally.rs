//! What would become of the records of one input: how many, and some of them as examples.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use rollcall_core::codec::Reason;
use rollcall_core::record::Offset;
use rollcall_core::text::escape::printable;

/// How many records are shown of each kind.
const EXAMPLES_MAX: usize = 3;
/// How many bytes of an example are shown.
const EXAMPLE_BYTES_MAX: usize = 300;

/// The records of one input.
pub struct Tally {
    topic: String,
    pub input: usize,
    pub partitions: NonZeroU32,
    /// How many were looked at.
    pub records: usize,
    entries: Vec<String>,
    taken: Vec<Taken>,
    skipped: Kind,
    dead: BTreeMap<&'static str, Kind>,
}

/// A record that an entry takes.
pub struct Taken {
    pub entry: usize,
    pub partition: i32,
    pub offset: Offset,
    pub key: Vec<u8>,
    pub meaning: String,
}

/// A record that would become a dead letter.
pub struct Dead {
    pub reason: &'static str,
    pub example: String,
}

/// Records of one kind.
#[derive(Default)]
struct Kind {
    total: usize,
    examples: Vec<String>,
}

impl Kind {
    fn add(&mut self, example: String) {
        self.total += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(cut(example));
        }
    }

    fn write(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {name:<32} {:>6}", self.total)?;
        self.examples.iter().try_for_each(|example| writeln!(f, "      {}", printable(example)))
    }
}

impl Tally {
    /// Returns the tally of no records; `entries` are the topic's places in the object.
    pub fn new(topic: &str, input: usize, entries: &[&str]) -> Self {
        Self {
            topic: topic.to_owned(),
            input,
            partitions: NonZeroU32::MIN,
            records: 0,
            entries: entries.iter().map(|entry| (*entry).to_owned()).collect(),
            taken: Vec::new(),
            skipped: Kind::default(),
            dead: BTreeMap::new(),
        }
    }

    pub fn taken(&mut self, taken: Taken) {
        self.taken.push(Taken { meaning: cut(taken.meaning), ..taken });
    }

    pub fn skipped(&mut self, example: String) {
        self.skipped.add(example);
    }

    pub fn dead(&mut self, Dead { reason, example }: Dead) {
        self.dead.entry(reason).or_default().add(example);
    }

    /// Makes records dead letters that were taken before it was known where they belong.
    pub fn move_misplaced(&mut self, of: impl Fn(usize, i32, &[u8]) -> Option<Reason>) {
        for taken in std::mem::take(&mut self.taken) {
            let Some(reason) = of(self.input, taken.partition, &taken.key) else {
                self.taken.push(taken);
                continue;
            };
            let Taken { partition, offset, key, .. } = taken;
            let key = String::from_utf8_lossy(&key);
            let example = format!("partition {partition} offset {offset}, key {key}: {reason}");
            self.dead(Dead { reason: reason.name(), example });
        }
    }

    /// Returns how many records would become dead letters.
    pub fn dead_total(&self) -> usize {
        self.dead.values().map(|kind| kind.total).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partitions, records, .. } = self;
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let partitions = format!("{partitions} partition{}", s(partitions.get() as usize));
        if *records == 0 {
            return writeln!(
                f,
                "{topic}: no records in {partitions}; nothing can be said about it before there \
                 are some"
            );
        }
        writeln!(f, "{topic}: the last {records} record{} of {partitions}", s(*records))?;
        for (index, entry) in self.entries.iter().enumerate() {
            let mut kind = Kind::default();
            for taken in self.taken.iter().filter(|taken| taken.entry == index) {
                let Taken { partition, offset, meaning, .. } = taken;
                kind.add(format!("partition {partition} offset {offset}: {meaning}"));
            }
            kind.write(entry, f)?;
        }
        if self.skipped.total > 0 {
            self.skipped.write("skipped", f)?;
        }
        self.dead
            .iter()
            .try_for_each(|(reason, kind)| kind.write(&format!("dead letter {reason}"), f))
    }
}

/// Shortens an example at a character.
fn cut(mut example: String) -> String {
    if example.len() > EXAMPLE_BYTES_MAX {
        let at = (0..=EXAMPLE_BYTES_MAX).rev().find(|at| example.is_char_boundary(*at));
        example.truncate(at.unwrap_or_default());
        example.push('…');
    }
    example
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally::new("orders", 0, &["spec.expected", "spec.observed[1]"])
    }

    fn taken(offset: Offset, key: &str) -> Taken {
        let (key, meaning) = (key.as_bytes().to_vec(), format!("the key {key} is cancelled"));
        Taken { entry: 0, partition: 1, offset, key, meaning }
    }

    #[test]
    fn it_counts_each_kind_and_shows_a_few_of_it() {
        let mut tally = tally();
        (0..5).for_each(|offset| tally.taken(taken(offset, &format!("o{offset}"))));
        tally.skipped("partition 1 offset 5".to_owned());
        let example = "partition 1 offset 6: \x1b[2J".to_owned();
        tally.dead(Dead { reason: "null-key", example });
        tally.records = 7;
        assert_eq!(
            tally.to_string(),
            "\
orders: the last 7 records of 1 partition
  spec.expected                         5
      partition 1 offset 0: the key o0 is cancelled
      partition 1 offset 1: the key o1 is cancelled
      partition 1 offset 2: the key o2 is cancelled
  spec.observed[1]                      0
  skipped                               1
      partition 1 offset 5
  dead letter null-key                  1
      partition 1 offset 6: \\u{1b}[2J
"
        );
        assert_eq!(tally.dead_total(), 1);
    }

    #[test]
    fn records_that_turn_out_to_be_misplaced_are_dead_letters() {
        let mut tally = tally();
        tally.records = 2;
        (0..2).for_each(|offset| tally.taken(taken(offset, &format!("o{offset}"))));
        tally.move_misplaced(|_, _, key| (key == b"o1").then_some(Reason::NullKey));
        assert_eq!((tally.taken.len(), tally.dead_total()), (1, 1));
        assert!(tally.to_string().contains("partition 1 offset 1, key o1: the record has no key"));
    }

    #[test]
    fn an_empty_topic_says_that_it_is_empty_and_a_long_example_is_cut() {
        assert!(tally().to_string().starts_with("orders: no records in 1 partition;"));
        assert_eq!(cut("ä".repeat(500)).chars().count(), EXAMPLE_BYTES_MAX / 2 + 1);
    }
}
