//! Reasons about the schema of a record.

use std::fmt;
use std::sync::Arc;

use super::Reason;
use crate::codec::input::SCHEMA_ID_HEADER;
use crate::codec::unfit::Unfit;

/// Writes what is wrong with a record or its schema.
pub(super) fn fmt(reason: &Reason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::NoSchemaId { found } => {
            match found {
                Some(byte @ (0 | 1)) => write!(f, "after byte {byte} the schema's id is cut")?,
                Some(byte) => write!(f, "it begins with byte {byte:#04x}, not with 0 or 1")?,
                None => write!(f, "it is empty")?,
            }
            write!(
                f,
                ": no serializer of a schema registry has written this value, or its header \
                 {SCHEMA_ID_HEADER}; if that is meant so, set the input's format to json, or give \
                 the schema in avro or protobuf"
            )
        }
        Reason::UnknownSchema { id } => write!(
            f,
            "the schema registry does not have schema {id}: register the schema there, or name \
                 the registry that the producer uses"
        ),
        Reason::NotTheSchema { id, problem } => {
            f.write_str("the value cannot be read by ")?;
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
pub enum Problem {
    /// Of the value.
    Value(Unfit),
    /// Of the schema itself.
    Schema(Arc<str>),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(unfit) => unfit.fmt(f),
            Self::Schema(why) => f.write_str(why),
        }
    }
}
