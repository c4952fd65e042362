//! The bytes of a value, with bounds on everything that they may ask for.

use super::schema::{Schema, Type, TypeId};
use crate::codec::unfit::{DEPTH_MAX, Unfit, UnfitProblem};

/// Values in a document, besides [`STEPS_PER_BYTE`] for each of its bytes: a few bytes can stand
/// for any number of values that take none.
const STEPS_MIN: usize = 65_536;
const STEPS_PER_BYTE: usize = 16;

/// The bytes that are still to be read.
pub(super) struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    steps: usize,
    depth: u32,
    /// Memory for values that are read as another text than they are written as.
    pub text: String,
}

impl<'de> Reader<'de> {
    pub fn new(bytes: &'de [u8]) -> Self {
        let steps = bytes.len().saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_MIN);
        Self { bytes, at: 0, steps, depth: 0, text: String::new() }
    }

    pub fn fail<T>(&self, problem: UnfitProblem) -> Result<T, Unfit> {
        Err(problem.at(self.at))
    }

    /// Counts a value.
    pub fn step(&mut self) -> Result<(), Unfit> {
        match self.steps.checked_sub(1) {
            Some(steps) => self.steps = steps,
            None => return self.fail(UnfitProblem::TooMany),
        }
        Ok(())
    }

    pub fn enter(&mut self) -> Result<(), Unfit> {
        if self.depth == DEPTH_MAX {
            return self.fail(UnfitProblem::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    pub fn end(&self) -> Result<(), Unfit> {
        if self.at == self.bytes.len() { Ok(()) } else { self.fail(UnfitProblem::GoesOn) }
    }

    pub fn take(&mut self, length: usize) -> Result<&'de [u8], Unfit> {
        let Some(taken) = self.bytes[self.at..].get(..length) else {
            return self.fail(UnfitProblem::Truncated);
        };
        self.at += length;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Unfit> {
        Ok(self.take(N)?.try_into().expect("so many bytes were taken"))
    }

    pub fn boolean(&mut self) -> Result<bool, Unfit> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => self.fail(UnfitProblem::NotBoolean),
        }
    }

    pub fn long(&mut self) -> Result<i64, Unfit> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let Some(&byte) = self.bytes.get(self.at) else {
                return self.fail(UnfitProblem::Truncated);
            };
            self.at += 1;
            let low = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && low > 1 {
                return self.fail(UnfitProblem::TooLarge);
            }
            number |= low << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
            if shift > 63 {
                return self.fail(UnfitProblem::TooLarge);
            }
        }
        let magnitude = (number >> 1).cast_signed();
        Ok(if number & 1 == 0 { magnitude } else { !magnitude })
    }

    pub fn int(&mut self) -> Result<i32, Unfit> {
        let number = self.long()?;
        i32::try_from(number).or_else(|_| self.fail(UnfitProblem::TooLarge))
    }

    pub fn index(&mut self, of: usize) -> Result<usize, Unfit> {
        let index = usize::try_from(self.long()?).ok().filter(|index| *index < of);
        index.map_or_else(|| self.fail(UnfitProblem::NoBranch), Ok)
    }

    /// Returns bytes that begin with their length.
    pub fn bytes(&mut self) -> Result<&'de [u8], Unfit> {
        match usize::try_from(self.long()?) {
            Ok(length) => self.take(length),
            Err(_) => self.fail(UnfitProblem::NegativeLength),
        }
    }

    pub fn str(&mut self) -> Result<&'de str, Unfit> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).or_else(|_| self.fail(UnfitProblem::NotText))
    }

    /// Returns the number of values in the next block of an array or a map, 0 at its end, and the
    /// size of the block if it says that.
    pub fn block(&mut self) -> Result<(u64, Option<usize>), Unfit> {
        let count = self.long()?;
        if count >= 0 {
            return Ok((count.unsigned_abs(), None));
        }
        match usize::try_from(self.long()?) {
            Ok(size) => Ok((count.unsigned_abs(), Some(size))),
            Err(_) => self.fail(UnfitProblem::NegativeLength),
        }
    }

    /// Passes over a value.
    pub fn skip(&mut self, schema: &Schema, of: TypeId) -> Result<(), Unfit> {
        self.step()?;
        match &schema.types[of] {
            Type::Null => {}
            Type::Boolean => {
                self.boolean()?;
            }
            Type::Int | Type::Date | Type::Time(super::schema::Unit::Millis) => {
                self.int()?;
            }
            Type::Long | Type::Time(_) | Type::Instant(_) | Type::Local(_) => {
                self.long()?;
            }
            Type::Float => self.take(4).map(|_| ())?,
            Type::Double => self.take(8).map(|_| ())?,
            Type::Uuid => self.take(16).map(|_| ())?,
            Type::Fixed(size) | Type::Decimal { size: Some(size), .. } => {
                self.take(*size)?;
            }
            Type::Bytes | Type::Text | Type::Decimal { size: None, .. } => {
                self.bytes()?;
            }
            Type::Enum(symbols) => {
                self.index(symbols.len())?;
            }
            Type::Union(branches) => {
                let branch = self.index(branches.len())?;
                self.skip(schema, branches[branch])?;
            }
            Type::Record(fields) => {
                self.enter()?;
                for field in fields {
                    self.skip(schema, field.of)?;
                }
                self.leave();
            }
            Type::Array(element) => self.skip_blocks(schema, *element, |_| Ok(()))?,
            Type::Map(value) => self.skip_blocks(schema, *value, |it| it.bytes().map(|_| ()))?,
        }
        Ok(())
    }

    fn skip_blocks(
        &mut self,
        schema: &Schema,
        of: TypeId,
        key: impl Fn(&mut Self) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        self.enter()?;
        loop {
            match self.block()? {
                (0, _) => break,
                (_, Some(size)) => {
                    self.take(size)?;
                }
                (count, None) => {
                    for _ in 0..count {
                        key(self)?;
                        self.skip(schema, of)?;
                    }
                }
            }
        }
        self.leave();
        Ok(())
    }
}
