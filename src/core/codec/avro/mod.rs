//! Avro's binary encoding, read by the schema that it was written with.
//!
//! Promise: any schema and any bytes end in a value or in an error, in bounded memory, depth and
//! time: lengths are compared with the bytes that are there, and what takes no bytes is counted.
//! Ban: nothing is resolved to another schema, since paths select what is needed by name.

mod logical;
mod parse;
mod read;
mod schema;
mod value;

pub use super::unfit::{Unfit, UnfitProblem};
pub(super) use logical::not_finite;
pub use parse::SchemaError;
pub use schema::Schema;
pub use value::Document;

#[cfg(test)]
pub(super) mod tests;
