//! Numeric ids.

/// A position in a Kafka partition.
pub type Offset = i64;

/// One partition number across all input topics, with its changelog partition and its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub i32);

impl std::fmt::Display for ShardId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The index of an input topic in the reconciliation: 0 is the expected one, the observed ones
/// follow.
pub type InputIndex = usize;
