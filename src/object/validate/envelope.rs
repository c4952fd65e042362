//! What values and keys are wrapped in: all entries of a topic say the same.

use super::paths::singular;
use crate::problem::Problems;
use crate::resource::{
    EnvelopeSpec, FormatSpec, PartitionerSpec, ReconciliationSpec, RecordKeySpec,
};
use rollcall_core::codec::Path;
use rollcall_core::codec::input::Envelope;
use rollcall_core::codec::path::Root;

/// Returns the envelope of an entry.
pub(super) fn envelope(spec: Option<EnvelopeSpec>) -> Option<Envelope> {
    spec.map(|spec| match spec {
        EnvelopeSpec::Debezium => Envelope::Debezium,
        EnvelopeSpec::CloudEvents => Envelope::CloudEvents,
        EnvelopeSpec::Connect => Envelope::Connect,
    })
}

/// Returns where the key of an entry is in record keys, and how these are written.
pub(super) fn record_key(
    place: &str,
    spec: Option<&RecordKeySpec>,
    problems: &mut Problems,
) -> (Option<Path>, FormatSpec) {
    let given = spec.map_or_else(Vec::new, RecordKeySpec::given);
    let &[(format, name, path)] = &*given else {
        if spec.is_some() {
            let message = if given.is_empty() { "says nothing" } else { "is given in two ways" };
            let remedy = "give one of json, avro, protobuf and jsonSchema";
            problems.add(format!("{place}.recordKey"), message, remedy);
        }
        return (None, FormatSpec::Json);
    };
    let field = format!("{place}.recordKey.{name}");
    let path = singular(field.clone(), path, problems).filter(|path| {
        let is_of_value = path.root() == Root::Envelope;
        if is_of_value {
            let message = format!("\"{path}\" leads into an envelope, which is that of a value");
            problems.add(field, message, "begin it with $, which is the record key");
        }
        !is_of_value
    });
    (path, format)
}

/// Returns the text of a record key's field.
fn written(key: &RecordKeySpec) -> String {
    let given: Vec<String> =
        key.given().iter().map(|(_, name, path)| format!("{name}: {path}")).collect();
    given.join(", ")
}

/// What an entry says about the records of its topic.
struct Said<'a> {
    place: String,
    topic: &'a str,
    envelope: String,
    record_key: String,
}

/// Reports entries with which the records of a topic, or of a key, would not meet.
pub(super) fn check(spec: &ReconciliationSpec, problems: &mut Problems) {
    let said = |place: String, topic, of: Option<EnvelopeSpec>, key: Option<&RecordKeySpec>| Said {
        place,
        topic,
        envelope: envelope(of).map_or("none".to_owned(), |it| it.to_string()),
        record_key: key.map_or("none".to_owned(), written),
    };
    let expected = &spec.expected;
    let (of, key) = (expected.envelope, expected.record_key.as_ref());
    let mut entries = vec![said("spec.expected".to_owned(), &expected.topic, of, key)];
    for (index, it) in spec.observed.iter().enumerate() {
        let place = format!("spec.observed[{index}]");
        entries.push(said(place, &it.topic, it.envelope, it.record_key.as_ref()));
    }
    let is_checked = spec.partitioner != PartitionerSpec::Unchecked;
    for (at, entry) in entries.iter().enumerate() {
        let Said { place, topic, envelope, record_key } = entry;
        let same = entries[..at].iter().find(|other| other.topic == *topic);
        if let Some(other) = same.filter(|other| other.envelope != *envelope) {
            let (there, found) = (&other.place, &other.envelope);
            problems.add(
                format!("{place}.envelope"),
                format!("is {envelope}, and {there} has {found} for the same topic"),
                "write the same for both: what the records of the topic are wrapped in",
            );
        }
        let first = if is_checked { entries[..at].first() } else { None };
        let Some(other) = same.or(first).filter(|other| other.record_key != *record_key) else {
            continue;
        };
        let (there, found) = (&other.place, &other.record_key);
        let is_same = other.topic == *topic;
        let remedy = match is_same {
            true => "write the same for both: where the key is in the record keys of the topic",
            false => {
                "have all producers write the same record keys, such as {\"id\": 5}, and write \
                 the same for all inputs; or, if partitions are chosen by a rule of your own, set \
                 spec.partitioner: unchecked"
            }
        };
        let why = if is_same { "for the same topic" } else { "so records of a key would not meet" };
        let message = format!("is {record_key}, and {there} has {found}, {why}");
        problems.add(format!("{place}.recordKey"), message, remedy);
    }
}
