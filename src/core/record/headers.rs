//! Headers of records: those of the input are looked at only where something depends on them.

use std::fmt;

use super::{InputIndex, Offset};
use crate::record::{Timestamp, trace::TraceParent};

/// A header: its name, and its value, which may be null.
pub type Header = (String, Option<Vec<u8>>);

/// The headers of a record that was read. Whoever has them may have to parse them first, so they
/// are not to be asked for where nothing comes of a record.
pub trait Headers: fmt::Debug {
    /// Shows every header in its order. A name may come more than once.
    fn each(&self, show: &mut dyn FnMut(&str, Option<&[u8]>));
}

impl Headers for Vec<Header> {
    fn each(&self, show: &mut dyn FnMut(&str, Option<&[u8]>)) {
        self.iter().for_each(|(name, value)| show(name, value.as_deref()));
    }
}

/// What an output carries on of the record that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    pub headers: Vec<Header>,
    /// To be told of once the output is committed.
    pub span: Option<Box<Span>>,
}

/// The sending of a completion, as a part of the trace that its record belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where in the trace the completing record stands.
    pub parent: TraceParent,
    /// Follows from the record, so that doing it again after a crash names the same span.
    pub id: u64,
    pub input: InputIndex,
    pub offset: Offset,
    /// Wall time when the record was read.
    pub read_at_ms: Timestamp,
}
