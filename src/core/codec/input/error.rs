//! Why entries cannot be used together.

use super::Role;
use crate::matching::ITEM_BYTES_MAX;

/// Why the entries of a topic cannot be used, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error("the {role} path {path} must lead to one place; write an index or a name for *")]
    NotSingular { role: Role, path: String },
    #[error("the quantity path {quantity} must lie beside the item; start it with {start}")]
    QuantityElsewhere { quantity: String, start: String },
    #[error("a quantity path has no effect under counting: distinct; remove it or count quantity")]
    QuantityNotCounted,
    #[error("a quantity path has no effect beside fixed items; list an item as often as needed")]
    QuantityOfFixed,
    #[error(
        "an id has no effect under counting: distinct, by which an item counts once; remove it"
    )]
    IdNotCounted,
    #[error("a quantity path has no effect beside a count; the count is that of all units")]
    QuantityOfCount,
    #[error("the {role} path {path} leads into an envelope, and the topic has none")]
    NoEnvelope { role: Role, path: String },
    #[error("the entries of a topic have the same recordKey, which is that of its records")]
    RecordKeysDiffer,
    #[error("the entries of a topic have the same envelope, which is that of its records")]
    EnvelopesDiffer,
    #[error("an item has at most {ITEM_BYTES_MAX} bytes, and {item:?} has {}", item.len())]
    FixedItemTooLong { item: String },
    #[error(
        "the {role} path {path} contradicts another path: what is at {place} can only be one of \
         a value, an object, an array read by index and an array read by *"
    )]
    Contradiction { role: Role, path: String, place: String },
}
