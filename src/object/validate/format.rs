//! The part of the object that says how values are written.

use std::path::PathBuf;
use std::sync::Arc;

use crate::bounds::SCHEMA_BYTES_MAX;
use crate::problem::Problems;
use crate::registry::{InputFormat, SchemaAt};
use crate::resource::{AvroSpec, FormatSpec, ReconciliationSpec};
use rollcall_core::codec::avro::Schema;

/// Returns how the values of the entry at `place` are written.
pub(super) fn format(
    place: &str,
    format: FormatSpec,
    avro: Option<&AvroSpec>,
    problems: &mut Problems,
) -> InputFormat {
    if avro.is_some() && format != FormatSpec::Avro {
        problems.add(
            format!("{place}.avro"),
            "is of no use to values in another format",
            "write format: avro, or remove it",
        );
    }
    match (format, avro) {
        (FormatSpec::Json, _) => InputFormat::Json,
        (FormatSpec::JsonSchema, _) => InputFormat::JsonSchema,
        (FormatSpec::Avro, None) => InputFormat::Avro(SchemaAt::Registry),
        (FormatSpec::Avro, Some(avro)) => {
            let place = format!("{place}.avro");
            InputFormat::Avro(given(&place, avro, problems).unwrap_or(SchemaAt::Registry))
        }
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

/// Checks that the entries of a topic agree, and that there is a registry if one is needed.
pub(super) fn check(spec: &ReconciliationSpec, problems: &mut Problems) {
    let expected = &spec.expected;
    let expected =
        ("spec.expected".to_owned(), &expected.topic, expected.format, expected.avro.as_ref());
    let observed = spec.observed.iter().enumerate().map(|(index, it)| {
        (format!("spec.observed[{index}]"), &it.topic, it.format, it.avro.as_ref())
    });
    let entries: Vec<_> = std::iter::once(expected).chain(observed).collect();
    for (at, (place, topic, format, avro)) in entries.iter().enumerate() {
        let first = entries[..at].iter().find(|(_, other, ..)| other == topic);
        if let Some((first, .., of_first, avro_of_first)) = first
            && (of_first, avro_of_first) != (format, avro)
        {
            problems.add(
                format!("{place}.format"),
                format!("differs from {first}, which reads \"{topic}\", too"),
                "write the same format and the same avro for all entries of a topic",
            );
        } else if *format == FormatSpec::Avro && avro.is_none() && spec.registry.is_none() {
            problems.add(
                format!("{place}.format"),
                "is avro, and nothing says where the schemas are",
                "name the schema registry in spec.registry, or the only schema in avro.schema or \
                 avro.schemaFile",
            );
        }
    }
}
