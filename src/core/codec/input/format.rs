//! How the values of an input are written, and where their schemas come from.

use std::fmt;
use std::sync::Arc;

use super::Decoded;
use super::collect::Scratch;
use super::envelope::NotWrapped;
use crate::codec::avro::Schema;
use crate::codec::reason::{Problem, Reason};
use crate::codec::schemas::{Lookup, SchemaId, Schemas};
use crate::record::Headers;

/// The header in which a serializer puts the id of the value's schema, if not before the value.
pub const SCHEMA_ID_HEADER: &str = "__value_schema_id";

/// How the values of an input are written.
#[derive(Debug, Clone, Default)]
pub enum Format {
    #[default]
    Json,
    /// JSON behind the id of its schema, which is not needed to read it.
    JsonSchema,
    Avro(Source),
}

/// Where the schema of a value comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// All values have this one, and nothing stands before them.
    Given(Arc<Schema>),
    /// The value, or a header, begins with its id.
    Named(Arc<dyn Schemas>),
}

/// Why a value was not read.
pub(super) enum Unread {
    Useless(Reason),
    /// Its schema is not there yet; with the reason if that may take long.
    Waits(Option<Arc<str>>),
}

impl Unread {
    /// Returns what a record is whose value was not read.
    pub(super) fn decoded(self, scratch: &mut Scratch) -> Result<Decoded<'_>, Reason> {
        match self {
            Self::Useless(reason) => Err(reason),
            Self::Waits(outage) => {
                scratch.outage = outage;
                Ok(Decoded::Waits(scratch.outage.as_deref()))
            }
        }
    }
}

impl From<NotWrapped> for Unread {
    fn from(why: NotWrapped) -> Self {
        Self::Useless(why.into())
    }
}

impl From<Reason> for Unread {
    fn from(reason: Reason) -> Self {
        Self::Useless(reason)
    }
}

/// Splits a value into the id of its schema and what comes behind it.
pub(super) fn split<'a>(
    value: &'a [u8],
    headers: Option<&dyn Headers>,
) -> Result<(SchemaId, &'a [u8]), Reason> {
    let mut named = None;
    if let Some(headers) = headers {
        headers.each(&mut |name, id| {
            if name == SCHEMA_ID_HEADER {
                named = Some(match id.and_then(prefix) {
                    Some((id, [])) => Ok(id),
                    _ => Err(Reason::NoSchemaId { found: id.and_then(|id| id.first().copied()) }),
                });
            }
        });
    }
    match named {
        Some(named) => Ok((named?, value)),
        None => prefix(value).ok_or(Reason::NoSchemaId { found: value.first().copied() }),
    }
}

fn prefix(bytes: &[u8]) -> Option<(SchemaId, &[u8])> {
    match *bytes {
        [0, a, b, c, d, ref rest @ ..] => {
            Some((SchemaId::Number(u32::from_be_bytes([a, b, c, d])), rest))
        }
        [1, ref rest @ ..] => {
            let (guid, rest) = rest.split_first_chunk()?;
            Some((SchemaId::Guid(u128::from_be_bytes(*guid)), rest))
        }
        _ => None,
    }
}

/// A value with its schema.
pub(super) struct Resolved<'a> {
    pub schema: Arc<Schema>,
    /// What it was named by, if it was.
    pub id: Option<SchemaId>,
    pub bytes: &'a [u8],
}

impl Source {
    /// Returns a value with its schema.
    pub(super) fn resolve<'a>(
        &self,
        value: &'a [u8],
        headers: Option<&dyn Headers>,
        scratch: &mut Scratch,
    ) -> Result<Resolved<'a>, Unread> {
        let schemas = match self {
            Self::Given(schema) => {
                return Ok(Resolved { schema: Arc::clone(schema), id: None, bytes: value });
            }
            Self::Named(schemas) => schemas,
        };
        let (id, bytes) = split(value, headers)?;
        let schema = scratch.schemas.find(schemas, id).map_err(|lookup| match lookup {
            Lookup::Unusable(why) => Unread::Useless(Reason::NotTheSchema {
                id: Some(id),
                problem: Problem::Schema(why),
            }),
            Lookup::Unknown => Unread::Useless(Reason::UnknownSchema { id }),
            Lookup::Pending | Lookup::Known(_) => Unread::Waits(None),
            Lookup::Unavailable(why) => Unread::Waits(Some(why)),
        })?;
        Ok(Resolved { schema, id: Some(id), bytes })
    }
}

/// The schemas of the last records, so that most records do not look them up where all threads do.
#[derive(Default)]
pub(super) struct RecentSchemas {
    /// The address of the port, the id, and the schema; the newest last.
    found: Vec<(usize, SchemaId, Arc<Schema>)>,
}

impl RecentSchemas {
    const MAX: usize = 16;

    fn find(&mut self, schemas: &Arc<dyn Schemas>, id: SchemaId) -> Result<Arc<Schema>, Lookup> {
        let port = Arc::as_ptr(schemas).addr();
        let known = self.found.iter().find(|(of, known, _)| (*of, *known) == (port, id));
        if let Some((.., schema)) = known {
            return Ok(Arc::clone(schema));
        }
        match schemas.find(id) {
            Lookup::Known(schema) => {
                if self.found.len() == Self::MAX {
                    self.found.remove(0);
                }
                self.found.push((port, id, Arc::clone(&schema)));
                Ok(schema)
            }
            other => Err(other),
        }
    }
}

impl fmt::Debug for RecentSchemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.found.iter().map(|(_, id, _)| id)).finish()
    }
}
