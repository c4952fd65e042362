//! The trace that a record belongs to, from its headers (W3C Trace Context).
//!
//! Promise: a malformed context counts as none and is never an error. Ban: no clock and no
//! randomness: the id of a span is derived from what it describes.

use std::{fmt, hash::BuildHasher};

use foldhash::quality::FixedState;

use crate::record::{Header, Headers, InputIndex, Offset, ShardId};

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Length of version 00; later versions may only append to it.
const PARENT_LENGTH: usize = 55;
const SAMPLED: u8 = 0x01;
/// The known flags: sampled, and that the trace's id is random.
const KNOWN_FLAGS: u8 = 0x03;
/// A longer `tracestate` is dropped; up to this length it has to be passed on.
const STATE_LENGTH_MAX: usize = 512;
const STATE_MEMBERS_MAX: usize = 32;

/// A position in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Not zero.
    pub trace_id: u128,
    /// Not zero.
    pub span_id: u64,
    pub flags: u8,
}

/// What a record's headers say about its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    pub parent: TraceParent,
    /// As received: a later version may contain more than is understood here.
    text: String,
    state: Option<String>,
}

impl TraceParent {
    /// Reads a `traceparent`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.splitn(5, '-');
        let mut number = |digits: usize| {
            let part = parts.next().filter(|part| part.len() == digits)?;
            let is_hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            is_hex.then(|| u128::from_str_radix(part, 16).ok()).flatten()
        };
        let (version, trace_id) = (number(2)?, number(32)?);
        let (span_id, flags) = (number(16)?, number(2)?);
        let fits = match version {
            0 => text.len() == PARENT_LENGTH,
            0xff => false,
            _ => true,
        };
        let span_id = u64::try_from(span_id).ok()?;
        let flags = u8::try_from(flags).ok()?;
        (fits && trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags })
    }

    /// Returns whether the sender that began the trace has it recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Returns the position of the span `id` in the same trace.
    pub fn child(self, id: u64) -> Self {
        Self { span_id: id, flags: self.flags & KNOWN_FLAGS, ..self }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, flags } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

impl TraceContext {
    /// Returns the context of a record, if it has a well-formed one. If a header occurs more than
    /// once, the last one counts, as for other clients.
    pub fn of(headers: &dyn Headers) -> Option<Self> {
        let (mut text, mut state) = (None, None);
        headers.each(&mut |name, value| match name {
            PARENT => text = value.map(<[u8]>::to_vec),
            STATE => state = value.map(<[u8]>::to_vec),
            _ => {}
        });
        let text = text?;
        let parent = TraceParent::parse(&text)?;
        let text = String::from_utf8(text).ok()?;
        let state = state.and_then(|state| String::from_utf8(state).ok());
        Some(Self { parent, text, state: state.filter(|state| is_state(state)) })
    }

    /// Returns the headers that pass the context on unchanged.
    pub fn headers(&self) -> Vec<Header> {
        self.headers_with(self.text.clone())
    }

    /// Returns the headers that pass it on with the span `id` as the parent.
    pub fn headers_of_child(&self, id: u64) -> Vec<Header> {
        self.headers_with(self.parent.child(id).to_string())
    }

    fn headers_with(&self, parent: String) -> Vec<Header> {
        let mut headers = vec![(PARENT.to_owned(), Some(parent.into_bytes()))];
        if let Some(state) = &self.state {
            headers.push((STATE.to_owned(), Some(state.clone().into_bytes())));
        }
        headers
    }
}

/// Returns the id of the span for sending what a record completes; `seed` is the consumer group's,
/// since other groups may process the same records.
pub fn span_id(seed: u64, parent: TraceParent, at: (ShardId, InputIndex, Offset)) -> u64 {
    let (shard, input, offset) = at;
    let place = (parent.trace_id, parent.span_id, shard.0, input, offset);
    FixedState::with_seed(seed).hash_one(place).max(1)
}

/// Returns the seed of a consumer group's spans.
pub fn span_seed(group: &str) -> u64 {
    FixedState::default().hash_one(group)
}

/// Returns whether a `tracestate` may be passed on.
fn is_state(state: &str) -> bool {
    let members = || state.split(',').map(str::trim);
    state.len() <= STATE_LENGTH_MAX
        && members().any(|member| !member.is_empty())
        && members().count() <= STATE_MEMBERS_MAX
        && members().all(|member| member.is_empty() || is_member(member))
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let in_key =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let in_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    !key.is_empty() && key.bytes().all(in_key) && !value.is_empty() && value.bytes().all(in_value)
}

#[cfg(test)]
mod tests;
