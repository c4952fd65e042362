//! Drives a visitor over a value, as a reader of JSON would over the JSON of the same value.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::logical;
use super::read::Reader;
use super::schema::{Field, Schema, Type, TypeId};
use crate::codec::unfit::Unfit;

/// A value that is to be read.
pub struct Document<'s, 'de> {
    schema: &'s Schema,
    reader: Reader<'de>,
}

impl<'s, 'de> Document<'s, 'de> {
    pub fn new(schema: &'s Schema, bytes: &'de [u8]) -> Self {
        Self { schema, reader: Reader::new(bytes) }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub fn end(&self) -> Result<(), Unfit> {
        self.reader.end()
    }
}

/// One value of a document.
struct At<'r, 's, 'de> {
    schema: &'s Schema,
    of: TypeId,
    reader: &'r mut Reader<'de>,
}

impl<'de> Deserializer<'de> for &mut Document<'_, 'de> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        At { schema: self.schema, of: self.schema.root, reader: &mut self.reader }
            .deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.reader.skip(self.schema, self.schema.root)?;
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
        let Self { schema, of, reader } = self;
        reader.step()?;
        match &schema.types[of] {
            Type::Null => visitor.visit_unit(),
            Type::Boolean => visitor.visit_bool(reader.boolean()?),
            Type::Int => visitor.visit_i64(reader.int()?.into()),
            Type::Long => visitor.visit_i64(reader.long()?),
            Type::Float => match f32::from_le_bytes(reader.array()?) {
                number if number.is_finite() => visitor.visit_f32(number),
                number => visitor.visit_str(logical::not_finite(number.into())),
            },
            Type::Double => match f64::from_le_bytes(reader.array()?) {
                number if number.is_finite() => visitor.visit_f64(number),
                number => visitor.visit_str(logical::not_finite(number)),
            },
            Type::Text => visitor.visit_borrowed_str(reader.str()?),
            Type::Enum(symbols) => visitor.visit_str(&symbols[reader.index(symbols.len())?]),
            Type::Union(branches) => {
                let of = branches[reader.index(branches.len())?];
                At { schema, of, reader }.deserialize_any(visitor)
            }
            Type::Record(fields) => {
                reader.enter()?;
                let members = Members { schema, fields, reader: &mut *reader };
                let visited = visitor.visit_map(members)?;
                reader.leave();
                Ok(visited)
            }
            Type::Array(element) => {
                reader.enter()?;
                let blocks = Blocks { schema, of: *element, left: 0, reader: &mut *reader };
                let visited = visitor.visit_seq(blocks)?;
                reader.leave();
                Ok(visited)
            }
            Type::Map(value) => {
                reader.enter()?;
                let blocks = Blocks { schema, of: *value, left: 0, reader: &mut *reader };
                let visited = visitor.visit_map(blocks)?;
                reader.leave();
                Ok(visited)
            }
            other => logical::visit(other, reader, visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.reader.skip(self.schema, self.of)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The name of a field, or a key of a map.
struct NameOf<'n>(&'n str);

impl<'de> Deserializer<'de> for NameOf<'_> {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_str(self.0)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_bytes(self.0.as_bytes())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The fields of a record.
struct Members<'r, 's, 'de> {
    schema: &'s Schema,
    /// Those that are still to be read.
    fields: &'s [Field],
    reader: &'r mut Reader<'de>,
}

impl<'de> MapAccess<'de> for Members<'_, '_, 'de> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unfit> {
        match self.fields.first() {
            Some(field) => seed.deserialize(NameOf(&field.name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unfit> {
        let (field, rest) = self.fields.split_first().expect("its name was read");
        self.fields = rest;
        seed.deserialize(At { schema: self.schema, of: field.of, reader: &mut *self.reader })
    }
}

/// The values of an array or a map, which come in blocks.
struct Blocks<'r, 's, 'de> {
    schema: &'s Schema,
    of: TypeId,
    /// How many are left in the current block.
    left: u64,
    reader: &'r mut Reader<'de>,
}

impl Blocks<'_, '_, '_> {
    /// Returns whether there is another value.
    fn goes_on(&mut self) -> Result<bool, Unfit> {
        if self.left == 0 {
            self.left = self.reader.block()?.0;
        }
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Blocks<'_, '_, 'de> {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unfit> {
        if !self.goes_on()? {
            return Ok(None);
        }
        let value = At { schema: self.schema, of: self.of, reader: &mut *self.reader };
        seed.deserialize(value).map(Some)
    }
}

impl<'de> MapAccess<'de> for Blocks<'_, '_, 'de> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unfit> {
        if !self.goes_on()? {
            return Ok(None);
        }
        let key = self.reader.str()?;
        seed.deserialize(NameOf(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unfit> {
        seed.deserialize(At { schema: self.schema, of: self.of, reader: &mut *self.reader })
    }
}
