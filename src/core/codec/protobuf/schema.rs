//! The messages of a schema, with the names that they use resolved.

use smallvec::SmallVec;

use super::wire::{Cursor, Wire};

/// The messages of a file and of those that it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
    /// The messages of the file itself, outside of others.
    pub(super) roots: Box<[MessageId]>,
}

/// The index of a message in its schema; a message may contain itself.
pub(super) type MessageId = usize;
pub(super) type EnumId = usize;

/// Most indexes of a message: how deep one may be inside of others.
const INDEXES_MAX: usize = 64;

/// Where a message is in its file: the index of the outermost one that it is in, the index of the
/// next one in that, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexes(SmallVec<[usize; 4]>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Message {
    pub name: Box<str>,
    /// By their numbers.
    pub fields: Box<[Field]>,
    pub known: Known,
    /// The messages inside, in the order of the file.
    pub inside: Box<[MessageId]>,
    /// How many groups there are of fields of which only one is set.
    pub oneofs: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub number: u32,
    /// As in Protobuf's JSON.
    pub json: Box<str>,
    /// As in the file, if that is another name, which no other field has in JSON.
    pub own: Option<Box<str>>,
    pub kind: Kind,
    pub holds: Holds,
    pub oneof: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holds {
    /// One value, or this one if it is not there.
    One(Absent),
    /// Any number of values, in one or many places.
    Many,
    /// The fields 1 and 2 of messages are names and values.
    Map,
}

/// What a value is that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absent {
    Missing,
    Number(Wire),
    Text(Box<str>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Float,
    Int64,
    Uint64,
    Int32,
    Fixed64,
    Fixed32,
    Bool,
    Text,
    Message(MessageId),
    Bytes,
    Uint32,
    Enum(EnumId),
    Sfixed32,
    Sfixed64,
    Sint32,
    Sint64,
}

/// The names of an enum's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Enum {
    /// In the order of the file, where the first one is what is not there, and a number may have
    /// several names.
    pub values: Box<[(i32, Box<str>)]>,
    /// Where they are, by their numbers.
    pub by_number: Box<[usize]>,
    /// `google.protobuf.NullValue`.
    pub is_null: bool,
}

/// A message of `google.protobuf` that is something else in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Known {
    #[default]
    Plain,
    Timestamp,
    Duration,
    /// It stands for its field.
    Wrapper,
    /// One of its fields, or null.
    Value,
}

impl Schema {
    /// Returns the schema with only the message `name` outside of others, its package included.
    pub fn only(&self, name: &str) -> Option<Self> {
        let id = self.messages.iter().position(|message| *message.name == *name)?;
        Some(Self { roots: Box::new([id]), ..self.clone() })
    }

    pub(super) fn at(&self, Indexes(indexes): &Indexes) -> Option<MessageId> {
        let (first, inside) = indexes.split_first()?;
        let first = *self.roots.get(*first)?;
        inside.iter().try_fold(first, |id, index| self.messages[id].inside.get(*index).copied())
    }
}

impl Indexes {
    /// Returns those of the first message of a file.
    pub fn first() -> Self {
        Self(SmallVec::from_slice(&[0]))
    }

    /// Reads indexes from the front of `bytes`, and returns what is behind.
    pub fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut cursor = Cursor::of_all(bytes);
        let mut next = || {
            let number = cursor.zigzag().ok()?;
            usize::try_from(number).ok().map(|number| (number, cursor.at))
        };
        let (count, mut at) = next()?;
        if count == 0 {
            return Some((Self::first(), &bytes[at..]));
        }
        let mut indexes = SmallVec::new();
        for _ in 0..Some(count).filter(|count| *count <= INDEXES_MAX)? {
            let (index, behind) = next()?;
            indexes.push(index);
            at = behind;
        }
        Some((Self(indexes), &bytes[at..]))
    }
}

impl Message {
    pub fn field(&self, number: u32) -> Option<usize> {
        self.fields.binary_search_by_key(&number, |field| field.number).ok()
    }
}

impl Enum {
    pub fn name(&self, number: i32) -> Option<&str> {
        let at = self.by_number.partition_point(|at| self.values[*at].0 < number);
        let (of, name) = &self.values[*self.by_number.get(at)?];
        (*of == number).then_some(&**name)
    }
}

impl Kind {
    /// Returns whether it is written without a length, so that many are written in one place.
    pub fn is_number(self) -> bool {
        !matches!(self, Self::Text | Self::Bytes | Self::Message(_))
    }
}
