//! The part of the object that says how values are written.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bounds::SCHEMA_BYTES_MAX;
use crate::problem::Problems;
use crate::registry::{InputFormat, MessageAt, SchemaAt};
use crate::resource::{AvroSpec, FormatSpec, ProtobufSpec, ReconciliationSpec, RecordKeySpec};
use rollcall_core::codec::avro::Schema;

/// Returns how the values of the entry at `place` are written.
pub(super) fn format(
    place: &str,
    format: FormatSpec,
    (avro, protobuf): (Option<&AvroSpec>, Option<&ProtobufSpec>),
    problems: &mut Problems,
) -> InputFormat {
    for (name, is_given, of) in [
        ("avro", avro.is_some(), FormatSpec::Avro),
        ("protobuf", protobuf.is_some(), FormatSpec::Protobuf),
    ] {
        if is_given && format != of {
            problems.add(
                format!("{place}.{name}"),
                "is of no use to values in another format",
                format!("write format: {name}, or remove it"),
            );
        }
    }
    match format {
        FormatSpec::Json => InputFormat::Json,
        FormatSpec::JsonSchema => InputFormat::JsonSchema,
        FormatSpec::Avro => {
            let place = format!("{place}.avro");
            let given = avro.and_then(|avro| given(&place, avro, problems));
            InputFormat::Avro(given.unwrap_or(SchemaAt::Registry))
        }
        FormatSpec::Protobuf => {
            let place = format!("{place}.protobuf");
            let given = protobuf.and_then(|protobuf| message(&place, protobuf, problems));
            InputFormat::Protobuf(given.unwrap_or(MessageAt::Registry))
        }
    }
}

/// Returns how record keys are written of which a part is the key.
pub(super) fn of_keys(format: FormatSpec) -> InputFormat {
    match format {
        FormatSpec::Json => InputFormat::Json,
        FormatSpec::JsonSchema => InputFormat::JsonSchema,
        FormatSpec::Avro => InputFormat::Avro(SchemaAt::Registry),
        FormatSpec::Protobuf => InputFormat::Protobuf(MessageAt::Registry),
    }
}

fn given(place: &str, avro: &AvroSpec, problems: &mut Problems) -> Option<SchemaAt> {
    match (&avro.schema, &avro.schema_file) {
        (Some(schema), None) if schema.len() > SCHEMA_BYTES_MAX as usize => {
            let message = format!("has {} bytes", schema.len());
            let remedy = format!("use at most {SCHEMA_BYTES_MAX} bytes, or schemaFile");
            problems.add(format!("{place}.schema"), message, remedy);
            None
        }
        (Some(schema), None) => match Schema::parse(schema, &[]) {
            Ok(schema) => Some(SchemaAt::Object(Arc::new(schema))),
            Err(error) => {
                let remedy = "write the schema that the producer writes with, as JSON text";
                let message = format!("is no schema of Avro: {error}");
                problems.add(format!("{place}.schema"), message, remedy);
                None
            }
        },
        (None, Some(file)) => Some(SchemaAt::File(PathBuf::from(file))),
        (Some(_), Some(_)) => {
            problems.add(place, "gives the schema twice", "remove schema or schemaFile");
            None
        }
        (None, None) => {
            let remedy = "write schema or schemaFile, or remove it if values name their schema";
            problems.add(place, "gives no schema", remedy);
            None
        }
    }
}

fn message(place: &str, protobuf: &ProtobufSpec, problems: &mut Problems) -> Option<MessageAt> {
    let ProtobufSpec { schema_file, message } = protobuf;
    for (name, value) in [("schemaFile", schema_file), ("message", message)] {
        if value.is_empty() {
            let remedy = "name the file that protoc writes, and the message that values are";
            problems.add(format!("{place}.{name}"), "is empty", remedy);
            return None;
        }
    }
    Some(MessageAt::File { file: PathBuf::from(schema_file), message: message.clone() })
}

/// Checks that the entries of a topic agree, and that there is a registry if one is needed.
pub(super) fn check(spec: &ReconciliationSpec, problems: &mut Problems) {
    check_keys(spec, problems);
    let expected = &spec.expected;
    let given = (expected.avro.as_ref(), expected.protobuf.as_ref());
    let expected = ("spec.expected".to_owned(), &expected.topic, expected.format, given);
    let observed = spec.observed.iter().enumerate().map(|(index, it)| {
        let given = (it.avro.as_ref(), it.protobuf.as_ref());
        (format!("spec.observed[{index}]"), &it.topic, it.format, given)
    });
    let entries: Vec<_> = std::iter::once(expected).chain(observed).collect();
    for (at, (place, topic, format, given)) in entries.iter().enumerate() {
        let first = entries[..at].iter().find(|(_, other, ..)| other == topic);
        if let Some((first, .., of_first, given_of_first)) = first
            && (of_first, given_of_first) != (format, given)
        {
            problems.add(
                format!("{place}.format"),
                format!("differs from {first}, which reads \"{topic}\", too"),
                "write the same format and the same avro or protobuf for all entries of a topic",
            );
            continue;
        }
        let (name, instead) = match (format, given) {
            (FormatSpec::Avro, (None, _)) => ("avro", "avro.schema or avro.schemaFile"),
            (FormatSpec::Protobuf, (_, None)) => ("protobuf", "protobuf.schemaFile"),
            _ => continue,
        };
        if spec.registry.is_none() {
            problems.add(
                format!("{place}.format"),
                format!("is {name}, and nothing says where the schemas are"),
                format!(
                    "name the schema registry in spec.registry, or the only schema in {instead}"
                ),
            );
        }
    }
}

fn check_keys(spec: &ReconciliationSpec, problems: &mut Problems) {
    let expected = ("spec.expected".to_owned(), spec.expected.record_key.as_ref());
    let observed = spec.observed.iter().enumerate();
    let observed =
        observed.map(|(index, it)| (format!("spec.observed[{index}]"), it.record_key.as_ref()));
    for (place, key) in std::iter::once(expected).chain(observed) {
        let given = key.map_or_else(Vec::new, RecordKeySpec::given);
        let &[(format, name, _)] = &*given else { continue };
        if of_keys(format).asks_registry() && spec.registry.is_none() {
            problems.add(
                format!("{place}.recordKey.{name}"),
                "is given, and nothing says where the schemas are",
                "name the schema registry in spec.registry",
            );
        }
    }
}
