//! The port to the schemas of records that name theirs by an id.

use std::{fmt, sync::Arc};

use super::{avro, protobuf};

/// How a record names its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaId {
    /// By its number in the registry.
    Number(u32),
    /// By the number that it has in every registry, a UUID.
    Guid(u128),
}

/// A schema, by which values of one format are read.
#[derive(Debug, Clone)]
pub enum Schema {
    Avro(Arc<avro::Schema>),
    Protobuf(Arc<protobuf::Schema>),
    /// It describes JSON, which is read without it.
    Json,
}

/// What is known of a schema.
#[derive(Debug, Clone)]
pub enum Lookup {
    Known(Schema),
    /// The registry has it, but it cannot be used, for this reason.
    Unusable(Arc<str>),
    /// The registry does not have it.
    Unknown,
    /// It was asked for, and the answer is about to come.
    Pending,
    /// The registry does not answer, for this reason.
    Unavailable(Arc<str>),
}

/// Where schemas come from.
///
/// A schema that was once known stays the same: what a record means must not depend on when it is
/// read.
pub trait Schemas: fmt::Debug + Send + Sync {
    /// Returns what is known of a schema, without waiting, and asks for it if that is nothing.
    fn find(&self, id: SchemaId) -> Lookup;
}

impl From<avro::Schema> for Schema {
    fn from(schema: avro::Schema) -> Self {
        Self::Avro(Arc::new(schema))
    }
}

impl From<protobuf::Schema> for Schema {
    fn from(schema: protobuf::Schema) -> Self {
        Self::Protobuf(Arc::new(schema))
    }
}

impl fmt::Display for Schema {
    /// Writes what it is a schema of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro(_) => "Avro",
            Self::Protobuf(_) => "Protobuf",
            Self::Json => "JSON",
        })
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Guid(guid) => {
                let hex = format!("{guid:032x}");
                let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
                f.write_str(&parts.join("-"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_registries_write_it() {
        assert_eq!(SchemaId::Number(7).to_string(), "7");
        let guid = SchemaId::Guid(0x8979_1762_2336_4186_9674_299b_90b2_34dd);
        assert_eq!(guid.to_string(), "89791762-2336-4186-9674-299b90b234dd");
    }
}
