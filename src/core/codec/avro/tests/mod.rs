//! Tests of schemas and of values, written by hand and by another implementation.

mod bounds;
mod schemas;
mod values;

use serde::Deserialize;

use super::*;

/// Returns the JSON of a value.
pub fn json_of(schema: &Schema, bytes: &[u8]) -> Result<serde_json::Value, Unfit> {
    let mut document = Document::new(schema, bytes);
    let value = serde_json::Value::deserialize(&mut document)?;
    document.end()?;
    Ok(value)
}

pub fn schema(text: &str) -> Schema {
    Schema::parse(text, &[]).expect("a schema")
}

/// The encoding of a long.
pub fn long(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// The encoding of bytes or of a text.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    [long(bytes.len() as i64), bytes.to_vec()].concat()
}
