//! Values that are one number or one text.

use serde::de::Visitor;

use super::known;
use super::places::Reader;
use super::schema::{Kind, Schema};
use super::wire::{ByteSpan, Wire, unzigzag};
use crate::codec::base64;
use crate::codec::unfit::{Unfit, UnfitProblem};

/// Passes a value to a visitor.
pub(super) fn visit<'de, V: Visitor<'de>>(
    schema: &Schema,
    kind: Kind,
    wire: Wire,
    reader: &mut Reader<'de>,
    visitor: V,
) -> Result<V::Value, Unfit> {
    match (kind, wire) {
        (Kind::Double, Wire::Fixed64(bits)) => match f64::from_bits(bits) {
            number if number.is_finite() => visitor.visit_f64(number),
            number => visitor.visit_str(known::not_finite(number)),
        },
        (Kind::Float, Wire::Fixed32(bits)) => match f32::from_bits(bits) {
            number if number.is_finite() => visitor.visit_f32(number),
            number => visitor.visit_str(known::not_finite(number.into())),
        },
        (Kind::Text, Wire::Sized(ByteSpan { at, end })) => {
            match std::str::from_utf8(&reader.bytes[at..end]) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => Err(UnfitProblem::NotText.at(end)),
            }
        }
        (Kind::Bytes, Wire::Sized(ByteSpan { at, end })) => {
            visitor.visit_str(&base64::encode(&reader.bytes[at..end]))
        }
        (Kind::Bool, Wire::Varint(number)) => visitor.visit_bool(number != 0),
        (Kind::Enum(id), Wire::Varint(number)) => {
            let of = &schema.enums[id];
            match of.name(number as i32) {
                _ if of.is_null => visitor.visit_unit(),
                Some(name) => visitor.visit_str(name),
                None => visitor.visit_i64(i64::from(number as i32)),
            }
        }
        (kind, wire) => match integer(kind, wire) {
            Some(Integer::Signed(number)) => visitor.visit_i64(number),
            Some(Integer::Unsigned(number)) => visitor.visit_u64(number),
            None => Err(UnfitProblem::OtherWireType.at(0)),
        },
    }
}

enum Integer {
    Signed(i64),
    Unsigned(u64),
}

/// Returns an integer; of one with more bits than its type has, the lowest count, as Protobuf's own
/// readers have it.
fn integer(kind: Kind, wire: Wire) -> Option<Integer> {
    use Integer::{Signed, Unsigned};
    Some(match (kind, wire) {
        (Kind::Int64, Wire::Varint(number)) => Signed(number.cast_signed()),
        (Kind::Int32, Wire::Varint(number)) => Signed((number as i32).into()),
        (Kind::Uint64, Wire::Varint(number)) => Unsigned(number),
        (Kind::Uint32, Wire::Varint(number)) => Unsigned((number as u32).into()),
        (Kind::Sint64, Wire::Varint(number)) => Signed(unzigzag(number)),
        (Kind::Sint32, Wire::Varint(number)) => Signed(unzigzag((number as u32).into())),
        (Kind::Fixed64, Wire::Fixed64(number)) => Unsigned(number),
        (Kind::Fixed32, Wire::Fixed32(number)) => Unsigned(number.into()),
        (Kind::Sfixed64, Wire::Fixed64(number)) => Signed(number.cast_signed()),
        (Kind::Sfixed32, Wire::Fixed32(number)) => Signed(number.cast_signed().into()),
        _ => return None,
    })
}

/// Returns the text of a key of a map.
pub(super) fn key(kind: Kind, wire: Wire, bytes: &[u8]) -> Result<String, Unfit> {
    Ok(match (kind, wire) {
        (Kind::Text, Wire::Sized(ByteSpan { at, end })) => {
            let text = std::str::from_utf8(&bytes[at..end]);
            text.map_err(|_| UnfitProblem::NotText.at(end))?.to_owned()
        }
        (Kind::Bool, Wire::Varint(number)) => (number != 0).to_string(),
        (kind, wire) => match integer(kind, wire) {
            Some(Integer::Signed(number)) => number.to_string(),
            Some(Integer::Unsigned(number)) => number.to_string(),
            None => return Err(UnfitProblem::OtherWireType.at(0)),
        },
    })
}
