//! What a case expects: `out`, `overdue`, `deadLetters` and `state`.

use rollcall_core::{
    codec::base64,
    record::{Sink, Timestamp},
    text::near::nearest,
};
use serde_json::{Map, Value as Json};
use serde_yaml::Value;

use super::{
    case::{Expected, Records},
    fields::{Fields, kind},
    pairs::Scope,
    problem::Problems,
    record::base64_of,
    state,
    subject::Subject,
};

/// The fields of a case that say what is expected.
pub const SECTIONS: [&str; 4] = ["out", "overdue", "deadLetters", "state"];

/// What may be said of a record of an output.
const OUTPUT: [&str; 4] = ["topic", "key", "value", "headers"];
const OVERDUE: [&str; 3] = ["key", "value", "headers"];
const DEAD_LETTER: [&str; 7] =
    ["topic", "key", "value", "valueBase64", "reason", "detail", "headers"];
/// The kinds of lists of records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Out,
    Overdue,
    DeadLetters,
}

/// Reads what a case expects.
pub fn read(
    fields: &Fields<'_>,
    subject: &Subject,
    start_ms: Option<Timestamp>,
    problems: &mut Problems<'_>,
) -> Option<Expected> {
    if SECTIONS.iter().all(|section| fields.get(section).is_none()) {
        let remedy =
            "add out, overdue, deadLetters or state; `out: []` says that nothing comes out";
        problems.add(fields.own_path(), "expects nothing", remedy);
        return None;
    }
    let mut records = |section: Section, name: &str| -> Option<Option<Records>> {
        let Some(value) = fields.get(name) else { return Some(None) };
        section.read(value, &fields.path(name), subject, problems).map(Some)
    };
    let out = records(Section::Out, "out");
    let overdue = records(Section::Overdue, "overdue");
    let dead_letters = records(Section::DeadLetters, "deadLetters");
    let state = match fields.get("state") {
        Some(value) => state::read(value, &fields.path("state"), start_ms, problems).map(Some),
        None => Some(None),
    };
    let (out, overdue, dead_letters) = (out?.unwrap_or_default(), overdue?, dead_letters?);
    for (section, sink, name) in
        [(&overdue, Sink::Overdue, "overdue"), (&dead_letters, Sink::DeadLetter, "deadLetters")]
    {
        let topic = subject.settings.output(sink);
        let is_of_sink = |record: &Json| record["topic"].as_str() == topic;
        if section.is_some() && out.records.iter().any(is_of_sink) {
            let topic = topic.unwrap_or_default();
            let message = format!("has a record of {topic}, which are expected in {name}");
            problems.add(&fields.path("out"), message, format!("move it to {name}"));
            return None;
        }
    }
    Some(Expected { out, overdue, dead_letters, state: state? })
}

