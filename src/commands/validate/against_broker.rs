//! `rollcall validate --against-broker`: says what would become of the last records of each input.
//!
//! Promise: nothing is written, no group is joined and nothing is committed. What depends on the
//! state of a key, such as whether it is complete already, is not known here.

use std::fmt::Write;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::meaning;
use super::tally::{Dead, Taken, Tally};
use crate::commands::{ask, complain, print};
use rollcall_core::codec::input::{Decoded, Formats, Input, Scratch};
use rollcall_core::codec::schemas::Schemas;
use rollcall_core::codec::{Decoder, Reason};
use rollcall_core::record::ShardId;
use rollcall_core::shard::{Error, Misplaced, Placement};
use rollcall_core::text::escape::{printable, printable_lines};
use rollcall_kafka::{Connection, Gravity, Survey, Tail, TailRecord};
use rollcall_object::Settings;
use rollcall_registry::{Background, Registry};

/// Most records that are read of all inputs together.
const RECORDS_MAX: usize = 20_000;
/// How long all inputs may take together.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long schemas of one input are waited for, all together.
const SCHEMAS_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is checked whether a schema is there.
const SCHEMA_POLL: Duration = Duration::from_millis(20);

/// Which records to look at.
#[derive(Debug, clap::Args)]
pub struct LastRecords {
    /// Say what would become of the last records of each input, read from Kafka; nothing is
    /// written or committed
    #[arg(long, conflicts_with = "explain")]
    pub against_broker: bool,
    /// How many records of each partition to look at; all inputs together have at most 20000
    #[arg(
        long,
        requires = "against_broker",
        default_value_t = 100,
        value_name = "RECORDS",
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    last: u32,
}

/// Prints what would become of the records. Fails if one of them would become a dead letter, or
/// could not be read.
pub fn run(settings: &Settings, args: &LastRecords) -> ExitCode {
    let mut wrong = Vec::new();
    match look(settings, args.last as usize, &mut wrong) {
        Ok(tallies) => {
            let texts: String = tallies.iter().map(ToString::to_string).collect();
            wrong.extend(print(&printable_lines(&texts)).err());
            let (dead, records) = tallies.iter().fold((0, 0), |(dead, records), tally| {
                (dead + tally.dead_total(), records + tally.records)
            });
            if dead > 0 {
                wrong.push(format!(
                    "{dead} of {records} records would become dead letters: correct the object, or \
                     what sends them"
                ));
            }
        }
        Err(error) => wrong.push(error.to_string()),
    }
    for text in &wrong {
        complain(text);
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads the inputs that are there; `wrong` receives what is wrong with the topics.
fn look(settings: &Settings, last: usize, wrong: &mut Vec<String>) -> Result<Vec<Tally>, Error> {
    let connection = Connection::of(settings, "validate")?;
    let survey = ask(rollcall_kafka::survey(&connection, &rollcall_worker::wanted(settings)))?;
    let inputs = inputs(settings, &survey, wrong);
    let partitions: usize = inputs.iter().map(|(_, _, count)| count.get() as usize).sum();
    let each = last.min(RECORDS_MAX / partitions.max(1)).max(1);
    let tail = Tail::connect(&connection, READ_TIMEOUT)?;
    let topics: Vec<String> = settings.inputs().into_iter().map(str::to_owned).collect();
    let agree = inputs.iter().all(|(_, _, count)| *count == inputs[0].2);
    let placement = match inputs.first().filter(|_| agree) {
        Some((_, _, count)) => Placement::new(settings.partitioning, topics, *count),
        // Wherever a record is, one of the inputs would have it elsewhere.
        None => Placement::unchecked(),
    };
    let background = Background::start();
    let background =
        background.map_err(|error| Error::Interrupted(format!("no threads: {error}")))?;
    let formats = formats(settings, &background)?;
    let mut tallies = Vec::new();
    for (index, topic, count) in inputs {
        let mut looker = Looker::new(settings, (index, topic), formats[index].clone(), &placement);
        let partitions = i32::try_from(count.get()).unwrap_or(i32::MAX);
        match tail.read(topic, partitions, each, &mut |record| looker.record(&record)) {
            Ok(()) => {}
            Err(error) => wrong.push(error.to_string()),
        }
        if let Some((records, why)) = looker.unread {
            wrong.push(format!(
                "{records} records of {topic} were not decoded, since their schemas are not there: \
                 {why}"
            ));
        }
        looker.tally.partitions = count;
        tallies.push(looker.tally);
    }
    // Early records were read before it was known where they belong.
    for tally in &mut tallies {
        tally.move_misplaced(|input, partition, key| misplaced(&placement, input, partition, key));
    }
    wrong.extend(placement.conflict().map(str::to_owned));
    Ok(tallies)
}

/// Returns how the inputs are read, with the schema registry if one is needed.
fn formats(settings: &Settings, background: &Background) -> Result<Vec<Formats>, Error> {
    let registry = Registry::of(settings, background.handle());
    let schemas = registry.map(|registry| registry as Arc<dyn Schemas>);
    let formats = settings.formats(schemas.as_ref());
    formats.map_err(|error| Error::Misconfigured(error.to_string()))
}

/// Returns the inputs that can be read, with their number and that of their partitions.
fn inputs<'a>(
    settings: &'a Settings,
    survey: &Survey,
    wrong: &mut Vec<String>,
) -> Vec<(usize, &'a str, NonZeroU32)> {
    let mut inputs = Vec::new();
    for (index, topic) in settings.inputs().into_iter().enumerate() {
        let Some(surveyed) = survey.topics.iter().find(|found| found.topic == topic) else {
            continue;
        };
        let refuse = surveyed.problems.iter().filter(|it| it.gravity() == Gravity::Refuses);
        wrong.extend(refuse.map(ToString::to_string));
        let count = surveyed.found.as_ref().and_then(|found| u32::try_from(found.partitions).ok());
        match count.and_then(NonZeroU32::new) {
            Some(count) => inputs.push((index, topic, count)),
            None if surveyed.problems.is_empty() => wrong.push(format!(
                "topic {topic} does not exist yet, so nothing can be said about its records: \
                 create it with `rollcall topics --create-inputs`, and send some"
            )),
            None => {}
        }
    }
    inputs
}

fn misplaced(placement: &Placement, input: usize, partition: i32, key: &[u8]) -> Option<Reason> {
    // A conflict of partitioners is reported once, for all records.
    let found = placement.check(input, ShardId(partition), key).ok()??;
    let Misplaced { belongs, partitioner } = found;
    Some(Reason::WrongPartition { partition: partition.unsigned_abs(), belongs, partitioner })
}

/// Looks at the records of one input.
struct Looker<'a> {
    settings: &'a Settings,
    decoder: Decoder,
    entries: Vec<&'a str>,
    placement: &'a Placement,
    scratch: Scratch,
    tally: Tally,
    /// How much longer schemas may be waited for.
    schemas_wait: Duration,
    /// How many records were not decoded, for want of a schema, and why.
    unread: Option<(usize, String)>,
}

