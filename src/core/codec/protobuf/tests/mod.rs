//! Tests of values, written by hand and by another implementation.

mod bounds;
mod indexes;
mod schemas;
mod values;

use std::sync::LazyLock;

use serde::Deserialize;

use super::*;
use crate::codec::base64;
use crate::codec::unfit::Unfit;

/// Descriptors in base64 in the first line; then values of Google's implementation in Python, a
/// line each: the message, the value in base64, and its JSON, in which 64-bit integers are numbers.
const GOLDEN: &str = include_str!("golden.txt");

/// The descriptors.
pub static SET: LazyLock<Vec<u8>> = LazyLock::new(|| {
    GOLDEN.lines().next().and_then(|set| base64::decode(set).ok()).expect("base64")
});

/// Returns a message with fields of every type.
fn all() -> &'static Schema {
    static ALL: LazyLock<Schema> = LazyLock::new(|| golden("shop.v1.All"));
    &ALL
}

fn golden(name: &str) -> Schema {
    Schema::of_set(&SET, name).expect("a schema").expect("a message")
}

/// Returns the JSON of a value of the first message.
pub fn json_of(schema: &Schema, bytes: &[u8]) -> Result<serde_json::Value, Unfit> {
    let mut document = Document::new(schema, &Indexes::first(), bytes)?;
    serde_json::Value::deserialize(&mut document)
}

pub fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field that holds a number.
pub fn number(field: u64, number: u64) -> Vec<u8> {
    [varint(field << 3), varint(number)].concat()
}

/// A field that holds bytes, a text or a message.
pub fn sized(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// The descriptor of a file of the package `p`.
pub fn file(syntax: &str, messages: &[Vec<u8>]) -> Vec<u8> {
    let messages = messages.iter().flat_map(|message| sized(4, message));
    [sized(2, b"p"), sized(12, syntax.as_bytes()), messages.collect()].concat()
}

/// The descriptor of a message with these parts.
pub fn message(name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    [sized(1, name.as_bytes()), parts.concat()].concat()
}

/// The descriptor of a field; `of` is the name of its type, or its number.
pub fn field(name: &str, at: u64, label: u64, of: &str) -> Vec<u8> {
    let of = of.parse().map_or_else(|_| sized(6, of.as_bytes()), |of| number(5, of));
    sized(2, &[sized(1, name.as_bytes()), number(3, at), number(4, label), of].concat())
}
