//! Protobuf's binary encoding, read by the schema that it was written with.
//!
//! Promise: any schema and any bytes end in a value or in an error, in bounded memory, depth and
//! time. Ban: no text of a schema is parsed here; schemas come as compiled descriptors.

mod compile;
mod descriptor;
mod inside;
mod known;
mod places;
mod scalar;
mod schema;
mod value;
mod wire;

pub use compile::SchemaError;
pub use schema::{Indexes, Schema};
pub use value::Document;

#[cfg(test)]
pub(super) mod tests;
