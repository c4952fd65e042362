//! Whole values as JSON text, for people who read them.
//!
//! Promise: the text is what would be kept of the value, and envelopes stay as they are written.
//! Ban: no rule of the reconciliation matters here, so what is shown may still be a dead letter.

use std::borrow::Cow;

use super::Scratch;
use super::format::{Encoded, Format, Source, Unread, explained, not_the_schema, text_of};
use super::grammar::{is_json, malformed};
use super::transcode::{avro_text, protobuf_text};
use crate::codec::protobuf::Indexes;
use crate::codec::reason::{Part, Reason, SchemaProblem};
use crate::codec::schemas::SchemaId;
use crate::codec::unfit;
use crate::record::Headers;

/// A whole value as JSON text.
#[derive(Debug)]
pub struct Whole<'v> {
    /// The id of the schema that the value names, if it names one.
    pub schema: Option<SchemaId>,
    pub json: Result<Cow<'v, str>, Unread>,
}

impl Format {
    /// Returns the JSON text of a whole value: as it came, or as values are kept.
    pub fn whole<'v>(&self, value: &'v [u8], headers: Option<&dyn Headers>) -> Whole<'v> {
        self.read_whole(Encoded { part: Part::Value, bytes: value, headers })
            .unwrap_or_else(|reason| Whole { schema: None, json: Err(reason.into()) })
    }

    /// # Errors
    /// When the value should name its schema, and does not.
    fn read_whole<'v>(&self, value: Encoded<'v, '_>) -> Result<Whole<'v>, Reason> {
        Ok(match self {
            Self::Json => Whole { schema: None, json: checked(value.bytes).map_err(Unread::from) },
            Self::JsonSchema => {
                let (id, json) = value.split()?;
                Whole { schema: Some(id), json: checked(json).map_err(Unread::from) }
            }
            Self::Avro(source) => {
                let (schema, bytes) = source.split(value)?;
                Whole { schema, json: avro(source, schema, bytes).map(Cow::Owned) }
            }
            Self::Protobuf(source) => {
                let (schema, indexes, bytes) = source.split_message(value)?;
                let json = message(source, (schema, indexes), bytes);
                Whole { schema, json: json.map(Cow::Owned) }
            }
        })
    }
}

fn avro(source: &Source, id: Option<SchemaId>, bytes: &[u8]) -> Result<String, Unread> {
    let schema = source.avro(id, &mut Scratch::default())?;
    let read = avro_text(&schema, bytes);
    Ok(read.map_err(|unfit| not_the_schema(id, SchemaProblem::Value(unfit)))?)
}

fn message(
    source: &Source,
    (id, indexes): (Option<SchemaId>, Option<Indexes>),
    bytes: &[u8],
) -> Result<String, Unread> {
    let schema = source.protobuf(id, &mut Scratch::default())?;
    let read = match &indexes {
        Some(indexes) => protobuf_text((&schema, indexes), bytes),
        None => Err(unfit::UnfitProblem::NoMessage.at(0)),
    };
    Ok(read.map_err(|unfit| not_the_schema(id, SchemaProblem::Value(unfit)))?)
}

/// Returns text that is JSON.
fn checked(value: &[u8]) -> Result<Cow<'_, str>, Reason> {
    let checked = text_of(value, Part::Value)
        .and_then(|text| is_json(text).map(|()| text).map_err(|error| malformed(&error)));
    checked.map(Cow::Borrowed).map_err(|reason| explained(reason, value))
}
