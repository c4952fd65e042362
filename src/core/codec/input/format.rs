//! How the values of an input are written, and where their schemas come from.

use std::fmt;
use std::sync::Arc;

use super::Decoded;
use super::Limits;
use super::collect::Scratch;
use super::envelope::NotWrapped;
use super::plan::Plan;
use super::walk::{walk_avro, walk_protobuf};
use super::walked::Walked;
use crate::codec::protobuf::{self, Indexes};
use crate::codec::reason::{Problem, Reason};
use crate::codec::schemas::{Lookup, Schema, SchemaId, Schemas};
use crate::codec::{avro, unfit};
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
    Protobuf(Source),
}

/// Where the schema of a value comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// All values have this one, in Protobuf its first message, and nothing stands before them.
    Given(Schema),
    /// The value, or a header, begins with its id.
    Named(Arc<dyn Schemas>),
}

/// Why a value was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
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
    split_by(prefix, value, headers)
}

/// The id of a schema and, in Protobuf, the place of the message in it; `None` if that is no place.
type Named = (SchemaId, Option<Indexes>);

/// The id of a message's schema, its place there as in [`Named`], and itself.
type Message<'v> = (Option<SchemaId>, Option<Indexes>, &'v [u8]);

/// Splits a value into what comes before it, or is in a header instead, and itself.
fn split_by<'a, T>(
    prefix: impl for<'b> Fn(&'b [u8]) -> Option<(T, &'b [u8])>,
    value: &'a [u8],
    headers: Option<&dyn Headers>,
) -> Result<(T, &'a [u8]), Reason> {
    let mut named = None;
    if let Some(headers) = headers {
        headers.each(&mut |name, id| {
            if name == SCHEMA_ID_HEADER {
                named = Some(match id.and_then(&prefix) {
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

fn prefix_of_protobuf(bytes: &[u8]) -> Option<(Named, &[u8])> {
    let (id, rest) = prefix(bytes)?;
    Some(match Indexes::read(rest) {
        Some((indexes, rest)) => ((id, Some(indexes)), rest),
        None => ((id, None), &[]),
    })
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

impl Source {
    /// Finds in a value of Avro what a plan looks for.
    pub(super) fn walk_avro<'a>(
        &self,
        plan: &'a Plan,
        (value, headers): (&[u8], Option<&dyn Headers>),
        limits: Limits,
        scratch: &mut Scratch,
    ) -> Result<Walked<'a>, Unread> {
        let (id, bytes) = self.split(value, headers)?;
        let schema = self.avro(id, scratch)?;
        let walked = walk_avro(plan, &schema, bytes, limits, scratch);
        Ok(walked.map_err(|unfit| not_the_schema(id, Problem::Value(unfit)))?)
    }

    /// Finds in a value of Protobuf what a plan looks for.
    pub(super) fn walk_protobuf<'a>(
        &self,
        plan: &'a Plan,
        (value, headers): (&[u8], Option<&dyn Headers>),
        limits: Limits,
        scratch: &mut Scratch,
    ) -> Result<Walked<'a>, Unread> {
        let (id, indexes, bytes) = self.split_message(value, headers)?;
        let schema = self.protobuf(id, scratch)?;
        let walked = match &indexes {
            Some(indexes) => walk_protobuf(plan, (&schema, indexes), bytes, limits, scratch),
            None => Err(unfit::Problem::NoMessage.at(0)),
        };
        Ok(walked.map_err(|unfit| not_the_schema(id, Problem::Value(unfit)))?)
    }

    /// Splits a value into the id of its schema, if it names one, and what comes behind it.
    pub(super) fn split<'v>(
        &self,
        value: &'v [u8],
        headers: Option<&dyn Headers>,
    ) -> Result<(Option<SchemaId>, &'v [u8]), Reason> {
        match self {
            Self::Given(_) => Ok((None, value)),
            Self::Named(_) => split(value, headers).map(|(id, bytes)| (Some(id), bytes)),
        }
    }

    /// Splits a message likewise.
    pub(super) fn split_message<'v>(
        &self,
        value: &'v [u8],
        headers: Option<&dyn Headers>,
    ) -> Result<Message<'v>, Reason> {
        match self {
            Self::Given(_) => Ok((None, Some(Indexes::first()), value)),
            Self::Named(_) => {
                let ((id, indexes), bytes) = split_by(prefix_of_protobuf, value, headers)?;
                Ok((Some(id), indexes, bytes))
            }
        }
    }

    /// Returns the schema of a value of Avro that names this one.
    pub(super) fn avro(
        &self,
        id: Option<SchemaId>,
        scratch: &mut Scratch,
    ) -> Result<Arc<avro::Schema>, Unread> {
        match self.schema(id, scratch)? {
            Schema::Avro(schema) => Ok(schema),
            other => Err(of_another(id, &other, "Avro")),
        }
    }

    /// Returns the schema of a message that names this one.
    pub(super) fn protobuf(
        &self,
        id: Option<SchemaId>,
        scratch: &mut Scratch,
    ) -> Result<Arc<protobuf::Schema>, Unread> {
        match self.schema(id, scratch)? {
            Schema::Protobuf(schema) => Ok(schema),
            other => Err(of_another(id, &other, "Protobuf")),
        }
    }

    fn schema(&self, id: Option<SchemaId>, scratch: &mut Scratch) -> Result<Schema, Unread> {
        match (self, id) {
            (Self::Given(schema), _) => Ok(schema.clone()),
            (Self::Named(schemas), Some(id)) => named(schemas, id, scratch),
            (Self::Named(_), None) => Err(Reason::NoSchemaId { found: None }.into()),
        }
    }
}

/// Returns the schema that a value names.
fn named(
    schemas: &Arc<dyn Schemas>,
    id: SchemaId,
    scratch: &mut Scratch,
) -> Result<Schema, Unread> {
    scratch.schemas.find(schemas, id).map_err(|lookup| match lookup {
        Lookup::Unusable(why) => not_the_schema(Some(id), Problem::Schema(why)).into(),
        Lookup::Unknown => Unread::Useless(Reason::UnknownSchema { id }),
        Lookup::Pending | Lookup::Known(_) => Unread::Waits(None),
        Lookup::Unavailable(why) => Unread::Waits(Some(why)),
    })
}

pub(super) fn not_the_schema(id: Option<SchemaId>, problem: Problem) -> Reason {
    Reason::NotTheSchema { id, problem }
}

fn of_another(id: Option<SchemaId>, schema: &Schema, format: &str) -> Unread {
    let why = format!("it is a schema of {schema}, not of {format}");
    not_the_schema(id, Problem::Schema(why.into())).into()
}

/// The schemas of the last records, so that most records do not look them up where all threads do.
#[derive(Default)]
pub(super) struct RecentSchemas {
    /// The address of the port, the id, and the schema; the newest last.
    found: Vec<(usize, SchemaId, Schema)>,
}

impl RecentSchemas {
    const MAX: usize = 16;

    fn find(&mut self, schemas: &Arc<dyn Schemas>, id: SchemaId) -> Result<Schema, Lookup> {
        let port = Arc::as_ptr(schemas).addr();
        let known = self.found.iter().find(|(of, known, _)| (*of, *known) == (port, id));
        if let Some((.., schema)) = known {
            return Ok(schema.clone());
        }
        match schemas.find(id) {
            Lookup::Known(schema) => {
                if self.found.len() == Self::MAX {
                    self.found.remove(0);
                }
                self.found.push((port, id, schema.clone()));
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
