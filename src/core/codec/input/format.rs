//! How values and record keys are written, and where their schemas come from.

use std::fmt;
use std::sync::Arc;

use super::Decoded;
use super::Limits;
use super::collect::Scratch;
use super::envelope::NotWrapped;
use super::plan::Plan;
use super::walk::{walk, walk_avro, walk_protobuf};
use super::walked::Walked;
use crate::codec::encoding::Encoding;
use crate::codec::protobuf::{self, Indexes};
use crate::codec::reason::{Part, Reason, SchemaProblem};
use crate::codec::schemas::{Lookup, Schema, SchemaId, Schemas};
use crate::codec::{avro, unfit};
use crate::record::Headers;

/// The header in which a serializer puts the id of the value's schema, if not before the value.
pub const SCHEMA_ID_HEADER: &str = "__value_schema_id";

/// The same for the record key.
pub const KEY_SCHEMA_ID_HEADER: &str = "__key_schema_id";

/// How the records of an input are written.
#[derive(Debug, Clone, Default)]
pub struct Formats {
    pub value: Format,
    /// Of record keys of which a part is the key; others are text.
    pub key: Format,
}

/// How values, or record keys, are written.
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

/// A value or a record key, with the headers beside it.
#[derive(Clone, Copy)]
pub(super) struct Encoded<'a, 'h> {
    pub part: Part,
    pub bytes: &'a [u8],
    pub headers: Option<&'h dyn Headers>,
}

/// Why a value or a record key was not read.
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

impl Format {
    /// Finds in a value or a record key what a plan looks for.
    pub(super) fn walk<'a>(
        &self,
        plan: &'a Plan,
        encoded: Encoded<'_, '_>,
        limits: Limits,
        scratch: &mut Scratch,
    ) -> Result<Walked<'a>, Unread> {
        let json = match self {
            Self::Json => encoded.bytes,
            Self::JsonSchema => encoded.split()?.1,
            Self::Avro(source) => return source.walk_avro(plan, encoded, limits, scratch),
            Self::Protobuf(source) => return source.walk_protobuf(plan, encoded, limits, scratch),
        };
        let walked = text_of(json, encoded.part).and_then(|text| walk(plan, text, limits, scratch));
        Ok(walked.map_err(|reason| explained(reason, json))?)
    }
}

pub(super) fn text_of(bytes: &[u8], part: Part) -> Result<&str, Reason> {
    std::str::from_utf8(bytes)
        .map_err(|error| Reason::NotUtf8 { part, valid_bytes: error.valid_up_to() })
}

/// Gives one reason to values that fail as text in one record and as JSON in the next.
pub(super) fn explained(reason: Reason, value: &[u8]) -> Reason {
    let is_json = !matches!(reason, Reason::NotUtf8 { .. } | Reason::MalformedJson { .. });
    let encoding = if is_json { None } else { Encoding::of(value) };
    encoding.map_or(reason, Reason::WrongEncoding)
}

/// The id of a schema and, in Protobuf, the place of the message in it; `None` if that is no place.
type Named = (SchemaId, Option<Indexes>);

/// The id of a message's schema, its place there as in [`Named`], and itself.
type Message<'v> = (Option<SchemaId>, Option<Indexes>, &'v [u8]);

impl<'a> Encoded<'a, '_> {
    /// Splits it into the id of its schema and what comes behind it.
    pub(super) fn split(self) -> Result<(SchemaId, &'a [u8]), Reason> {
        self.split_by(prefix)
    }

    /// Splits it into what comes before it, or is in a header instead, and itself.
    fn split_by<T>(
        self,
        prefix: impl for<'b> Fn(&'b [u8]) -> Option<(T, &'b [u8])>,
    ) -> Result<(T, &'a [u8]), Reason> {
        let Self { part, bytes, headers } = self;
        let header = schema_id_header(part);
        let mut named = None;
        if let Some(headers) = headers {
            headers.each(&mut |name, id| {
                if name == header {
                    named = Some(match id.and_then(&prefix) {
                        Some((id, [])) => Ok(id),
                        _ => {
                            Err(Reason::NoSchemaId { found: id.and_then(|id| id.first().copied()) })
                        }
                    });
                }
            });
        }
        match named {
            Some(named) => Ok((named?, bytes)),
            None => prefix(bytes).ok_or(Reason::NoSchemaId { found: bytes.first().copied() }),
        }
    }
}

/// Returns the header in which a serializer puts the id of a part's schema.
pub(in crate::codec) fn schema_id_header(part: Part) -> &'static str {
    match part {
        Part::Key => KEY_SCHEMA_ID_HEADER,
        Part::Value => SCHEMA_ID_HEADER,
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
        encoded: Encoded<'_, '_>,
        limits: Limits,
        scratch: &mut Scratch,
    ) -> Result<Walked<'a>, Unread> {
        let (id, bytes) = self.split(encoded)?;
        let schema = self.avro(id, scratch)?;
        let walked = walk_avro(plan, &schema, bytes, limits, scratch);
        Ok(walked.map_err(|unfit| not_the_schema(id, SchemaProblem::Value(unfit)))?)
    }

    /// Finds in a value of Protobuf what a plan looks for.
    pub(super) fn walk_protobuf<'a>(
        &self,
        plan: &'a Plan,
        encoded: Encoded<'_, '_>,
        limits: Limits,
        scratch: &mut Scratch,
    ) -> Result<Walked<'a>, Unread> {
        let (id, indexes, bytes) = self.split_message(encoded)?;
        let schema = self.protobuf(id, scratch)?;
        let walked = match &indexes {
            Some(indexes) => walk_protobuf(plan, (&schema, indexes), bytes, limits, scratch),
            None => Err(unfit::UnfitProblem::NoMessage.at(0)),
        };
        Ok(walked.map_err(|unfit| not_the_schema(id, SchemaProblem::Value(unfit)))?)
    }

    /// Splits a value into the id of its schema, if it names one, and what comes behind it.
    pub(super) fn split<'v>(
        &self,
        encoded: Encoded<'v, '_>,
    ) -> Result<(Option<SchemaId>, &'v [u8]), Reason> {
        match self {
            Self::Given(_) => Ok((None, encoded.bytes)),
            Self::Named(_) => encoded.split().map(|(id, bytes)| (Some(id), bytes)),
        }
    }

    /// Splits a message likewise.
    pub(super) fn split_message<'v>(
        &self,
        encoded: Encoded<'v, '_>,
    ) -> Result<Message<'v>, Reason> {
        match self {
            Self::Given(_) => Ok((None, Some(Indexes::first()), encoded.bytes)),
            Self::Named(_) => {
                let ((id, indexes), bytes) = encoded.split_by(prefix_of_protobuf)?;
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
        Lookup::Unusable(why) => not_the_schema(Some(id), SchemaProblem::Schema(why)).into(),
        Lookup::Unknown => Unread::Useless(Reason::UnknownSchema { id }),
        Lookup::Pending | Lookup::Known(_) => Unread::Waits(None),
        Lookup::Unavailable(why) => Unread::Waits(Some(why)),
    })
}

pub(super) fn not_the_schema(id: Option<SchemaId>, problem: SchemaProblem) -> Reason {
    Reason::NotTheSchema { id, problem }
}

fn of_another(id: Option<SchemaId>, schema: &Schema, format: &str) -> Unread {
    let why = format!("it is a schema of {schema}, not of {format}");
    not_the_schema(id, SchemaProblem::Schema(why.into())).into()
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
