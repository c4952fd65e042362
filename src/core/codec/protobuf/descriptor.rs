//! Compiled descriptions of `.proto` files (`google.protobuf.FileDescriptorProto`), as far as
//! reading values needs them.

use super::wire::{Cursor, Wire};
use crate::codec::unfit::{Unfit, UnfitProblem};

/// How deep messages may be inside of each other in a file.
const INSIDE_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct File<'a> {
    pub package: &'a str,
    pub syntax: &'a str,
    pub presence: Option<u64>,
    pub messages: Vec<MessageOf<'a>>,
    pub enums: Vec<EnumOf<'a>>,
}

#[derive(Debug, Default)]
pub(super) struct MessageOf<'a> {
    pub name: &'a str,
    pub fields: Vec<FieldOf<'a>>,
    pub messages: Vec<MessageOf<'a>>,
    pub enums: Vec<EnumOf<'a>>,
    pub oneofs: usize,
    /// It is an entry of a map.
    pub is_entry: bool,
}

#[derive(Debug, Default)]
pub(super) struct FieldOf<'a> {
    pub name: &'a str,
    pub json: Option<&'a str>,
    pub number: u64,
    pub is_repeated: bool,
    pub of: u64,
    pub type_name: Option<&'a str>,
    pub default: Option<&'a str>,
    pub oneof: Option<u64>,
    /// In a file that is not of proto2, it says `optional`.
    pub is_optional: bool,
    pub presence: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct EnumOf<'a> {
    pub name: &'a str,
    pub values: Vec<(i32, &'a str)>,
}

/// A message of which each field is given to a function.
#[derive(Clone, Copy)]
struct Part<'a> {
    bytes: &'a [u8],
    cursor: Cursor<'a>,
}

enum Held<'a> {
    Number(u64),
    Part(Part<'a>),
    Other,
}

use Held::{Number, Part as Sub};

/// Reads the descriptors of `google.protobuf.FileDescriptorSet`.
pub(super) fn set(bytes: &[u8]) -> Result<Vec<&[u8]>, Unfit> {
    let mut files = Vec::new();
    Part { bytes, cursor: Cursor::of_all(bytes) }.each(|number, held| {
        if let (1, Held::Part(file)) = (number, held) {
            files.push(file.bytes);
        }
        Ok(())
    })?;
    Ok(files)
}

pub(super) fn file(bytes: &[u8]) -> Result<File<'_>, Unfit> {
    let mut file = File::default();
    Part { bytes, cursor: Cursor::of_all(bytes) }.each(|number, held| {
        match (number, held) {
            (2, Sub(text)) => file.package = text.text()?,
            (4, Sub(message)) => file.messages.push(message.message(0)?),
            (5, Sub(of)) => file.enums.push(of.enumeration()?),
            (8, Sub(options)) => file.presence = options.presence(50)?,
            (12, Sub(text)) => file.syntax = text.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(file)
}

impl<'a> Part<'a> {
    fn each(
        mut self,
        mut field: impl FnMut(u32, Held<'a>) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        while !self.cursor.is_at_end() {
            let (number, wire) = self.cursor.field()?;
            let held = match wire {
                Wire::Varint(number) => Number(number),
                Wire::Sized(span) => {
                    let bytes = &self.bytes[span.at..span.end];
                    Sub(Part { bytes, cursor: Cursor::of_all(bytes) })
                }
                _ => Held::Other,
            };
            field(number, held)?;
        }
        Ok(())
    }

    fn text(self) -> Result<&'a str, Unfit> {
        std::str::from_utf8(self.bytes).or_else(|_| self.cursor.fail(UnfitProblem::NotText))
    }

    /// Reads whether a value can be absent, from options with features in field `at`.
    fn presence(self, at: u32) -> Result<Option<u64>, Unfit> {
        let mut presence = None;
        self.each(|number, held| match held {
            Sub(features) if number == at => features.each(|number, held| {
                if let (1, Number(of)) = (number, held) {
                    presence = Some(of);
                }
                Ok(())
            }),
            _ => Ok(()),
        })?;
        Ok(presence)
    }

    fn message(self, depth: usize) -> Result<MessageOf<'a>, Unfit> {
        if depth == INSIDE_MAX {
            return self.cursor.fail(UnfitProblem::TooDeep);
        }
        let mut message = MessageOf::default();
        self.each(|number, held| {
            match (number, held) {
                (1, Sub(text)) => message.name = text.text()?,
                (2, Sub(field)) => message.fields.push(field.field()?),
                (3, Sub(inside)) => message.messages.push(inside.message(depth + 1)?),
                (4, Sub(of)) => message.enums.push(of.enumeration()?),
                (7, Sub(options)) => options.each(|number, held| {
                    if let (7, Number(is_entry)) = (number, held) {
                        message.is_entry = is_entry != 0;
                    }
                    Ok(())
                })?,
                (8, _) => message.oneofs += 1,
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }

    fn field(self) -> Result<FieldOf<'a>, Unfit> {
        let mut field = FieldOf::default();
        self.each(|number, held| {
            match (number, held) {
                (1, Sub(text)) => field.name = text.text()?,
                (3, Number(number)) => field.number = number,
                (4, Number(label)) => field.is_repeated = label == 3,
                (5, Number(of)) => field.of = of,
                (6, Sub(text)) => field.type_name = Some(text.text()?),
                (7, Sub(text)) => field.default = Some(text.text()?),
                (8, Sub(options)) => field.presence = options.presence(21)?,
                (9, Number(oneof)) => field.oneof = Some(oneof),
                (10, Sub(text)) => field.json = Some(text.text()?),
                (17, Number(is_optional)) => field.is_optional = is_optional != 0,
                _ => {}
            }
            Ok(())
        })?;
        Ok(field)
    }

    fn enumeration(self) -> Result<EnumOf<'a>, Unfit> {
        let mut of = EnumOf::default();
        self.each(|number, held| {
            match (number, held) {
                (1, Sub(text)) => of.name = text.text()?,
                (2, Sub(value)) => {
                    let (mut name, mut number) = ("", 0);
                    value.each(|field, held| {
                        match (field, held) {
                            (1, Sub(text)) => name = text.text()?,
                            // A negative number is written with 64 bits.
                            (2, Number(of)) => number = of as i32,
                            _ => {}
                        }
                        Ok(())
                    })?;
                    of.values.push((number, name));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(of)
    }
}
