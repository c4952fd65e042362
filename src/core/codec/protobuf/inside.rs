//! What is inside of a message: fields, elements and the entries of maps.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::places::{ByteSpans, FoundField, FoundFields, Reader, unpack};
use super::scalar;
use super::schema::{Field, Kind, MessageId, Schema};
use super::value::{At, Held};
use super::wire::{ByteSpan, Cursor, Wire};
use crate::codec::unfit::{Unfit, UnfitProblem};

/// The name of a field, or a key of a map.
struct NameOf<'n> {
    name: &'n str,
    /// Set if who reads it compares its bytes, and does not write it as text.
    is_looked_up: Option<&'n Cell<bool>>,
}

impl<'de> Deserializer<'de> for NameOf<'_> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        StrDeserializer::new(self.name).deserialize_any(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        if let Some(is_looked_up) = self.is_looked_up {
            is_looked_up.set(true);
        }
        visitor.visit_bytes(self.name.as_bytes())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The fields of a message. Each comes by its name in JSON, and then by its own name if names are
/// looked up.
pub(super) struct Members<'r, 's, 'de> {
    schema: &'s Schema,
    fields: &'s [Field],
    /// The next of the fields, and of the places.
    next: (usize, usize),
    places: &'r FoundFields,
    /// The field whose name was read, and where it is.
    current: (usize, Range<usize>),
    is_looked_up: Cell<bool>,
    /// It comes by its own name.
    is_again: bool,
    reader: &'r mut Reader<'de>,
}

impl<'r, 's, 'de> Members<'r, 's, 'de> {
    pub fn new(
        schema: &'s Schema,
        id: MessageId,
        places: &'r FoundFields,
        reader: &'r mut Reader<'de>,
    ) -> Self {
        let fields = &schema.messages[id].fields;
        let is_looked_up = Cell::new(false);
        let (next, current, is_again) = ((0, 0), (0, 0..0), false);
        Self { schema, fields, next, places, current, is_looked_up, is_again, reader }
    }

    fn held(&self) -> Option<Held<'r, 's>> {
        let (field, places) = &self.current;
        Held::field(&self.fields[*field], &self.places[places.clone()])
    }
}

impl<'de> MapAccess<'de> for Members<'_, '_, 'de> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unfit> {
        if self.is_looked_up.replace(false)
            && let Some(name) = &self.fields[self.current.0].own
        {
            self.is_again = true;
            return seed.deserialize(NameOf { name, is_looked_up: None }).map(Some);
        }
        self.is_again = false;
        while self.next.0 < self.fields.len() {
            let (field, from) = self.next;
            // A few bytes can stand for a message of any number of fields.
            self.reader.step(0)?;
            let rest = self.places[from..].iter();
            let to = from + rest.take_while(|place| place.field == field).count();
            self.current = (field, from..to);
            self.next = (field + 1, to);
            if self.held().is_some() {
                let name = &self.fields[field].json;
                let is_looked_up = Some(&self.is_looked_up);
                return seed.deserialize(NameOf { name, is_looked_up }).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unfit> {
        let held = self.held().expect("its name was read");
        let (schema, is_known) = (self.schema, self.is_again);
        seed.deserialize(At { schema, held, is_known, reader: &mut *self.reader })
    }
}

/// The values of a field that has any number of them.
pub(super) struct Elements<'r, 's, 'de> {
    schema: &'s Schema,
    kind: Kind,
    places: std::slice::Iter<'r, FoundField>,
    /// Numbers that stand one behind the other.
    packed: Cursor<'de>,
    reader: &'r mut Reader<'de>,
}

impl<'r, 's, 'de> Elements<'r, 's, 'de> {
    pub fn new(
        schema: &'s Schema,
        kind: Kind,
        places: &'r [FoundField],
        reader: &'r mut Reader<'de>,
    ) -> Self {
        let packed = reader.cursor(ByteSpan { at: 0, end: 0 });
        Self { schema, kind, places: places.iter(), packed, reader }
    }

