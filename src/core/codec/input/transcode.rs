//! The JSON text of values: as it came, or written from a value of another format.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::codec::unfit::Unfit;
use crate::codec::{avro, protobuf};

/// Most bytes of the text of a value. Its schema has the names, and not the record: a few bytes can
/// stand for any number of fields with long names. No row is as large.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// How a reader gives the JSON text of a value that is kept.
pub(super) trait Text {
    /// Passes the text to `keep`.
    fn of<'de, D: Deserializer<'de>>(
        value: D,
        keep: impl FnOnce(&str) -> serde_json::Result<()>,
    ) -> Result<(), D::Error>;
}

/// The text as it came.
pub(super) struct Json;

/// Text that is written from a value of another format.
pub(super) struct Transcoded;

impl Text for Json {
    fn of<'de, D: Deserializer<'de>>(
        value: D,
        keep: impl FnOnce(&str) -> serde_json::Result<()>,
    ) -> Result<(), D::Error> {
        keep(<&RawValue>::deserialize(value)?.get()).map_err(D::Error::custom)
    }
}

impl Text for Transcoded {
    fn of<'de, D: Deserializer<'de>>(
        value: D,
        keep: impl FnOnce(&str) -> serde_json::Result<()>,
    ) -> Result<(), D::Error> {
        let mut text = String::new();
        JsonText(&mut text).deserialize(value)?;
        keep(&text).map_err(D::Error::custom)
    }
}

/// Returns the JSON text of a value of an Avro schema.
pub(super) fn avro_text(schema: &avro::Schema, bytes: &[u8]) -> Result<String, Unfit> {
    let mut text = String::new();
    let mut document = avro::Document::new(schema, bytes);
    JsonText(&mut text).deserialize(&mut document)?;
    document.end()?;
    Ok(text)
}

/// Returns the JSON text of a message of a Protobuf schema.
pub(super) fn protobuf_text(
    (schema, indexes): (&protobuf::Schema, &protobuf::Indexes),
    bytes: &[u8],
) -> Result<String, Unfit> {
    let mut text = String::new();
    let mut document = protobuf::Document::new(schema, indexes, bytes)?;
    JsonText(&mut text).deserialize(&mut document)?;
    Ok(text)
}

/// Appends the JSON text of the value that is visited.
struct JsonText<'t>(&'t mut String);

impl JsonText<'_> {
    fn push<T: serde::Serialize>(self, value: &T) {
        self.0.push_str(&serde_json::to_string(value).expect("a scalar is JSON"));
    }
}

fn require_bounded<E: Error>(text: &str) -> Result<(), E> {
    if text.len() <= TEXT_BYTES_MAX { Ok(()) } else { Err(E::custom("it is too large")) }
}

/// Appends the parts of a list or an object, until `push` has none.
fn push_parts<E: Error>(
    text: &mut String,
    [open, close]: [char; 2],
    mut push: impl FnMut(&mut String) -> Result<bool, E>,
) -> Result<(), E> {
    text.push(open);
    let start = text.len();
    loop {
        let end = text.len();
        if end > start {
            text.push(',');
        }
        require_bounded(text)?;
        if !push(text)? {
            text.truncate(end);
            text.push(close);
            return Ok(());
        }
    }
}

impl<'de> DeserializeSeed<'de> for JsonText<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonText<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.push(&text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.push(&number);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.push(&number);
        Ok(())
    }

    fn visit_f32<E>(self, number: f32) -> Result<(), E> {
        self.push(&number);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.push(&number);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.push(&value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push_str("null");
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        push_parts(self.0, ['[', ']'], |text| {
            Ok(elements.next_element_seed(JsonText(text))?.is_some())
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        push_parts(self.0, ['{', '}'], |text| {
            if map.next_key_seed(JsonText(text))?.is_none() {
                return Ok(false);
            }
            text.push(':');
            map.next_value_seed(JsonText(text))?;
            Ok(true)
        })
    }
}
