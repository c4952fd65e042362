//! Records that are wrapped: change events of Debezium, CloudEvents, JSON of Kafka Connect.
//!
//! Promise: what is wrapped decodes to what it would decode to alone, in the same pass over the
//! value. Ban: no branch for records of topics without an envelope.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::capture::{Captured, Failure};
use super::collect::Scratch;
use super::entry::{Entry, ObservedPaths, Paths};
use super::format::Unread;
use super::layout::Layout;
use super::meaning::Meaning;
use super::plan::{Node, Plan, Planner, Slot};
use super::walked::Walked;
use super::{Decoded, Decoder, Input, InputError, ReadKey, Role};
use crate::codec::path::{Path, Root, Segment};
use crate::codec::reason::{Found, Reason};
use crate::matching::{Counting, Event};
use crate::record::Headers;

/// What the records of a topic are wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// Change events, with or without `schema` and `payload`.
    Debezium,
    /// Structured, as JSON, or binary.
    CloudEvents,
    /// `schema` and `payload` of Connect's JSON converter.
    Connect,
}

/// Why a record is not wrapped as its topic's records are said to be; with the remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWrapped {
    #[error(
        "the value is no change event of Debezium, which says c, u, d or r as its op: remove \
         envelope: debezium if a transform takes records out of it, or have only change events in \
         the topic"
    )]
    NoChange,
    #[error(
        "the record is no CloudEvent, which has the header content-type: \
         application/cloudevents+json or ce_specversion: have the producer set it, or remove \
         envelope: cloudevents"
    )]
    NoEvent,
    #[error(
        "the CloudEvent has no specversion: have the producer write what the standard requires"
    )]
    NoVersion,
    #[error(
        "the CloudEvent is in another format than JSON, as its content-type says: have the \
         producer write application/cloudevents+json, or binary mode"
    )]
    OtherFormat,
    #[error(
        "the data of the CloudEvent is in data_base64, which is for bytes: have the producer write \
         JSON as data"
    )]
    Bytes,
    #[error(
        "the value has no payload, as JSON of Connect does with schemas.enable=true: remove \
         envelope: connect, or set that at the converter"
    )]
    NoPayload,
}

/// How the values of a topic are unwrapped.
#[derive(Debug, Clone)]
pub(super) enum Wrapping {
    Debezium {
        op: Slot,
    },
    CloudEvents {
        version: Slot,
        bytes: Slot,
        /// For binary mode, with the same slots.
        bare: Box<Plan>,
        /// Attributes that paths name, each with its header in binary mode.
        attributes: Vec<Attribute>,
    },
    Connect {
        payload: Slot,
    },
}

/// An attribute of CloudEvents that a path names.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    slot: Slot,
    header: String,
    is_kept: bool,
    /// Stands for a record without it.
    nowhere: Node,
}

/// What is in a wrapped record.
enum Opened<'a> {
    Value(Walked<'a>),
    /// What was there has been deleted.
    Deleted(Walked<'a>),
    /// Null: a tombstone.
    Null,
    /// It is about no key.
    Nothing,
}

const CONTENT_TYPE: &str = "content-type";
const CLOUD_EVENTS: &str = "application/cloudevents";
const JSON: &str = "+json";

impl fmt::Display for Envelope {
    /// As in the object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debezium => "debezium",
            Self::CloudEvents => "cloudevents",
            Self::Connect => "connect",
        })
    }
}

/// Compiles the entries of a topic, and what they look for in a value.
pub(super) fn compile(
    entries: &[Entry],
    counting: Counting,
) -> Result<(Vec<Meaning>, Plan, Option<Wrapping>), InputError> {
    let envelope = entries.first().and_then(|entry| entry.envelope);
    if entries.iter().any(|entry| entry.envelope != envelope) {
        return Err(InputError::EnvelopesDiffer);
    }
    if envelope.is_none() {
        let mut paths = entries.iter().flat_map(Entry::all_paths);
        if let Some((role, path)) = paths.find(|(_, path)| path.root() == Root::Envelope) {
            return Err(InputError::NoEnvelope { role, path: path.to_string() });
        }
    }
    let compiled = |layout| {
        let mut planner = Planner::new(layout);
        let one = |entry| Meaning::compile(entry, counting, &mut planner);
        let meanings = entries.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        Ok((meanings, planner))
    };
    let Some(envelope) = envelope else {
        let (meanings, planner) = compiled(Layout::bare())?;
        return Ok((meanings, planner.plan(), None));
    };
    let (meanings, mut planner) = compiled(match envelope {
        Envelope::Debezium => Layout::of_changes("after", "before", "payload"),
        Envelope::CloudEvents => Layout::member("data"),
        Envelope::Connect => Layout::member("payload"),
    })?;
    let wrapping = match envelope {
        Envelope::Debezium => Wrapping::Debezium { op: member(&mut planner, "op") },
        Envelope::Connect => Wrapping::Connect { payload: member(&mut planner, "payload") },
        Envelope::CloudEvents => {
            let members = |planner: &mut Planner| {
                (member(planner, "specversion"), member(planner, "data_base64"))
            };
            let (version, bytes) = members(&mut planner);
            // The same paths in the same order have the same slots.
            let mut bare = compiled(Layout::bare())?.1;
            members(&mut bare);
            let bare = Box::new(bare.plan());
            let attributes = attributes(&bare);
            Wrapping::CloudEvents { version, bytes, bare, attributes }
        }
    };
    Ok((meanings, planner.plan(), Some(wrapping)))
}