impl<'a> Looker<'a> {
    fn new(
        settings: &'a Settings,
        (input, topic): (usize, &str),
        formats: Formats,
        placement: &'a Placement,
    ) -> Self {
        let entries: Vec<&str> = settings.entries(topic).iter().map(|(place, _)| *place).collect();
        Self {
            settings,
            decoder: settings.decoder(topic, formats),
            tally: Tally::new(topic, input, &entries),
            entries,
            placement,
            scratch: Scratch::default(),
            schemas_wait: SCHEMAS_TIMEOUT,
            unread: None,
        }
    }

    fn record(&mut self, record: &TailRecord<'_>) {
        let TailRecord { partition, offset, key, value, headers } = record;
        let (partition, offset) = (*partition, *offset);
        let input = Input { key: *key, value: *value, headers: Some(headers) };
        self.tally.records += 1;
        let dead = |reason: &Reason| Dead {
            reason: reason.name(),
            example: format!("partition {partition} offset {offset}{}: {reason}", told(*key)),
        };
        self.await_schema(input);
        match self.decoder.decode(input, &mut self.scratch) {
            Ok(Decoded::Waits(why)) => {
                let why = why.unwrap_or("the schema registry has not answered yet").to_owned();
                let records = self.unread.take().map_or(0, |(records, _)| records);
                self.unread = Some((records + 1, why));
            }
            Ok(Decoded::Event { entry, event, .. }) => {
                let key = key.unwrap_or_default();
                if let Some(reason) = misplaced(self.placement, self.tally.input, partition, key) {
                    self.tally.dead(dead(&reason));
                    return;
                }
                let read = self.decoder.read_key(input, &mut Scratch::default());
                let meaning = meaning::of(self.settings, read.text().unwrap_or_default(), event);
                let key = key.to_vec();
                self.tally.taken(Taken { entry, partition, offset, key, meaning });
            }
            Ok(Decoded::Skipped) => {
                let mut example = format!("partition {partition} offset {offset}{}", told(*key));
                if self.decoder.is_about_nothing(input) {
                    example += ", its envelope says that it is about no key";
                    self.tally.skipped(example);
                    return;
                }
                for (entry, unmet) in self.entries.iter().zip(self.unmet(input)) {
                    let _ = match unmet.first() {
                        Some(index) => write!(example, ", {entry}.where[{index}] does not hold"),
                        None => write!(example, ", {entry} does not list its outcome"),
                    };
                }
                self.tally.skipped(example);
            }
            Err(reason) => self.tally.dead(dead(&reason)),
        }
    }

    /// Waits until the schema of a record is there, or for too long.
    fn await_schema(&mut self, input: Input<'_>) {
        while matches!(self.decoder.decode(input, &mut self.scratch), Ok(Decoded::Waits(_))) {
            let Some(rest) = self.schemas_wait.checked_sub(SCHEMA_POLL) else { return };
            self.schemas_wait = rest;
            thread::sleep(SCHEMA_POLL);
        }
    }

    fn unmet(&self, input: Input<'_>) -> Vec<Vec<usize>> {
        self.decoder.unmet(input).unwrap_or_default()
    }
}

/// Returns a record's key as the end of its position.
fn told(key: Option<&[u8]>) -> String {
    match key {
        Some(key) => format!(", key {}", printable(&String::from_utf8_lossy(key))),
        None => String::new(),
    }
}
