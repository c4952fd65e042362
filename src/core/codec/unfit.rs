//! Why bytes are no value of their schema.

use std::fmt;

/// How deep values may be nested, as in JSON. Unions do not count: none is directly inside another.
pub(super) const DEPTH_MAX: u32 = 127;

/// Why bytes are no value of a schema, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at byte {at}")]
pub struct Unfit {
    pub problem: UnfitProblem,
    /// How many bytes were read.
    pub at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitProblem {
    #[error("it ends too early")]
    Truncated,
    #[error("it goes on behind its end")]
    GoesOn,
    #[error("a number is too large for its type")]
    TooLarge,
    #[error("a length is negative")]
    NegativeLength,
    #[error("a boolean is neither 0 nor 1")]
    NotBoolean,
    #[error("a union or an enum has no such branch")]
    NoBranch,
    #[error("a string is not UTF-8 text")]
    NotText,
    #[error("it is nested deeper than {DEPTH_MAX} values")]
    TooDeep,
    #[error("it has more values than its size allows")]
    TooMany,
    /// A value that was kept as JSON text could not be read again.
    #[error("a value cannot be represented")]
    Unrepresentable,
    #[error("a field has the number 0 or one that is too large")]
    NoNumber,
    #[error("a field is written in another way than its type is")]
    OtherWireType,
    #[error("a group does not end where it has to")]
    OpenGroup,
    #[error("the message indexes lead to no message of the schema")]
    NoMessage,
}

impl UnfitProblem {
    pub fn at(self, at: usize) -> Unfit {
        Unfit { problem: self, at }
    }
}

impl serde::de::Error for Unfit {
    fn custom<T: fmt::Display>(_: T) -> Self {
        UnfitProblem::Unrepresentable.at(0)
    }
}
