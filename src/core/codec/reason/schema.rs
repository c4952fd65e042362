//! Reasons about the schema of a record.

use std::fmt;
use std::sync::Arc;

use super::{Part, Reason};
use crate::codec::input::{KEY_SCHEMA_ID_HEADER, SCHEMA_ID_HEADER};
use crate::codec::unfit::Unfit;

impl Reason {
    /// Returns whether the schema of a part of the record is not known, or does not fit it.
    pub(in crate::codec) fn is_of_schema(&self) -> bool {
        matches!(
            self,
            Self::NoSchemaId { .. } | Self::UnknownSchema { .. } | Self::NotTheSchema { .. }
        )
    }

    /// Writes what is wrong with a part of a record or its schema.
    pub(in crate::codec) fn of_schema(
        &self,
        part: Part,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        fmt(self, part, f)
    }
}

fn fmt(reason: &Reason, part: Part, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (named, header) = match part {
        Part::Key => ("record key", KEY_SCHEMA_ID_HEADER),
        Part::Value => ("value", SCHEMA_ID_HEADER),
    };
    match reason {
        Reason::NoSchemaId { found } => {
            match found {
                Some(byte @ (0 | 1)) => write!(f, "after byte {byte} the schema's id is cut")?,
                Some(byte) => write!(f, "it begins with byte {byte:#04x}, not with 0 or 1")?,
                None => write!(f, "it is empty")?,
            }
            write!(
                f,
                ": no serializer of a schema registry has written this {named}, or its header \
                 {header}; if that is meant so, "
            )?;
            f.write_str(match part {
                Part::Key => "correct recordKey",
                Part::Value => {
                    "set the input's format to json, or give the schema in avro or protobuf"
                }
            })
        }
        Reason::UnknownSchema { id } => write!(
            f,
            "the schema registry does not have schema {id}: register the schema there, or name \
                 the registry that the producer uses"
        ),
        Reason::NotTheSchema { id, problem } => {
            write!(f, "the {named} cannot be read by ")?;
            match id {
                Some(id) => write!(f, "schema {id}: {problem}"),
                None => write!(f, "the schema that the object gives: {problem}"),
            }
        }
        _ => unreachable!("it is about something else"),
    }
}

/// Why a value cannot be read by its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaProblem {
    /// Of the value.
    Value(Unfit),
    /// Of the schema itself.
    Schema(Arc<str>),
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(unfit) => unfit.fmt(f),
            Self::Schema(why) => f.write_str(why),
        }
    }
}
