//! The records that a case writes to the inputs: `in`.

use std::num::NonZeroU32;

use rollcall_core::{
    codec::base64,
    record::{Header, ShardId, Timestamp},
    text::near::nearest,
};
use rollcall_sim::harness::Arrival;
use serde_yaml::Value;

use super::{
    fields::{Fields, json, kind},
    problem::Problems,
    subject::Subject,
    time,
};

const KNOWN: [&str; 8] =
    ["topic", "key", "keyBase64", "value", "valueBase64", "headers", "partition", "at"];
const EXAMPLE: &str = "a record such as {topic: orders, key: o1, value: {id: o1}}";

/// Reads the records of a case, one after the other.
pub struct Reader<'a> {
    pub subject: &'a Subject,
    pub partitions: NonZeroU32,
    pub start_ms: Timestamp,
    /// The time of the record before.
    pub now_ms: Timestamp,
}

impl Reader<'_> {
    /// Returns the arrival that a record stands for, and what it is called in messages.
    pub fn read(
        &mut self,
        value: &Value,
        path: &str,
        problems: &mut Problems<'_>,
    ) -> Option<(Arrival, String)> {
        let fields = Fields::of(value, path, &KNOWN, EXAMPLE, problems)?;
        let topic = fields.required("topic", "an input of the object", problems);
        let input = topic.as_ref().and_then(|topic| self.input(topic, &fields, problems));
        let key = bytes(&fields, "key", "keyBase64", problems, |fields, problems| {
            match fields.get("key") {
                Some(Value::Null) => Some(Bytes(None)),
                _ => fields.text("key", problems).map(|text| Bytes(Some(text.into_bytes()))),
            }
        });
        let value = bytes(&fields, "value", "valueBase64", problems, |fields, problems| {
            let value = fields.json("value", problems)?;
            let is_json = input.is_none_or(|input| self.subject.is_json(input));
            if !is_json && !value.is_null() {
                let message = "is JSON, and the values of the topic are in another format";
                problems.add(&fields.path("value"), message, "write it as valueBase64");
                return None;
            }
            Some(Bytes((!value.is_null()).then(|| value.to_string().into_bytes())))
        });
        let headers = headers(&fields, problems);
        let at_ms = self.at(&fields, problems);
        let most = self.partitions.get() - 1;
        let partition = fields.number("partition", 0..=most, problems);
        let (Bytes(key), Bytes(value), headers) = (key?, value?, headers?);
        let partition =
            partition.unwrap_or_else(|| self.subject.partition(key.as_deref(), self.partitions));
        let of_key = key.as_ref().map_or_else(
            || "without a key".to_owned(),
            |key| format!("key {}", String::from_utf8_lossy(key)),
        );
        let called = format!("{} {of_key}", topic?);
        let shard = ShardId(partition.cast_signed());
        Some((Arrival { input: input?, shard, at_ms: at_ms?, key, value, headers }, called))
    }

    fn input(
        &self,
        topic: &str,
        fields: &Fields<'_>,
        problems: &mut Problems<'_>,
    ) -> Option<usize> {
        let input = self.subject.input(topic);
        if input.is_none() {
            let inputs = self.subject.settings.inputs();
            let known = inputs.join(", ");
            let remedy = match nearest(topic, inputs.iter().copied()) {
                Some(near) => format!("did you mean {near}? The inputs are: {known}"),
                None => format!("write one of its inputs: {known}"),
            };
            let message = format!("{topic} is no input of {}", self.subject.settings.name);
            problems.add(&fields.path("topic"), message, remedy);
        }
        input
    }

    /// Returns the record's time: that of the one before, unless it says another.
    fn at(&mut self, fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Timestamp> {
        if fields.get("at").is_none() {
            return Some(self.now_ms);
        }
        let text = fields.text("at", problems)?;
        let at_ms = match time::time(&text, self.start_ms) {
            Ok(at_ms) => at_ms,
            Err((message, remedy)) => {
                problems.add(&fields.path("at"), message, remedy);
                return None;
            }
        };
        if at_ms < self.now_ms {
            let before = time::format(self.now_ms);
            problems.add(
                &fields.path("at"),
                format!("{text} is before {before}, the time of the record before it"),
                "records are written in the order of their times: move it up, or give it a later \
                 time; times with + count from the start of the case",
            );
            return None;
        }
        self.now_ms = at_ms;
        Some(at_ms)
    }
}

/// A key or a value, which may be null.
struct Bytes(Option<Vec<u8>>);

/// Reads bytes that are given plainly or as Base64.
fn bytes(
    fields: &Fields<'_>,
    plain: &str,
    coded: &str,
    problems: &mut Problems<'_>,
    read: impl Fn(&Fields<'_>, &mut Problems<'_>) -> Option<Bytes>,
) -> Option<Bytes> {
    match (fields.get(plain), fields.get(coded)) {
        (Some(_), Some(_)) => {
            let message = format!("is given, and {plain}, too");
            problems.add(&fields.path(coded), message, "remove one of the two");
            None
        }
        (_, Some(_)) => base64_of(fields, coded, problems).map(|bytes| Bytes(Some(bytes))),
        (Some(_), None) => read(fields, problems),
        (None, None) => {
            let remedy = format!("add it; {plain}: null is a record without a {plain}");
            problems.add(&fields.path(plain), "is missing", remedy);
            None
        }
    }
}

/// Reads a field as Base64.
pub fn base64_of(fields: &Fields<'_>, name: &str, problems: &mut Problems<'_>) -> Option<Vec<u8>> {
    let text = fields.text(name, problems)?;
    let decoded = base64::decode(&text);
    let refused = |message: String| {
        problems.add(&fields.path(name), message, "write it as `base64 FILE` prints it");
    };
    decoded.map_err(refused).ok()
}

/// Reads headers: names with texts, or with lists of texts for names that occur more than once.
fn headers(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Vec<Header>> {
    let path = fields.path("headers");
    let mapping = match fields.get("headers") {
        None => return Some(Vec::new()),
        Some(Value::Mapping(mapping)) => mapping,
        Some(other) => {
            let message = format!("is {} where names and values are needed", kind(other));
            problems.add(&path, message, "write headers: {name: value}");
            return None;
        }
    };
    let mut headers = Vec::new();
    for (name, value) in mapping {
        let name = name.as_str().map_or_else(|| format!("{name:?}"), str::to_owned);
        let values = match value {
            Value::Sequence(list) => list.iter().collect(),
            value => vec![value],
        };
        for value in values {
            let place = format!("{path}.{name}");
            let value = match json(value, &place, problems)? {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.into_bytes()),
                other => Some(other.to_string().into_bytes()),
            };
            headers.push((name.clone(), value));
        }
    }
    Some(headers)
}
