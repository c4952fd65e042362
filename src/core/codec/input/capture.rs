//! What a walk has found at a place, and why that cannot be used.

use std::sync::Arc;

use super::collect::TextRange;
use super::decimal::Sign;
use super::plan::{Kind, Node};
use crate::codec::path;
use crate::codec::reason::{Found, Reason};

/// What is at a place that was looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Captured<'a> {
    Text(TextRange),
    Integer(u64, Sign),
    Boolean(bool),
    /// A value that is kept, as it came but for white space outside of strings.
    Raw(TextRange),
    /// Anything else.
    Other(Found),
    /// The path leads nowhere from this place on.
    Missing(&'a Node),
    /// On the way, this place needs something else than was found there.
    Astray(&'a Node, Found, Kind),
}

/// Why a record cannot be used; small enough to be kept for every element of every record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure<'a> {
    Missing(&'a Arc<str>),
    Wrong(&'a Arc<str>, Found, Kind),
    KeyMismatch(&'a Arc<str>),
    ItemTooLong(&'a Arc<str>, usize),
    IdTooLong(&'a Arc<str>, usize),
    BadQuantity(&'a Arc<str>),
    BadDeadline(&'a Arc<str>),
    BadCount(&'a Arc<str>),
    BadTotal(&'a Arc<str>),
    TooManyItems,
}

impl<'a> Captured<'a> {
    /// Returns why this, at `path`, is neither an integer nor a string, if so.
    pub fn failure(self, path: &'a Arc<str>) -> Option<Failure<'a>> {
        match self {
            Self::Text(_) | Self::Integer(..) | Self::Raw(_) => None,
            Self::Boolean(_) => Some(Failure::Wrong(path, Found::Boolean, Kind::Value)),
            Self::Other(found) => Some(Failure::Wrong(path, found, Kind::Value)),
            Self::Missing(node) => Some(Failure::Missing(&node.path)),
            Self::Astray(node, found, kind) => Some(Failure::Wrong(&node.path, found, kind)),
        }
    }

    /// Returns the quantity that this, at `path`, is.
    pub fn quantity(self, path: &'a Arc<str>) -> Result<u32, Failure<'a>> {
        let quantity = self.number()?.filter(|quantity| *quantity > 0);
        quantity.ok_or(Failure::BadQuantity(path))
    }

    /// Returns the count that this, at `path`, is.
    pub fn count(self, path: &'a Arc<str>) -> Result<u32, Failure<'a>> {
        self.number()?.ok_or(Failure::BadCount(path))
    }

    /// Returns the total that this, at `path`, is.
    pub fn total(self, path: &'a Arc<str>) -> Result<u32, Failure<'a>> {
        self.number()?.filter(|total| *total > 0).ok_or(Failure::BadTotal(path))
    }

    /// Returns the number that this is, if it is one that can be counted.
    fn number(self) -> Result<Option<u32>, Failure<'a>> {
        match self {
            Self::Integer(magnitude, Sign::Plus) => Ok(u32::try_from(magnitude).ok()),
            Self::Missing(node) => Err(Failure::Missing(&node.path)),
            Self::Astray(node, found, kind) => Err(Failure::Wrong(&node.path, found, kind)),
            _ => Ok(None),
        }
    }
}

impl Failure<'_> {
    /// Returns the reason, with the elements at `indices` where the path has `[*]`.
    pub fn reason(self, indices: &[usize], items_max: usize) -> Reason {
        let at = |path: &Arc<str>| match indices {
            [] => Arc::clone(path),
            _ => path::with_indices(path, indices).into(),
        };
        match self {
            Self::Missing(path) => Reason::MissingField { path: at(path) },
            Self::Wrong(path, found, kind) => {
                Reason::WrongType { path: at(path), found, needed: kind.needed() }
            }
            Self::KeyMismatch(path) => Reason::KeyMismatch { path: at(path) },
            Self::ItemTooLong(path, bytes) => Reason::ItemTooLong { path: at(path), bytes },
            Self::IdTooLong(path, bytes) => Reason::IdTooLong { path: at(path), bytes },
            Self::BadDeadline(path) => Reason::BadDeadline { path: at(path) },
            Self::BadQuantity(path) => Reason::BadQuantity { path: at(path) },
            Self::BadTotal(path) => Reason::BadTotal { path: at(path) },
            Self::BadCount(path) => Reason::BadCount { path: at(path) },
            Self::TooManyItems => Reason::TooManyItems { items_max },
        }
    }
}
