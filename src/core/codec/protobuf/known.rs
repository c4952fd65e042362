//! Messages of `google.protobuf` that are something else than an object in JSON.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::places::FoundField;
use super::schema::{Holds, Kind, Known, Message, Schema};
use super::wire::Wire;

pub(super) use crate::codec::avro::not_finite;

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// Marks the messages of a schema that are known by their names, if they have the fields that they
/// should have.
pub(super) fn mark(schema: &mut Schema) {
    for message in &mut schema.messages {
        let Some(name) = message.name.strip_prefix("google.protobuf.") else { continue };
        let kinds: Vec<(u32, Kind)> =
            message.fields.iter().map(|field| (field.number, field.kind)).collect();
        let is_one = message.fields.first().is_some_and(|it| matches!(it.holds, Holds::One(_)));
        message.known = match (name, &kinds[..]) {
            ("Timestamp", [(1, Kind::Int64), (2, Kind::Int32)]) => Known::Timestamp,
            ("Duration", [(1, Kind::Int64), (2, Kind::Int32)]) => Known::Duration,
            ("Struct" | "ListValue", [(1, Kind::Message(_))]) if !is_one => Known::Wrapper,
            ("Value", [_, ..]) => Known::Value,
            (
                "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value"
                | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue",
                [(1, kind)],
            ) if is_one && !matches!(kind, Kind::Message(_)) => Known::Wrapper,
            _ => Known::Plain,
        };
    }
}

/// Returns the text of an instant or of a duration; `None` if no calendar has it.
pub(super) fn text(message: &Message, places: &[FoundField]) -> Option<String> {
    let number = |of: u32| {
        let at = message.field(of);
        let place = places.iter().rfind(|place| Some(place.field) == at);
        match place.map(|place| place.wire) {
            Some(Wire::Varint(number)) => number.cast_signed(),
            _ => 0,
        }
    };
    let (seconds, nanos) = (number(1), number(2) as i32);
    if !(-NANOS_PER_SECOND < nanos && nanos < NANOS_PER_SECOND) {
        return None;
    }
    match message.known {
        Known::Timestamp => Timestamp::new(seconds, nanos).ok().map(|it| it.to_string()),
        _ if seconds.signum() * i64::from(nanos).signum() < 0 => None,
        _ => {
            let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
            let mut text = format!("{sign}{}", seconds.unsigned_abs());
            let nanos = nanos.unsigned_abs();
            let written = match nanos {
                0 => Ok(()),
                _ if nanos % 1_000_000 == 0 => write!(text, ".{:03}", nanos / 1_000_000),
                _ if nanos % 1_000 == 0 => write!(text, ".{:06}", nanos / 1_000),
                _ => write!(text, ".{nanos:09}"),
            };
            written.expect("a String takes every text");
            Some(text + "s")
        }
    }
}
