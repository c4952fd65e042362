//! The content of an input record, decoded by the same codec that shards use.

use std::fmt;

use super::{
    super::{
        kafka::{Message, Topic, TopicPartition},
        registry::Registry,
        workload::MALFORMED,
    },
    entries::{Belongs, belongs},
};
use rollcall_core::{
    codec::{
        Decoder, Reason,
        input::{Decoded, Entry, Input as Record, Limits, Scratch},
        output::{Source, Time},
    },
    matching::{Deadlines, Event, Expectation, Extent, ItemOutcome, Items, Origin},
    record::{
        Carried, Header, InputIndex, Offset, Output, ShardId, Timestamp,
        trace::{TraceParent, span_id},
    },
    shard::Plan,
};

/// The content of an input record.
#[derive(Clone)]
pub struct Fact {
    pub says: Says,
    pub belongs: Belongs,
    /// What is kept of it.
    pub kept: String,
    /// Possible times, of which one counts for it.
    pub counts_ms: Vec<Timestamp>,
    /// Its timestamp as received.
    pub source_ms: Timestamp,
    /// Why it may have been rejected although its content is valid.
    pub misplaced: Option<Reason>,
    /// The record, in case the core rejects its content.
    source: Input,
}

#[derive(Debug, Clone)]
pub enum Says {
    Expectation(Items, Extent, Deadlines),
    Cancellation,
    Observation {
        item: String,
        quantity: u32,
        outcome: ItemOutcome,
        id: Option<String>,
    },
    /// The record belongs to none of its topic's entries.
    Nothing,
    /// The content is invalid.
    Refused(Reason),
}

impl Says {
    fn of(event: Event<'_>) -> Self {
        match event {
            Event::Expectation(Expectation { items, extent, deadlines }) => {
                Self::Expectation(items.clone(), extent, deadlines)
            }
            Event::Cancellation => Self::Cancellation,
            Event::Observation { item, quantity, outcome, id } => {
                let (item, id) = (item.to_owned(), id.map(str::to_owned));
                Self::Observation { item, quantity, outcome, id }
            }
            Event::Tick => unreachable!("a decoder makes no ticks"),
        }
    }
}

#[derive(Debug, Clone)]
struct Input {
    topic: String,
    partition: i32,
    offset: Offset,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Header>,
    place: (ShardId, InputIndex),
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.source.offset;
        match &self.says {
            Says::Refused(_) => write!(f, "{offset}: refused"),
            says => write!(f, "{offset}: {says:?} at {:?}", self.counts_ms),
        }
    }
}

/// Decodes a record of an input with these entries, for which one of these times counts.
pub fn facts(
    (plan, entries, registry): (&Plan, &[Entry], Option<&Registry>),
    place: TopicPartition,
    offset: Offset,
    message: &Message,
    counts_ms: Vec<Timestamp>,
) -> Fact {
    let Topic::Input(input) = place.topic else {
        unreachable!("only inputs hold facts");
    };
    let source = Input {
        topic: plan.topics[input].clone(),
        partition: place.shard.0,
        offset,
        key: message.key.clone(),
        value: message.value.clone(),
        headers: message.headers.clone(),
        place: (place.shard, input),
    };
    let (key, value) = (message.key.as_deref(), message.value.as_deref());
    let record = Record { key, value, headers: Some(&message.headers) };
    let json = value.map(|value| registry.map_or(value.into(), |of| of.json_of(value)));
    let belongs = belongs(entries, message, json.as_deref());
    let (says, kept) = match belongs {
        Belongs::Nowhere => (Says::Nothing, String::new()),
        // The topic's decoder has to read it, too; it knows what is wrong.
        Belongs::Unreadable => said(&plan.inputs[input], record),
        Belongs::To(entry) => {
            // As if it were the only one.
            let alone = Entry { conditions: Vec::new(), ..entries[entry].clone() };
            let limits = Limits { key_bytes_max: plan.key_bytes_max, ..Limits::default() };
            let decoder = Decoder::new(&[alone], plan.rules.counting, limits);
            let decoder = decoder.expect("it is part of the topic's");
            said(&decoder.reading(plan.inputs[input].format().clone()), record)
        }
    };
    let source_ms = message.timestamp_ms;
    Fact { says, belongs, kept, counts_ms, source_ms, misplaced: None, source }
}

/// Returns what a record says, and what is kept of it.
fn said(decoder: &Decoder, record: Record<'_>) -> (Says, String) {
    match decoder.decode(record, &mut Scratch::default()) {
        Ok(Decoded::Skipped) => (Says::Nothing, String::new()),
        Ok(Decoded::Event { event, kept, .. }) => (Says::of(event), kept.to_owned()),
        Ok(Decoded::Waits(_)) => unreachable!("the plan that is judged by has all schemas"),
        Err(reason) => (Says::Refused(reason), String::new()),
    }
}

impl Fact {
    /// Returns the record as an event of the core, `None` if it never gets there.
    pub fn event(&self) -> Option<Event<'_>> {
        match &self.says {
            Says::Expectation(items, extent, deadlines) => {
                let (extent, deadlines) = (*extent, *deadlines);
                Some(Event::Expectation(Expectation { items, extent, deadlines }))
            }
            Says::Cancellation => Some(Event::Cancellation),
            Says::Observation { item, quantity, outcome, id } => {
                let (quantity, outcome, id) = (*quantity, *outcome, id.as_deref());
                Some(Event::Observation { item, quantity, outcome, id })
            }
            Says::Nothing | Says::Refused(_) => None,
        }
    }

    /// Returns the origin that a row has for the record, which came from `input`.
    pub fn origin(&self, input: usize) -> Origin {
        let input = u8::try_from(input).expect("there are few inputs");
        Origin { input, offset: self.source.offset }
    }

    /// Returns what a completion carries over from the record, if that is part of a trace. The
    /// workload marks malformed headers, so nothing has to be parsed here.
    pub fn carried(&self, plan: &Plan) -> Option<Carried> {
        let last = |wanted: &str| {
            let found = self.source.headers.iter().rev().find(|(name, _)| name == wanted);
            let text = String::from_utf8(found?.1.clone()?).expect("the workload writes text");
            (!text.contains(MALFORMED)).then_some(text)
        };
        let parent = last("traceparent")?;
        let text = match plan.span_seed.filter(|_| parent.ends_with("-01")) {
            Some(seed) => {
                let parent = TraceParent::parse(parent.as_bytes())?;
                let (shard, input) = self.source.place;
                let span = span_id(seed, parent, (shard, input, self.source.offset));
                format!("00-{:032x}-{span:016x}-01", parent.trace_id)
            }
            None => parent,
        };
        let mut headers = vec![("traceparent".to_owned(), Some(text.into_bytes()))];
        headers.extend(last("tracestate").map(|text| ("tracestate".to_owned(), Some(text.into()))));
        Some(Carried { headers, span: None })
    }

    /// Returns the record's dead letter, if `at_ms` is the time that counts for it.
    pub fn dead_letter(&self, plan: &Plan, reason: &Reason, at_ms: Timestamp) -> Output {
        let source = Source {
            topic: &self.source.topic,
            partition: self.source.partition,
            offset: self.source.offset,
            time: Time { at_ms, source_ms: self.source_ms },
            key: self.source.key.as_deref(),
            value: self.source.value.as_deref(),
            headers: Some(&self.source.headers),
        };
        plan.outputs.dead_letter(&source, reason)
    }
}