fn member(planner: &mut Planner, name: &str) -> Slot {
    let path = Path::parse(&format!("$envelope.{name}")).expect("it is a path");
    planner.value(Role::Envelope, &path)
}

/// Returns the attributes of CloudEvents that are looked for.
fn attributes(plan: &Plan) -> Vec<Attribute> {
    let attribute = |(slot, (text, role)): (Slot, &(Arc<str>, Role))| {
        let path = Path::parse(text).ok().filter(|path| path.root() == Root::Envelope)?;
        let [Segment::Name(name)] = path.segments() else { return None };
        let is_kept = *role == Role::Keep;
        let nowhere = Node::new(Arc::clone(text));
        Some(Attribute { slot, header: format!("ce_{name}"), is_kept, nowhere })
    };
    plan.slots.iter().enumerate().filter_map(attribute).collect()
}

/// Returns whether what is deleted has an outcome like anything else: it is in the envelope, which
/// says what was done.
pub(super) fn reads_deleted(paths: &Paths) -> bool {
    match paths {
        Paths::Observed(ObservedPaths { outcome: Some(outcome), .. }) => {
            outcome.path.root() == Root::Envelope
        }
        Paths::Observed(_) | Paths::Expected(_) => false,
    }
}

impl Meaning {
    /// Returns the event of a record that deletes, if it is not an event like any other.
    fn deletion(
        &self,
        key: &str,
        walked: &Walked<'_>,
        scratch: &mut Scratch,
    ) -> Option<Result<Event<'static>, Reason>> {
        if self.reads_deleted {
            return None;
        }
        if !self.is_expectation() {
            return Some(Err(Reason::Deleted));
        }
        let checked = self.check_key(key, walked, scratch);
        let refused = |failure: Failure<'_>| failure.reason(&[], 0);
        Some(checked.map(|()| Event::Cancellation).map_err(refused))
    }
}