    fn next(&mut self) -> Result<Option<Wire>, Unfit> {
        while self.packed.is_at_end() {
            match self.places.next().map(|place| place.wire) {
                Some(Wire::Sized(span)) if self.kind.is_number() => {
                    self.packed = self.reader.cursor(span);
                }
                other => return Ok(other),
            }
        }
        unpack(&mut self.packed, self.kind).map(Some)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, '_, 'de> {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unfit> {
        let Some(wire) = self.next()? else { return Ok(None) };
        let held = Held::One(self.kind, wire);
        let value = At { schema: self.schema, held, is_known: false, reader: &mut *self.reader };
        seed.deserialize(value).map(Some)
    }
}

/// The entries of a map, of which each is a message. Of several with one key, the last one counts.
pub(super) struct Entries<'r, 's, 'de> {
    schema: &'s Schema,
    entry: MessageId,
    entries: std::vec::IntoIter<(String, ByteSpan)>,
    /// The entry whose key was read.
    current: ByteSpan,
    reader: &'r mut Reader<'de>,
}

impl<'r, 's, 'de> Entries<'r, 's, 'de> {
    pub fn new(
        schema: &'s Schema,
        entry: MessageId,
        places: &[FoundField],
        reader: &'r mut Reader<'de>,
    ) -> Result<Self, Unfit> {
        let mut entries: Vec<(String, ByteSpan)> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        for place in places {
            let Wire::Sized(span) = place.wire else { continue };
            reader.step(span.at)?;
            let key = key(schema, entry, span, reader)?;
            match known.get(&key) {
                Some(at) => {
                    // The one before is read by nobody.
                    reader.check(schema, entry, &[entries[*at].1])?;
                    entries[*at].1 = span;
                }
                None => {
                    known.insert(key.clone(), entries.len());
                    entries.push((key, span));
                }
            }
        }
        let current = ByteSpan { at: 0, end: 0 };
        Ok(Self { schema, entry, entries: entries.into_iter(), current, reader })
    }
}

fn key(
    schema: &Schema,
    entry: MessageId,
    span: ByteSpan,
    reader: &mut Reader<'_>,
) -> Result<String, Unfit> {
    let places = reader.places(schema, entry, &[span])?;
    let Some(field) = schema.messages[entry].field(1) else { return Ok(String::new()) };
    let place = places.iter().rfind(|place| place.field == field);
    match place {
        Some(place) => {
            scalar::key(schema.messages[entry].fields[field].kind, place.wire, reader.bytes)
        }
        None => Ok(match schema.messages[entry].fields[field].kind {
            Kind::Text => String::new(),
            Kind::Bool => "false".to_owned(),
            _ => "0".to_owned(),
        }),
    }
}

impl<'de> MapAccess<'de> for Entries<'_, '_, 'de> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unfit> {
        let Some((key, span)) = self.entries.next() else { return Ok(None) };
        self.current = span;
        seed.deserialize(NameOf { name: &key, is_looked_up: None }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unfit> {
        let (schema, reader) = (self.schema, &mut *self.reader);
        reader.enter(self.current.at)?;
        let places = reader.places(schema, self.entry, &[self.current])?;
        let message = &schema.messages[self.entry];
        let (field, places) = match message.field(2) {
            Some(at) => {
                let from = places.partition_point(|place| place.field < at);
                (&message.fields[at], &places[from..])
            }
            None => return Err(UnfitProblem::Unrepresentable.at(self.current.at)),
        };
        // A value that is not there is the first one of its type, also if it is a message.
        let held = match (field.kind, places) {
            (Kind::Message(id), []) => Held::Message(id, ByteSpans::new()),
            _ => Held::field(field, places).expect("entries of maps have default values"),
        };
        let value = seed.deserialize(At { schema, held, is_known: false, reader: &mut *reader })?;
        reader.leave();
        Ok(value)
    }
}