impl Section {
    fn known(self) -> &'static [&'static str] {
        match self {
            Self::Out => &OUTPUT,
            Self::Overdue => &OVERDUE,
            Self::DeadLetters => &DEAD_LETTER,
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Out => "a record such as {topic: shipping, key: o1, value: {orderId: o1}}",
            Self::Overdue => "a record such as {key: o1, value: {reason: overdue}}",
            Self::DeadLetters => "a record such as {topic: orders, key: o1, reason: missing-field}",
        }
    }

    /// Reads a list of records, or `contains` with one.
    fn read(
        self,
        value: &Value,
        path: &str,
        subject: &Subject,
        problems: &mut Problems<'_>,
    ) -> Option<Records> {
        let (scope, list, path) = match value {
            Value::Sequence(list) => (Scope::Whole, list, path.to_owned()),
            Value::Mapping(_) => {
                let example = "a list of records, or {contains: [...]}";
                let fields = Fields::of(value, path, &["contains"], example, problems)?;
                match fields.get("contains") {
                    Some(Value::Sequence(list)) => (Scope::Contains, list, fields.path("contains")),
                    _ => {
                        let message = "is no list of records";
                        problems.add(&fields.path("contains"), message, "write a list");
                        return None;
                    }
                }
            }
            other => {
                let message = format!("is {} where a list is needed", kind(other));
                let remedy = "write a list of records; [] says that there are none";
                problems.add(path, message, remedy);
                return None;
            }
        };
        let mut records = Vec::new();
        for (index, value) in list.iter().enumerate() {
            records.push(self.record(value, &format!("{path}[{index}]"), subject, problems));
        }
        Some(Records { scope, records: records.into_iter().collect::<Option<_>>()? })
    }

    fn record(
        self,
        value: &Value,
        path: &str,
        subject: &Subject,
        problems: &mut Problems<'_>,
    ) -> Option<Json> {
        let fields = Fields::of(value, path, self.known(), self.example(), problems)?;
        let mut record = Map::new();
        for name in ["topic", "reason", "detail", "key"] {
            if let (Some(value), true) = (fields.get(name), self.known().contains(&name)) {
                let text = match value {
                    Value::Null => Json::Null,
                    _ => fields.text(name, problems)?.into(),
                };
                record.insert(name.to_owned(), text);
            }
        }
        if fields.get("value").is_some() {
            record.insert("value".to_owned(), fields.json("value", problems)?);
        }
        if self == Self::DeadLetters && fields.get("valueBase64").is_some() {
            let bytes = base64_of(&fields, "valueBase64", problems)?;
            record.insert("valueBase64".to_owned(), base64::encode(&bytes).into());
        }
        if fields.get("headers").is_some() {
            record.insert("headers".to_owned(), headers(&fields, problems)?);
        }
        match self {
            Self::Out => {
                fields.required("topic", "an output of the object", problems)?;
                is_output(&fields, &record, subject, problems).then_some(())?;
            }
            Self::DeadLetters => is_input(&fields, &record, subject, problems).then_some(())?,
            Self::Overdue => {}
        }
        Some(record.into())
    }
}

/// Reads the headers that a record has to have, as texts.
fn headers(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Option<Json> {
    let path = fields.path("headers");
    let Json::Object(mut headers) = fields.json("headers", problems)? else {
        problems.add(&path, "has no names and values", "write headers: {name: value}");
        return None;
    };
    for value in headers.values_mut().filter(|value| !value.is_null() && !value.is_string()) {
        *value = value.to_string().into();
    }
    Some(headers.into())
}

fn is_output(
    fields: &Fields<'_>,
    record: &Map<String, Json>,
    subject: &Subject,
    problems: &mut Problems<'_>,
) -> bool {
    let topic = record["topic"].as_str().unwrap_or_default();
    let is_output = subject.sink(topic).is_some();
    if !is_output {
        let (object, outputs) = (&subject.settings.name, subject.settings.outputs());
        refuse(fields, topic, &format!("output of {object}"), &outputs, problems);
    }
    is_output
}

fn is_input(
    fields: &Fields<'_>,
    record: &Map<String, Json>,
    subject: &Subject,
    problems: &mut Problems<'_>,
) -> bool {
    let Some(topic) = record.get("topic").and_then(Json::as_str) else { return true };
    let is_input = subject.input(topic).is_some();
    if !is_input {
        let inputs = subject.settings.inputs();
        let what = "input, and a dead letter is named by the topic that it comes from";
        refuse(fields, topic, what, &inputs, problems);
    }
    is_input
}

fn refuse(
    fields: &Fields<'_>,
    topic: &str,
    what: &str,
    known: &[&str],
    problems: &mut Problems<'_>,
) {
    let near = nearest(topic, known.iter().copied());
    let meant = near.map_or(String::new(), |near| format!("did you mean {near}? "));
    let remedy = format!("{meant}write one of: {}", known.join(", "));
    problems.add(&fields.path("topic"), format!("{topic} is no {what}"), remedy);
}
