//! Headers of records. Those of the input are parsed only where something depends on them.

use std::fmt;

use super::{InputIndex, Offset};
use crate::record::{Timestamp, trace::TraceParent};

/// A header: its name and its value, which may be null.
pub type Header = (String, Option<Vec<u8>>);

/// The headers of a record that was read. Parsing may be needed first, so do not ask for them when
/// nothing results from a record.
pub trait Headers: fmt::Debug {
    /// Calls `show` with every header, in order. A name may occur more than once.
    fn each(&self, show: &mut dyn FnMut(&str, Option<&[u8]>));
}

impl Headers for Vec<Header> {
    fn each(&self, show: &mut dyn FnMut(&str, Option<&[u8]>)) {
        self.iter().for_each(|(name, value)| show(name, value.as_deref()));
    }
}

/// What an output carries over from the record that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    pub headers: Vec<Header>,
    /// To be reported once the output is committed.
    pub span: Option<Box<Span>>,
}

/// The sending of a completion, as a span in the trace of the record that caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The completing record's position in the trace.
    pub parent: TraceParent,
    /// Derived from the record, so that repeating the work after a crash gives the same span id.
    pub id: u64,
    pub input: InputIndex,
    pub offset: Offset,
    /// Wall time when the record was read.
    pub read_at_ms: Timestamp,
}
