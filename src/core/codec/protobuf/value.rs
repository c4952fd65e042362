//! Drives a visitor over a message, as a reader of JSON would over the JSON of the same message.

use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::inside::{Elements, Entries, Members};
use super::places::{ByteSpans, FoundField, FoundFields, Reader};
use super::schema::{Absent, Field, Holds, Indexes, Kind, Known, MessageId, Schema};
use super::wire::{ByteSpan, Wire};
use super::{known, scalar};
use crate::codec::unfit::{Unfit, UnfitProblem};

/// A message that is to be read.
pub struct Document<'s, 'de> {
    schema: &'s Schema,
    message: MessageId,
    reader: Reader<'de>,
}

impl<'s, 'de> Document<'s, 'de> {
    /// Returns the message at `indexes` of a schema.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(schema: &'s Schema, indexes: &Indexes, bytes: &'de [u8]) -> Result<Self, Unfit> {
        let message = schema.at(indexes).ok_or_else(|| UnfitProblem::NoMessage.at(0))?;
        Ok(Self { schema, message, reader: Reader::new(bytes) })
    }
}

/// One value of a document.
pub(super) struct At<'r, 's, 'de> {
    pub schema: &'s Schema,
    pub held: Held<'r, 's>,
    /// It was read before, under another name.
    pub is_known: bool,
    pub reader: &'r mut Reader<'de>,
}

/// What a value is made of.
pub(super) enum Held<'r, 's> {
    One(Kind, Wire),
    Text(&'s str),
    Message(MessageId, ByteSpans),
    Many(Kind, &'r [FoundField]),
    Map(MessageId, &'r [FoundField]),
}

impl<'r, 's> Held<'r, 's> {
    /// Returns what a field is, by where it is found; `None` if it is missing.
    pub fn field(field: &'s Field, places: &'r [FoundField]) -> Option<Self> {
        Some(match (&field.holds, field.kind) {
            (Holds::Map, Kind::Message(entry)) => Self::Map(entry, places),
            (Holds::Map | Holds::Many, kind) => Self::Many(kind, places),
            (Holds::One(absent), kind) => match (kind, places.last(), absent) {
                (_, None, Absent::Missing) => return None,
                (kind, None, Absent::Number(wire)) => Self::One(kind, *wire),
                (_, None, Absent::Text(text)) => Self::Text(text),
                (Kind::Message(id), Some(_), _) => Self::Message(id, spans(places)),
                (kind, Some(last), _) => Self::One(kind, last.wire),
            },
        })
    }
}

/// Returns the parts of a message, which is what its places are together.
fn spans(places: &[FoundField]) -> ByteSpans {
    let sized = |place: &FoundField| match place.wire {
        Wire::Sized(span) => Some(span),
        _ => None,
    };
    places.iter().filter_map(sized).collect()
}

impl<'de> Deserializer<'de> for &mut Document<'_, 'de> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let held = Held::Message(self.message, self.reader.whole());
        At { schema: self.schema, held, is_known: false, reader: &mut self.reader }
            .deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let whole = self.reader.whole();
        self.reader.check(self.schema, self.message, &whole)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl<'de> Deserializer<'de> for At<'_, '_, 'de> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let Self { schema, held, reader, .. } = self;
        reader.step(0)?;
        match held {
            Held::Text(text) => visitor.visit_str(text),
            Held::One(Kind::Message(id), Wire::Sized(span)) => {
                message(schema, id, &[span], reader, visitor)
            }
            Held::One(kind, wire) => scalar::visit(schema, kind, wire, reader, visitor),
            Held::Message(id, spans) => message(schema, id, &spans, reader, visitor),
            Held::Many(kind, places) => {
                visitor.visit_seq(Elements::new(schema, kind, places, reader))
            }
            Held::Map(entry, places) => {
                visitor.visit_map(Entries::new(schema, entry, places, reader)?)
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let Self { schema, held, is_known, reader } = self;
        match held {
            _ if is_known => {}
            Held::Text(_) => {}
            Held::Message(id, spans) => reader.check(schema, id, &spans)?,
            Held::One(kind, wire) => check(schema, kind, wire, reader)?,
            Held::Many(kind, places) => {
                places.iter().try_for_each(|place| check(schema, kind, place.wire, reader))?;
            }
            Held::Map(entry, places) => {
                let kind = Kind::Message(entry);
                places.iter().try_for_each(|place| check(schema, kind, place.wire, reader))?;
            }
        }
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

fn check(schema: &Schema, kind: Kind, wire: Wire, reader: &mut Reader<'_>) -> Result<(), Unfit> {
    match (kind, wire) {
        (Kind::Message(id), Wire::Sized(span)) => reader.check(schema, id, &[span]),
        (kind, Wire::Sized(span)) if kind.is_number() => reader.check_packed(kind, span),
        _ => Ok(()),
    }
}

pub(super) fn message<'de, V: Visitor<'de>>(
    schema: &Schema,
    id: MessageId,
    spans: &[ByteSpan],
    reader: &mut Reader<'de>,
    visitor: V,
) -> Result<V::Value, Unfit> {
    reader.enter(spans.first().map_or(0, |span| span.at))?;
    let places = reader.places(schema, id, spans)?;
    let message = &schema.messages[id];
    let visited = match message.known {
        Known::Timestamp | Known::Duration => match known::text(message, &places) {
            Some(text) => visitor.visit_str(&text),
            None => members(schema, id, &places, reader, visitor),
        },
        Known::Wrapper => one_of(schema, id, &places, &[0], reader, visitor),
        Known::Value => {
            let set: Vec<usize> = places.iter().map(|place| place.field).collect();
            one_of(schema, id, &places, &set, reader, visitor)
        }
        Known::Plain => members(schema, id, &places, reader, visitor),
    }?;
    reader.leave();
    Ok(visited)
}

/// Passes the first of some fields on in place of their message; null if there is none.
fn one_of<'de, V: Visitor<'de>>(
    schema: &Schema,
    id: MessageId,
    places: &FoundFields,
    fields: &[usize],
    reader: &mut Reader<'de>,
    visitor: V,
) -> Result<V::Value, Unfit> {
    let held = fields.first().and_then(|at| {
        let from = places.partition_point(|place| place.field < *at);
        let to = places.partition_point(|place| place.field <= *at);
        Held::field(&schema.messages[id].fields[*at], &places[from..to])
    });
    match held {
        Some(held) => At { schema, held, is_known: false, reader }.deserialize_any(visitor),
        None => visitor.visit_unit(),
    }
}

fn members<'de, V: Visitor<'de>>(
    schema: &Schema,
    id: MessageId,
    places: &FoundFields,
    reader: &mut Reader<'de>,
    visitor: V,
) -> Result<V::Value, Unfit> {
    visitor.visit_map(Members::new(schema, id, places, reader))
}
