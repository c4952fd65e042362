//! The bytes of a message: fields, each with a number and what it holds.

use crate::codec::unfit::{DEPTH_MAX, Unfit, UnfitProblem};

/// A part of a document, by its first byte and the one behind its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteSpan {
    pub at: usize,
    pub end: usize,
}

/// What a field holds, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    /// Bytes, a text, a message, or numbers one behind the other.
    Sized(ByteSpan),
    /// It is passed over.
    Group,
}

/// What is left of a part of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'de> {
    bytes: &'de [u8],
    pub at: usize,
    end: usize,
}

impl<'de> Cursor<'de> {
    pub fn new(bytes: &'de [u8], ByteSpan { at, end }: ByteSpan) -> Self {
        Self { bytes, at, end }
    }

    pub fn of_all(bytes: &'de [u8]) -> Self {
        Self::new(bytes, ByteSpan { at: 0, end: bytes.len() })
    }

    pub fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    pub fn fail<T>(&self, problem: UnfitProblem) -> Result<T, Unfit> {
        Err(problem.at(self.at))
    }

    pub fn take(&mut self, length: u64) -> Result<ByteSpan, Unfit> {
        match usize::try_from(length).ok().filter(|length| *length <= self.end - self.at) {
            Some(length) => {
                let span = ByteSpan { at: self.at, end: self.at + length };
                self.at = span.end;
                Ok(span)
            }
            None => self.fail(UnfitProblem::Truncated),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unfit> {
        let ByteSpan { at, end } = self.take(N as u64)?;
        Ok(self.bytes[at..end].try_into().expect("so many bytes were taken"))
    }

    pub fn fixed32(&mut self) -> Result<u32, Unfit> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn fixed64(&mut self) -> Result<u64, Unfit> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn varint(&mut self) -> Result<u64, Unfit> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            if self.is_at_end() {
                return self.fail(UnfitProblem::Truncated);
            }
            let byte = self.bytes[self.at];
            self.at += 1;
            let low = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && low > 1 {
                return self.fail(UnfitProblem::TooLarge);
            }
            number |= low << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
            if shift > 63 {
                return self.fail(UnfitProblem::TooLarge);
            }
        }
    }

    /// Returns a number that is written so that small negative ones are short, too.
    pub fn zigzag(&mut self) -> Result<i64, Unfit> {
        self.varint().map(unzigzag)
    }

    /// Returns the next field: its number and what it holds.
    pub fn field(&mut self) -> Result<(u32, Wire), Unfit> {
        let (number, kind) = self.tag()?;
        let wire = match kind {
            3 => {
                self.skip_group(number)?;
                Wire::Group
            }
            4 => return self.fail(UnfitProblem::OpenGroup),
            kind => self.held(kind)?,
        };
        Ok((number, wire))
    }

    fn tag(&mut self) -> Result<(u32, u8), Unfit> {
        let tag = self.varint()?;
        match u32::try_from(tag >> 3) {
            Ok(number @ 1..=0x1fff_ffff) => Ok((number, (tag & 7) as u8)),
            _ => self.fail(UnfitProblem::NoNumber),
        }
    }

    fn held(&mut self, kind: u8) -> Result<Wire, Unfit> {
        Ok(match kind {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed64()?),
            2 => {
                let length = self.varint()?;
                Wire::Sized(self.take(length)?)
            }
            5 => Wire::Fixed32(self.fixed32()?),
            _ => return self.fail(UnfitProblem::OtherWireType),
        })
    }

    /// Passes over a group, whose start was read.
    fn skip_group(&mut self, number: u32) -> Result<(), Unfit> {
        let mut open = vec![number];
        while let Some(last) = open.last() {
            match self.tag()? {
                (_, 3) if open.len() == DEPTH_MAX as usize => {
                    return self.fail(UnfitProblem::TooDeep);
                }
                (number, 3) => open.push(number),
                (number, 4) if number == *last => {
                    open.pop();
                }
                (_, 4) => return self.fail(UnfitProblem::OpenGroup),
                (_, kind) => {
                    self.held(kind)?;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn unzigzag(number: u64) -> i64 {
    let magnitude = (number >> 1).cast_signed();
    if number & 1 == 0 { magnitude } else { !magnitude }
}
