//! Spans by the semantic conventions for messaging, in OTLP's JSON encoding.
//!
//! Names are the protocol's: ids in hexadecimal, instants in nanoseconds, 64-bit numbers as
//! strings.

use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{Committing, Completed, Opened, SpanEvent, Who};
use rollcall_core::codec;
use rollcall_object::Keys;

const INTERNAL: u8 = 1;
const PRODUCER: u8 = 4;
const STATUS_ERROR: u8 = 2;
const SAMPLED: u32 = 0x01;
/// These flags say that it is known whether the parent is in another process, and that it is.
const REMOTE_PARENT: u32 = 0x0300;
const LOCAL_PARENT: u32 = 0x0100;

/// Encodes spans.
pub(super) struct SpanEncoder {
    who: Who,
    keys: Keys,
    resource: Value,
}

/// What every span has: its position in a trace, and its times.
struct SpanBase {
    trace: u128,
    id: u64,
    parent: Option<u64>,
    began_at: SystemTime,
    ended_at: SystemTime,
}

impl SpanEncoder {
    /// `env` returns values of the environment, which take precedence.
    pub(super) fn new(who: Who, keys: Keys, env: impl Fn(&str) -> Option<String>) -> Self {
        let mut about = vec![
            ("service.name".to_owned(), who.reconciliation.clone()),
            ("service.instance.id".to_owned(), who.worker.clone()),
            ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let mut set = |name: &str, value: &str| {
            about.retain(|(known, _)| known != name);
            about.push((name.to_owned(), value.to_owned()));
        };
        let attributes = env("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        for (name, value) in attributes.split(',').filter_map(|entry| entry.split_once('=')) {
            set(name.trim(), value.trim());
        }
        if let Some(name) = env("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
            set("service.name", &name);
        }
        let about: Vec<Value> = about.iter().map(|(name, value)| text(name, value)).collect();
        Self { who, keys, resource: json!({ "attributes": about }) }
    }

    /// Returns the body of a request with these spans.
    pub(super) fn request(&self, spans: &[Value]) -> Value {
        let scope = json!({ "name": "rollcall", "version": env!("CARGO_PKG_VERSION") });
        json!({
            "resourceSpans": [{
                "resource": self.resource,
                "scopeSpans": [{ "scope": scope, "spans": spans }],
            }]
        })
    }

    pub(super) fn spans(&self, told: SpanEvent) -> Vec<Value> {
        match told {
            SpanEvent::Completed(completed) => vec![self.completion(&completed)],
            SpanEvent::Opened(opened) => self.opening(&opened),
            SpanEvent::Commit(commit) => vec![self.commit(commit)],
        }
    }

    /// The sending of a completion, from reading its record to the end of the transaction.
    fn completion(&self, completed: &Completed) -> Value {
        let Completed { shard, span, state, key, committed_at } = completed;
        let Who { inputs, completed: topic, .. } = &self.who;
        let mut attributes = self.about(shard.0);
        attributes.extend([
            text("messaging.operation.name", "send"),
            text("messaging.operation.type", "send"),
            text("messaging.destination.name", topic),
            text("rollcall.source.topic", &inputs[span.input]),
            number("rollcall.source.offset", span.offset),
        ]);
        if let Some(count) = NonZeroU32::new(self.who.completed_partitions) {
            let partition = codec::Partitioner::Murmur2.partition(key, count).to_string();
            attributes.push(text("messaging.destination.partition.id", &partition));
        }
        if self.keys == Keys::Told {
            let key = String::from_utf8_lossy(key);
            attributes.push(text("messaging.kafka.message.key", &key));
        }
        let read_at_ms = u64::try_from(span.read_at_ms).unwrap_or_default();
        let began_at = UNIX_EPOCH + Duration::from_millis(read_at_ms);
        let base = SpanBase {
            trace: span.parent.trace_id,
            id: span.id,
            parent: Some(span.parent.span_id),
            began_at,
            // Clocks can be set back.
            ended_at: (*committed_at).max(began_at),
        };
        let mut data = span_of(&format!("send {topic}"), PRODUCER, &base, &attributes);
        data["flags"] = (u32::from(span.parent.child(span.id).flags) | REMOTE_PARENT).into();
        if let Some(state) = state {
            data["traceState"] = state.as_str().into();
        }
        data
    }

    /// The opening of a shard, with a child span for each of its phases.
    fn opening(&self, opened: &Opened) -> Vec<Value> {
        let Opened { shard, phases, ended_at, restored_records, error } = opened;
        let Some(&(_, began_at)) = phases.first() else { return Vec::new() };
        let (trace, root) = (random_trace(), random_id());
        let base = SpanBase { trace, id: root, parent: None, began_at, ended_at: *ended_at };
        let mut attributes = self.about(shard.0);
        let restored = i64::try_from(*restored_records).unwrap_or(i64::MAX);
        attributes.push(number("rollcall.restored.records", restored));
        let mut spans = vec![span_of("open shard", INTERNAL, &base, &attributes)];
        for (index, &(name, began_at)) in phases.iter().enumerate() {
            let ended_at = phases.get(index + 1).map_or(*ended_at, |&(_, next)| next);
            let base = SpanBase { trace, id: random_id(), parent: Some(root), began_at, ended_at };
            spans.push(span_of(name, INTERNAL, &base, &self.about(shard.0)));
        }
        if let Some(error) = error {
            // The last phase reached is the one that failed.
            let last = spans.len() - 1;
            spans[0]["status"] = failed(error);
            spans[last]["status"] = failed(error);
        }
        spans
    }

    fn commit(&self, commit: Committing) -> Value {
        let Committing { shard, began_at, took, changes, outputs, error } = commit;
        let ended_at = began_at + took;
        let base =
            SpanBase { trace: random_trace(), id: random_id(), parent: None, began_at, ended_at };
        let mut attributes = self.about(shard.0);
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        attributes.push(number("rollcall.commit.changes", count(changes)));
        attributes.push(number("rollcall.commit.outputs", count(outputs)));
        let mut span = span_of("commit", INTERNAL, &base, &attributes);
        if let Some(error) = error {
            span["status"] = failed(&error);
        }
        span
    }

    fn about(&self, shard: i32) -> Vec<Value> {
        vec![
            text("messaging.system", "kafka"),
            text("messaging.consumer.group.name", &self.who.group),
            text("rollcall.reconciliation", &self.who.reconciliation),
            number("rollcall.shard", i64::from(shard)),
        ]
    }
}

fn span_of(name: &str, kind: u8, base: &SpanBase, attributes: &[Value]) -> Value {
    let nanos =
        |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string();
    let mut span = json!({
        "traceId": format!("{:032x}", base.trace),
        "spanId": format!("{:016x}", base.id),
        "flags": SAMPLED | LOCAL_PARENT,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanos(base.began_at),
        "endTimeUnixNano": nanos(base.ended_at),
        "attributes": attributes,
    });
    if let Some(parent) = base.parent {
        span["parentSpanId"] = format!("{parent:016x}").into();
    }
    span
}

fn failed(error: &str) -> Value {
    json!({ "code": STATUS_ERROR, "message": error })
}

fn text(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

fn number(name: &str, value: i64) -> Value {
    json!({ "key": name, "value": { "intValue": value.to_string() } })
}

/// Returns the id of a new trace; 0 would be invalid.
fn random_trace() -> u128 {
    rand::random::<u128>().max(1)
}

fn random_id() -> u64 {
    rand::random::<u64>().max(1)
}
