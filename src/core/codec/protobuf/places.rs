//! Where the fields of a message are in its bytes: in any order, and some of them more than once.

use smallvec::SmallVec;

use super::schema::{Field, Holds, Kind, Message, MessageId, Schema};
use super::wire::{ByteSpan, Cursor, Wire};
use crate::codec::unfit::{DEPTH_MAX, Unfit, UnfitProblem};

/// Values in a document, besides [`STEPS_PER_BYTE`] for each of its bytes: a message has a value
/// for each of its fields, whether it is there or not.
const STEPS_MIN: usize = 65_536;
const STEPS_PER_BYTE: usize = 128;

/// The places of a message: it may be written in parts, which count as one message.
pub(super) type ByteSpans = SmallVec<[ByteSpan; 1]>;

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct FoundField {
    /// Its index among the fields of the message.
    pub field: usize,
    pub wire: Wire,
}

pub(super) type FoundFields = SmallVec<[FoundField; 8]>;

/// The bytes of a document, and how much of what they may ask for is left.
pub(super) struct Reader<'de> {
    pub bytes: &'de [u8],
    steps: usize,
    depth: u32,
}

impl<'de> Reader<'de> {
    pub fn new(bytes: &'de [u8]) -> Self {
        let steps = bytes.len().saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_MIN);
        Self { bytes, steps, depth: 0 }
    }

    pub fn whole(&self) -> ByteSpans {
        SmallVec::from_slice(&[ByteSpan { at: 0, end: self.bytes.len() }])
    }

    pub fn cursor(&self, span: ByteSpan) -> Cursor<'de> {
        Cursor::new(self.bytes, span)
    }

    /// Counts a value.
    pub fn step(&mut self, at: usize) -> Result<(), Unfit> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| UnfitProblem::TooMany.at(at))?;
        Ok(())
    }

    pub fn enter(&mut self, at: usize) -> Result<(), Unfit> {
        if self.depth == DEPTH_MAX {
            return Err(UnfitProblem::TooDeep.at(at));
        }
        self.depth += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Finds the fields of a message, by their numbers. Of fields of which only one is set, the
    /// last one counts.
    pub fn places(
        &mut self,
        schema: &Schema,
        of: MessageId,
        spans: &[ByteSpan],
    ) -> Result<FoundFields, Unfit> {
        let message = &schema.messages[of];
        let mut places = FoundFields::new();
        for span in spans {
            let mut cursor = self.cursor(*span);
            while !cursor.is_at_end() {
                let (number, wire) = cursor.field()?;
                let Some(field) = message.field(number).filter(|_| wire != Wire::Group) else {
                    continue;
                };
                if !fits(&message.fields[field], wire) {
                    return cursor.fail(UnfitProblem::OtherWireType);
                }
                places.push(FoundField { field, wire });
            }
        }
        if message.oneofs > 0 {
            self.drop_replaced(schema, message, &mut places)?;
        }
        places.sort_by_key(|place| place.field);
        Ok(places)
    }

    /// Drops fields that were set before another one of which only one may be.
    fn drop_replaced(
        &mut self,
        schema: &Schema,
        message: &Message,
        places: &mut FoundFields,
    ) -> Result<(), Unfit> {
        // The field that is set at last, and since when.
        let mut last: SmallVec<[(usize, usize); 4]> =
            SmallVec::from_elem((usize::MAX, 0), message.oneofs);
        for (at, place) in places.iter().enumerate() {
            if let Some(oneof) = message.fields[place.field].oneof
                && last[oneof].0 != place.field
            {
                last[oneof] = (place.field, at);
            }
        }
        let mut dropped = FoundFields::new();
        let mut at = 0;
        places.retain(|place| {
            let oneof = message.fields[place.field].oneof;
            let stays =
                oneof.is_none_or(|oneof| last[oneof].0 == place.field && at >= last[oneof].1);
            if !stays {
                dropped.push(*place);
            }
            at += 1;
            stays
        });
        dropped
            .iter()
            .try_for_each(|it| self.check_field(schema, &message.fields[it.field], it.wire))
    }

    /// Checks a message that nobody reads.
    pub fn check(
        &mut self,
        schema: &Schema,
        of: MessageId,
        spans: &[ByteSpan],
    ) -> Result<(), Unfit> {
        let message = &schema.messages[of];
        self.enter(spans.first().map_or(0, |span| span.at))?;
        for span in spans {
            let mut cursor = self.cursor(*span);
            while !cursor.is_at_end() {
                let (number, wire) = cursor.field()?;
                let Some(field) = message.field(number).filter(|_| wire != Wire::Group) else {
                    continue;
                };
                let field = &message.fields[field];
                if !fits(field, wire) {
                    return cursor.fail(UnfitProblem::OtherWireType);
                }
                self.check_field(schema, field, wire)?;
            }
        }
        self.leave();
        Ok(())
    }

    fn check_field(&mut self, schema: &Schema, field: &Field, wire: Wire) -> Result<(), Unfit> {
        match (field.kind, wire) {
            (Kind::Message(id), Wire::Sized(span)) => self.check(schema, id, &[span]),
            (kind, Wire::Sized(span)) if kind.is_number() => self.check_packed(kind, span),
            _ => Ok(()),
        }
    }

    /// Checks numbers that stand one behind the other.
    pub fn check_packed(&self, kind: Kind, span: ByteSpan) -> Result<(), Unfit> {
        let mut cursor = self.cursor(span);
        while !cursor.is_at_end() {
            unpack(&mut cursor, kind)?;
        }
        Ok(())
    }
}

/// Returns the next of numbers that stand one behind the other.
pub(super) fn unpack(cursor: &mut Cursor<'_>, kind: Kind) -> Result<Wire, Unfit> {
    Ok(match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Wire::Fixed64(cursor.fixed64()?),
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Wire::Fixed32(cursor.fixed32()?),
        _ => Wire::Varint(cursor.varint()?),
    })
}

/// Returns whether a field is written as its type is.
fn fits(field: &Field, wire: Wire) -> bool {
    match (field.kind, wire) {
        (Kind::Text | Kind::Bytes | Kind::Message(_), Wire::Sized(_)) => true,
        (Kind::Double | Kind::Fixed64 | Kind::Sfixed64, Wire::Fixed64(_)) => true,
        (Kind::Float | Kind::Fixed32 | Kind::Sfixed32, Wire::Fixed32(_)) => true,
        (kind, Wire::Sized(_)) => kind.is_number() && field.holds == Holds::Many,
        (
            Kind::Int64
            | Kind::Uint64
            | Kind::Int32
            | Kind::Bool
            | Kind::Uint32
            | Kind::Enum(_)
            | Kind::Sint32
            | Kind::Sint64,
            Wire::Varint(_),
        ) => true,
        _ => false,
    }
}
