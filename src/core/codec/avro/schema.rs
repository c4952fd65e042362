//! A schema with its references resolved.

/// A compiled schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub(super) types: Vec<Type>,
    pub(super) root: TypeId,
}

/// The index of a type in its schema; a type may contain itself.
pub(super) type TypeId = usize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Box<[Box<str>]>),
    Record(Box<[Field]>),
    Array(TypeId),
    Map(TypeId),
    Union(Box<[TypeId]>),
    /// An unscaled number, big-endian, in so many bytes; by default, a length comes first.
    Decimal {
        scale: usize,
        size: Option<usize>,
    },
    /// Days since 1970.
    Date,
    /// The time of a day.
    Time(Unit),
    Instant(Unit),
    /// A date with a time that says no offset.
    Local(Unit),
    /// 16 bytes; a UUID may also be text.
    Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub name: Box<str>,
    pub of: TypeId,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}