impl Decoder {
    /// Decodes a record of which the headers allow the entry `first`.
    pub(super) fn decode_wrapped<'s>(
        &'s self,
        wrapping: &'s Wrapping,
        first: usize,
        (record, read): (Input<'_>, Option<&ReadKey<'_>>),
        scratch: &'s mut Scratch,
    ) -> Result<Decoded<'s>, Reason> {
        scratch.clear();
        let (walked, is_deleted) = match self.open(wrapping, record, scratch) {
            Ok(Opened::Value(walked)) => (walked, false),
            Ok(Opened::Deleted(walked)) => (walked, true),
            Ok(Opened::Null) => return self.decode_null(first, (record, read), scratch),
            Ok(Opened::Nothing) => return Ok(Decoded::Skipped),
            Err(unread) => return unread.decoded(scratch),
        };
        let holds = |entry: &Meaning| {
            entry.headers_hold(record.headers) && entry.paths_hold(&walked, scratch)
        };
        let Some(entry) = (first..self.entries.len()).find(|at| holds(&self.entries[*at])) else {
            return Ok(Decoded::Skipped);
        };
        let meaning = &self.entries[entry];
        if meaning.skips(&walked, scratch) {
            return Ok(Decoded::Skipped);
        }
        let key = match self.key(record, read) {
            Ok(key) => key,
            Err(unread) => return unread.decoded(scratch),
        };
        if is_deleted && let Some(event) = meaning.deletion(&key, &walked, scratch) {
            return Ok(Decoded::Event { entry, event: event?, kept: "" });
        }
        let (event, kept) = meaning.event(&key, &walked, self, scratch)?;
        Ok(Decoded::Event { entry, event, kept })
    }

    /// Like [`Decoder::unmet`].
    pub(super) fn unmet_wrapped(
        &self,
        wrapping: &Wrapping,
        record: Input<'_>,
        scratch: &mut Scratch,
    ) -> Result<Vec<Vec<usize>>, Reason> {
        let walked = match self.open(wrapping, record, scratch) {
            Ok(Opened::Value(walked) | Opened::Deleted(walked)) => walked,
            Ok(Opened::Null | Opened::Nothing) => Walked::nothing(&self.plan),
            Err(Unread::Useless(reason)) => return Err(reason),
            Err(Unread::Waits(_)) => return Ok(Vec::new()),
        };
        let unmet = |entry: &Meaning| entry.unmet(record.headers, &walked, scratch);
        Ok(self.entries.iter().map(unmet).collect())
    }

    /// Returns whether a record is skipped because its envelope says that it is about no key, such
    /// as the null that follows a deletion.
    pub fn is_about_nothing(&self, record: Input<'_>) -> bool {
        let Some(wrapping) = &self.wrapping else { return false };
        let opened = self.open(wrapping, record, &mut Scratch::default());
        matches!(opened, Ok(Opened::Nothing))
    }

    fn open<'a>(
        &'a self,
        wrapping: &'a Wrapping,
        record: Input<'_>,
        scratch: &mut Scratch,
    ) -> Result<Opened<'a>, Unread> {
        let Some(value) = record.value else {
            return Ok(match wrapping {
                Wrapping::Debezium { .. } => Opened::Nothing,
                Wrapping::CloudEvents { .. } | Wrapping::Connect { .. } => Opened::Null,
            });
        };
        let mut walk_by = |plan: &'a Plan| self.walk(plan, (value, record.headers), scratch);
        match wrapping {
            Wrapping::Debezium { op } => {
                let mut walked = walk_by(&self.plan)?;
                let Captured::Text(text) = walked.at(*op) else {
                    return Err(NotWrapped::NoChange.into());
                };
                match scratch.text_at(text) {
                    "c" | "u" | "r" => Ok(Opened::Value(walked)),
                    "d" => {
                        for (slot, deleted) in &self.plan.deleted {
                            walked.slots[*slot] = walked.slots[*deleted];
                        }
                        Ok(Opened::Deleted(walked))
                    }
                    // A table was truncated, or a message was written to the log.
                    "t" | "m" => Ok(Opened::Nothing),
                    _ => Err(NotWrapped::NoChange.into()),
                }
            }
            Wrapping::Connect { payload } => {
                let walked = walk_by(&self.plan)?;
                match walked.at(*payload) {
                    Captured::Missing(_) | Captured::Astray(..) => {
                        Err(NotWrapped::NoPayload.into())
                    }
                    Captured::Other(Found::Null) => Ok(Opened::Null),
                    _ => Ok(Opened::Value(walked)),
                }
            }
            Wrapping::CloudEvents { version, bytes, bare, attributes } => {
                if !is_structured(record.headers)? {
                    let mut walked = walk_by(bare)?;
                    read_attributes(attributes, record.headers, &mut walked, scratch);
                    return Ok(Opened::Value(walked));
                }
                let walked = walk_by(&self.plan)?;
                match (walked.at(*version), walked.at(*bytes)) {
                    (Captured::Text(_), Captured::Missing(_)) => Ok(Opened::Value(walked)),
                    (Captured::Text(_), _) => Err(NotWrapped::Bytes.into()),
                    _ => Err(NotWrapped::NoVersion.into()),
                }
            }
        }
    }
}

/// Returns whether a CloudEvent is in structured mode, which its content type says.
fn is_structured(headers: Option<&dyn Headers>) -> Result<bool, NotWrapped> {
    let (mut is_event, mut is_binary, mut is_other) = (false, false, false);
    if let Some(headers) = headers {
        headers.each(&mut |name, value| {
            let value = value.unwrap_or_default();
            if name == CONTENT_TYPE {
                let (kind, format) = value.split_at(value.len().min(CLOUD_EVENTS.len()));
                is_event = kind.eq_ignore_ascii_case(CLOUD_EVENTS.as_bytes());
                let json = format.get(..JSON.len()).unwrap_or_default();
                is_other = is_event && !json.eq_ignore_ascii_case(JSON.as_bytes());
            }
            is_binary |= name == "ce_specversion";
        });
    }
    match (is_event, is_other, is_binary) {
        (true, true, _) => Err(NotWrapped::OtherFormat),
        (true, false, _) => Ok(true),
        (false, _, true) => Ok(false),
        (false, _, false) => Err(NotWrapped::NoEvent),
    }
}

/// Fills the slots of attributes, which are headers in binary mode.
fn read_attributes<'a>(
    attributes: &'a [Attribute],
    headers: Option<&dyn Headers>,
    walked: &mut Walked<'a>,
    scratch: &mut Scratch,
) {
    for Attribute { slot, header, is_kept, nowhere } in attributes {
        let mut found = Captured::Missing(nowhere);
        let mut read = |name: &str, value: Option<&[u8]>| {
            let text = value.and_then(|value| std::str::from_utf8(value).ok());
            if let Some(text) = text.filter(|_| name == header) {
                found = match is_kept {
                    true => Captured::Raw(scratch.keep(&Value::from(text).to_string())),
                    false => Captured::Text(scratch.keep(text)),
                };
            }
        };
        if let Some(headers) = headers {
            headers.each(&mut read);
        }
        walked.slots[*slot] = found;
    }
}
